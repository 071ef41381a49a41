//! Looks at the first messages of a queue and gives them back to their places.

use std::sync::atomic::AtomicBool;

use crate::broker::{BrokerConnection, Taken};
use crate::name::QueueName;
use crate::sift::{Destination, Keep, Order, SiftError, Sifted, sift};
use crate::wanted::Wanted;

/// Takes the first `count` ready messages of a queue, tells `seen` each of them, and gives them
/// back. Workers get none of what is held meanwhile; messages given back are marked as redelivered.
/// Once `stop` is true the message in hand is the last.
pub async fn look(
    connection: &BrokerConnection,
    queue: &QueueName,
    count: u64,
    stop: Option<&AtomicBool>,
    mut seen: impl FnMut(&Taken),
) -> Result<Sifted, SiftError> {
    let (never, wanted) = (AtomicBool::new(false), Wanted::Everything);
    let stop = stop.unwrap_or(&never);
    let order = Order { queue, wanted: &wanted, count, rate: None, stop };
    let (destination, keep) = (Destination::Nowhere, Keep::GiveBack);
    sift(connection, order, destination, keep, |taken, _, _| seen(taken)).await
}
