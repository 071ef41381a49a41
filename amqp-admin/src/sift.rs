//! The selective removal: takes some messages out of a queue and leaves the others as they were.
//!
//! Every ready message is taken once and held unacknowledged. A message that is not wanted stays
//! held and is given back at the end; the broker puts it at its old place, bytes and properties
//! untouched. A wanted one first goes to a safe place (a backup file, synced, or another queue,
//! confirmed) and is acknowledged only then. So whatever happens at any moment, a message that is to
//! stay cannot be lost and cannot be doubled, for it never leaves the broker. What can be doubled by
//! a failure is a wanted message: safe already, and back in its queue.
//!
//! Quorum queues count how often a message was given back and drop it at their delivery limit, so
//! there a message that stays is published anew at the queue's end, confirmed, and then
//! acknowledged: in order, never lost, doubled if we fail between the two.

use std::num::NonZeroU32;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Serialize;
use thiserror::Error as ThisError;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::backup::{BackupError, BackupWriter};
use crate::broker::{BrokerConnection, Hold, Publisher, Tag, Taken};
use crate::error::Error;
use crate::name::QueueName;
use crate::wanted::{Verdict, Wanted};

/// Wanted messages on their way to the safe place before they are acknowledged.
const SETTLE_MESSAGES: usize = 256;
/// The same where the queue may be a quorum queue. Its acknowledgements beyond 32 on their way are
/// put off by the broker's channel and lost with it (`rabbit_fifo_client`, 3.10 to 4.3); taking a
/// message waits for those before it, so with fewer than half of them between two none is put off.
const QUORUM_SETTLE_MESSAGES: usize = 8;
/// Bytes of bodies on their way.
const SETTLE_BYTES: usize = 16 << 20;

/// RabbitMQ 4 drops a message of a quorum queue that was given back 20 times.
const GIVEN_BACK_AT_MOST: u64 = 8;

/// What to do with one queue.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The queue.
    pub queue: &'a QueueName,
    /// Which of its messages go.
    pub wanted: &'a Wanted,
    /// Messages to look at: the queue's depth at the start, so that a growing queue has an end.
    pub count: u64,
    /// At most so many messages a second.
    pub rate: Option<NonZeroU32>,
    /// Once true, the message in hand is finished and the rest given back.
    pub stop: &'a AtomicBool,
}

/// Where wanted messages go.
#[derive(Debug)]
pub enum Destination<'c> {
    /// Into a file: they are removed.
    File(&'c mut BackupWriter),
    /// Into another queue: they are moved.
    Queue(Publisher<'c>),
    /// Into a file, and they stay as well.
    Copy(&'c mut BackupWriter),
    /// Nowhere: they are only counted.
    Nowhere,
}

/// How a message stays that is not wanted.
#[derive(Debug)]
pub enum Keep<'c> {
    /// It is given back: classic queues.
    GiveBack,
    /// It is published anew to its own queue: quorum queues.
    Republish(Publisher<'c>),
    /// None does, in a queue of any kind.
    None,
}

impl Keep<'_> {
    fn settle_messages(&self) -> usize {
        match self {
            Self::GiveBack => SETTLE_MESSAGES,
            Self::Republish(_) | Self::None => QUORUM_SETTLE_MESSAGES,
        }
    }
}

/// What was done to one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sifted {
    /// Messages to look at.
    pub counted: u64,
    /// Messages looked at; fewer when workers took the others meanwhile.
    pub seen: u64,
    /// Wanted messages: removed or moved, unless only counted.
    pub wanted: u64,
    /// Bytes of their bodies.
    pub wanted_bytes: u64,
    /// Messages that stayed because it cannot be told what they are.
    pub unknown: u64,
    /// It was stopped before it had looked at all.
    pub stopped: bool,
}

impl Sifted {
    /// Messages that stayed.
    #[must_use]
    pub fn kept(&self) -> u64 {
        self.seen - self.wanted
    }
}

/// Several rounds over one queue.
impl AddAssign for Sifted {
    fn add_assign(&mut self, round: Self) {
        let Self { counted, seen, wanted, wanted_bytes, unknown, stopped } = round;
        self.counted += counted;
        self.seen += seen;
        self.wanted += wanted;
        self.wanted_bytes += wanted_bytes;
        self.unknown += unknown;
        self.stopped |= stopped;
    }
}

/// A sift that failed, and how far it had come.
#[derive(Debug, ThisError)]
#[error(
    "stopped at message {} of {}, nothing is lost{}", so_far.seen, so_far.counted, doubt(so_far)
)]
pub struct SiftError {
    /// What had been looked at.
    pub so_far: Sifted,
    /// The cause.
    pub source: SiftCause,
}

/// What a failure leaves open.
fn doubt(so_far: &Sifted) -> String {
    match so_far.wanted {
        0 => String::new(),
        1 => "; the wanted message may be back in the queue".to_owned(),
        wanted => format!("; of {wanted} wanted messages the last ones may be back in the queue"),
    }
}

