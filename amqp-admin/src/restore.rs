//! Puts the messages of a backup back into queues, each once.
//!
//! A backup of a removal that failed can hold messages that are in their queue still, and a backup
//! can be restored a second time by mistake. So the queue is looked at first, and what is in it
//! already is not put there again. Messages that workers have taken meanwhile cannot be seen.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::backup::{BackupError, BackupReader, Restorable};
use crate::broker::{BrokerConnection, Message, Taken};
use crate::look::look;
use crate::name::QueueName;
use crate::sift::SiftCause;

/// Messages on their way before their confirmations are waited for.
const SETTLE_MESSAGES: u64 = 256;
/// Bytes of bodies on their way.
const SETTLE_BYTES: u64 = 16 << 20;

/// What a backup holds, every checksum proven.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    /// Messages by queue.
    pub queues: BTreeMap<QueueName, u64>,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Every message of the file had been removed from its queue.
    pub whole: bool,
    /// The file ends in the middle of a record.
    pub cut_short: bool,
}

/// The messages of a queue, told by what they hold. Equal ones count as often as they are there.
#[derive(Debug, Default)]
pub struct Presence(HashMap<[u8; 32], u64>);

/// What was put back into one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// Messages put back; the broker has confirmed each.
    pub restored: u64,
    /// Messages that were in the queue already.
    pub present: u64,
    /// It was stopped before the end of the file.
    pub stopped: bool,
}

/// Reads on; a record that was cut short is where the file ends.
fn next(reader: &mut BackupReader) -> Result<(Restorable, bool), BackupError> {
    match reader.next_message() {
        Err(error) if error.is_cut_short() => Ok((Restorable::End { whole: false }, true)),
        outcome => outcome.map(|next| (next, false)),
    }
}

/// Reads a whole backup and checks it.
pub fn contents(path: &Path) -> Result<Contents, BackupError> {
    let mut reader = BackupReader::open(path)?;
    let mut contents = Contents::default();
    loop {
        let (found, cut_short) = next(&mut reader)?;
        match found {
            Restorable::Message(backed) => {
                *contents.queues.entry(backed.queue).or_default() += 1;
            }
            Restorable::End { whole } => {
                contents.whole = whole;
                contents.cut_short = cut_short;
                contents.bytes = reader.read().bytes;
                return Ok(contents);
            }
        }
    }
}

/// Looks at a queue, unless it is stopped: then at a part. `None`: there is no such queue.
pub async fn presence(
    connection: &mut BrokerConnection,
    queue: &QueueName,
    stop: &AtomicBool,
) -> Result<Option<Presence>, SiftCause> {
    let Some(depth) = connection.touch(queue).await? else {
        return Ok(None);
    };
    let mut presence = Presence::default();
    let note = |taken: &Taken| presence.note(&taken.message);
    let looked = look(connection, queue, depth.ready, Some(stop), note);
    looked.await.map_err(|failure| failure.source)?;
    Ok(Some(presence))
}

/// Puts what a backup holds of `from` into `to`, without what is there already.
pub async fn restore(
    connection: &BrokerConnection,
    path: &Path,
    (from, to): (&QueueName, &QueueName),
    mut presence: Presence,
    stop: &AtomicBool,
) -> Result<Restored, RestoreError> {
    let mut reader = BackupReader::open(path).map_err(SiftCause::from)?;
    let mut publisher = connection.publisher(to).await.map_err(SiftCause::from)?;
    let (mut done, mut on_the_way, mut bytes) = (Restored::default(), 0, 0);
    let failed = |done: Restored| move |source: SiftCause| RestoreError { done, source };
    loop {
        let (found, _) = next(&mut reader).map_err(|error| failed(done)(error.into()))?;
        let end = match found {
            Restorable::End { .. } => true,
            Restorable::Message(_) if stop.load(Ordering::Relaxed) => {
                done.stopped = true;
                true
            }
            Restorable::Message(backed) if backed.queue != *from => false,
            Restorable::Message(backed) if presence.take(&backed.message) => {
                done.present += 1;
                false
            }
            Restorable::Message(backed) => {
                let sent = publisher.send(&backed.message).await;
                sent.map_err(|error| failed(done)(error.into()))?;
                (on_the_way, bytes) = (on_the_way + 1, bytes + backed.message.body.len() as u64);
                false
            }
        };
        if end || on_the_way >= SETTLE_MESSAGES || bytes >= SETTLE_BYTES {
            publisher.settle().await.map_err(|error| failed(done)(error.into()))?;
            done.restored += on_the_way;
            (on_the_way, bytes) = (0, 0);
        }
        if end {
            return Ok(done);
        }
    }
}

/// A restore that failed, and what is certainly back.
#[derive(Debug, thiserror::Error)]
#[error("{} messages are back for certain; restoring the same file again puts back the rest", done.restored)]
pub struct RestoreError {
    /// What is certainly back.
    pub done: Restored,
    /// The cause.
    pub source: SiftCause,
}

impl From<SiftCause> for RestoreError {
    fn from(source: SiftCause) -> Self {
        Self { done: Restored::default(), source }
    }
}

impl Presence {
    fn note(&mut self, message: &Message) {
        *self.0.entry(identity(message)).or_default() += 1;
    }

    /// Whether such a message is there; each counts once.
    fn take(&mut self, message: &Message) -> bool {
        match self.0.get_mut(&identity(message)) {
            Some(times @ 1..) => {
                *times -= 1;
                true
            }
            Some(0) | None => false,
        }
    }
}

/// What a message holds. The way it came does not matter: putting it back changes that.
fn identity(message: &Message) -> [u8; 32] {
    let mut digest = Sha256::new();
    // Properties that cannot be encoded did not come from a broker.
    let properties = message.properties.encoded().unwrap_or_default();
    digest.update((properties.len() as u64).to_be_bytes());
    digest.update(properties);
    digest.update(&message.body);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> Message {
        Message { body: body.to_vec(), ..Message::default() }
    }

    #[test]
    fn equal_messages_count_as_often_as_they_are_there() {
        let mut presence = Presence::default();
        presence.note(&message(b"one"));
        presence.note(&message(b"one"));
        let elsewhere = Message { routing_key: "another way".into(), ..message(b"one") };
        assert!(presence.take(&message(b"one")) && presence.take(&elsewhere));
        assert!(!presence.take(&message(b"one")) && !presence.take(&message(b"two")));
    }
}
