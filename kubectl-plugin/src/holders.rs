//! PURE: who holds messages that no command can take away.

use amqp_admin::{OpenChannel, Queue, agree, plural};

use crate::facts::Facts;

/// Holders told by address.
const TOLD: usize = 8;

/// What a plan says of messages in workers' hands; `None`: there are none.
pub(crate) fn note<'a>(queues: impl Iterator<Item = &'a Queue>, facts: &Facts) -> Option<String> {
    let (mut held, mut unknown) = (0_u64, 0_u64);
    for queue in queues {
        match queue.reading.unacked {
            Some(unacked) => held += unacked,
            None => unknown += 1,
        }
    }
    if unknown > 0 {
        return Some(format!(
            "the broker does not say how many messages of {} are in workers' hands; those stay",
            plural(unknown, "queue")
        ));
    }
    (held > 0).then(|| {
        let (messages, are) = (plural(held, "message"), agree(held, "is", "are"));
        let stay = agree(held, "stays", "stay");
        format!("{messages} {are} in workers' hands and {stay} there{}", whose(facts))
    })
}

fn whose(facts: &Facts) -> String {
    let channels = match &facts.channels {
        Ok(channels) => channels,
        Err(why) => return format!(" (whose: not known, {why})"),
    };
    let holders: Vec<String> = channels.iter().filter_map(holder).collect();
    if holders.is_empty() {
        return String::new();
    }
    let more = holders.len().saturating_sub(TOLD);
    let told = holders.into_iter().take(TOLD).collect::<Vec<_>>().join(", ");
    if more > 0 { format!(": {told} and {more} more") } else { format!(": {told}") }
}

fn holder(channel: &OpenChannel) -> Option<String> {
    let held = channel.unacked.filter(|held| *held > 0)?;
    Some(format!("{}:{} ({held})", channel.peer_host, channel.peer_port))
}