/// Why a sift failed.
#[derive(Debug, ThisError)]
pub enum SiftCause {
    /// The broker, or the way to it.
    #[error(transparent)]
    Broker(#[from] Error),
    /// The backup file.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// A quorum queue would drop the message if it were given back some times more.
    #[error(
        "a message of this quorum queue was given back {0} times already and would be dropped at the queue's delivery limit: remove or move messages, which starts the count anew, instead of looking at them"
    )]
    NearDeliveryLimit(u64),
}

/// Sifts a queue. `seen` is told each message that was looked at.
pub async fn sift<'c>(
    connection: &'c BrokerConnection,
    order: Order<'_>,
    destination: Destination<'c>,
    keep: Keep<'c>,
    mut seen: impl FnMut(&Taken, Verdict, &Sifted),
) -> Result<Sifted, SiftError> {
    let mut so_far = Sifted { counted: order.count, ..Sifted::default() };
    let outcome = async {
        let hold = connection.hold(order.queue).await?;
        let pending = Vec::new();
        let mut hands = Hands { hold, destination, keep, pending, pending_bytes: 0 };
        hands.work(order, &mut so_far, &mut seen).await?;
        hands.settle().await?;
        hands.hold.release().await?;
        Ok(())
    };
    match outcome.await {
        Ok(()) => Ok(so_far),
        Err(source) => Err(SiftError { so_far, source }),
    }
}

/// What is held, and what of it may be acknowledged once it is safe.
struct Hands<'c> {
    hold: Hold<'c>,
    destination: Destination<'c>,
    keep: Keep<'c>,
    pending: Vec<Tag>,
    pending_bytes: usize,
}

impl Hands<'_> {
    async fn work(
        &mut self,
        order: Order<'_>,
        so_far: &mut Sifted,
        seen: &mut impl FnMut(&Taken, Verdict, &Sifted),
    ) -> Result<(), SiftCause> {
        let mut pace = order.rate.map(pace);
        while so_far.seen < order.count {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            if order.stop.load(Ordering::Relaxed) {
                so_far.stopped = true;
                return Ok(());
            }
            let Some(taken) = self.hold.take().await? else {
                return Ok(());
            };
            let verdict = order.wanted.verdict(&taken.message);
            so_far.note(verdict, &taken);
            self.place(order.queue, verdict, &taken).await?;
            seen(&taken, verdict, so_far);
            if self.pending.len() >= self.keep.settle_messages()
                || self.pending_bytes >= SETTLE_BYTES
            {
                self.settle().await?;
            }
        }
        Ok(())
    }

    /// Puts a message where it belongs; it is acknowledged when it is safe there.
    async fn place(
        &mut self,
        queue: &QueueName,
        verdict: Verdict,
        taken: &Taken,
    ) -> Result<(), SiftCause> {
        match (verdict, &mut self.destination, &mut self.keep) {
            (Verdict::Wanted, Destination::File(file), _) => {
                file.add(queue, &taken.message, taken.redelivered)?;
            }
            (Verdict::Wanted, Destination::Queue(publisher), _)
            | (Verdict::Other | Verdict::Unknown, _, Keep::Republish(publisher)) => {
                publisher.send(&taken.message).await?;
            }
            (Verdict::Wanted, Destination::Copy(file), _) => {
                file.add(queue, &taken.message, taken.redelivered)?;
                return may_be_given_back(taken);
            }
            (Verdict::Wanted, Destination::Nowhere, _)
            | (Verdict::Other | Verdict::Unknown, _, Keep::GiveBack | Keep::None) => {
                return may_be_given_back(taken);
            }
        }
        self.pending.push(taken.tag());
        self.pending_bytes += taken.message.body.len();
        Ok(())
    }

    /// Makes sure that everything on its way has arrived, and acknowledges it.
    async fn settle(&mut self) -> Result<(), SiftCause> {
        if self.pending.is_empty() {
            return Ok(());
        }
        match &mut self.destination {
            Destination::File(file) => file.sync()?,
            Destination::Queue(publisher) => publisher.settle().await?,
            Destination::Copy(_) | Destination::Nowhere => {}
        }
        if let Keep::Republish(publisher) = &mut self.keep {
            publisher.settle().await?;
        }
        for tag in self.pending.drain(..) {
            self.hold.remove(tag).await?;
        }
        self.pending_bytes = 0;
        Ok(())
    }
}

impl Sifted {
    fn note(&mut self, verdict: Verdict, taken: &Taken) {
        self.seen += 1;
        match verdict {
            Verdict::Wanted => {
                self.wanted += 1;
                self.wanted_bytes += taken.message.body.len() as u64;
            }
            Verdict::Other => {}
            Verdict::Unknown => self.unknown += 1,
        }
    }
}

fn may_be_given_back(taken: &Taken) -> Result<(), SiftCause> {
    let count = taken.given_back.filter(|&count| count >= GIVEN_BACK_AT_MOST);
    count.map_or(Ok(()), |count| Err(SiftCause::NearDeliveryLimit(count)))
}

fn pace(rate: NonZeroU32) -> Interval {
    let mut pace = interval(Duration::from_secs(1) / rate.get());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}
