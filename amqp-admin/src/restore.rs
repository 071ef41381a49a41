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

use crate::backup::{Backed, BackupError, BackupReader, Restorable};
use crate::broker::{BrokerConnection, Message, Publisher, Taken};
use crate::look::look;
use crate::name::QueueName;
use crate::sift::SiftCause;
use crate::words::{agree, plural};

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

/// What was put back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// By the queue that it was in; one that the file was not read up to is missing.
    pub queues: BTreeMap<QueueName, PutBack>,
    /// It was stopped before the end of the file.
    pub stopped: bool,
}

/// What was put back of one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutBack {
    /// Messages put back; the broker has confirmed each.
    pub restored: u64,
    /// Messages that were there already.
    pub present: u64,
}

impl Restored {
    /// Messages put back.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.queues.values().map(|queue| queue.restored).sum()
    }
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

/// Puts what a backup holds back, in one pass over the file: everything into `to`, or else each
/// message into the queue it was in. `there` is what is in those queues already, and stays alone.
pub async fn restore(
    connection: &BrokerConnection,
    path: &Path,
    to: Option<&QueueName>,
    there: BTreeMap<QueueName, Presence>,
    stop: &AtomicBool,
) -> Result<Restored, RestoreError> {
    let mut hands = Hands { connection, to, there, under_way: None, done: Restored::default() };
    match hands.put_back(path, stop).await {
        Ok(()) => Ok(hands.done),
        Err(source) => Err(RestoreError { done: hands.done, source }),
    }
}

/// A restoration at work.
struct Hands<'c> {
    connection: &'c BrokerConnection,
    to: Option<&'c QueueName>,
    there: BTreeMap<QueueName, Presence>,
    under_way: Option<UnderWay<'c>>,
    done: Restored,
}

/// Messages of one queue that are sent and not confirmed yet.
struct UnderWay<'c> {
    from: QueueName,
    publisher: Publisher<'c>,
    messages: u64,
    bytes: u64,
}

impl Hands<'_> {
    async fn put_back(&mut self, path: &Path, stop: &AtomicBool) -> Result<(), SiftCause> {
        let mut reader = BackupReader::open(path)?;
        while let (Restorable::Message(backed), _) = next(&mut reader)? {
            if stop.load(Ordering::Relaxed) {
                self.done.stopped = true;
                break;
            }
            let place = self.to.unwrap_or(&backed.queue);
            if self.there.get_mut(place).is_some_and(|there| there.take(&backed.message)) {
                self.done.queues.entry(backed.queue).or_default().present += 1;
            } else {
                self.send(&backed).await?;
            }
        }
        self.settle().await
    }

    async fn send(&mut self, backed: &Backed) -> Result<(), SiftCause> {
        let Backed { queue: from, message, .. } = backed;
        if self.under_way.as_ref().is_some_and(|under_way| under_way.from != *from) {
            self.settle().await?;
            self.under_way = None;
        }
        let under_way = match &mut self.under_way {
            Some(under_way) => under_way,
            none @ None => {
                let publisher = self.connection.publisher(self.to.unwrap_or(from)).await?;
                none.insert(UnderWay { from: from.clone(), publisher, messages: 0, bytes: 0 })
            }
        };
        under_way.publisher.send(message).await?;
        under_way.messages += 1;
        under_way.bytes += message.body.len() as u64;
        if under_way.messages >= SETTLE_MESSAGES || under_way.bytes >= SETTLE_BYTES {
            self.settle().await?;
        }
        Ok(())
    }

    /// Waits until the broker has confirmed what is under way.
    async fn settle(&mut self) -> Result<(), SiftCause> {
        let Some(under_way) = &mut self.under_way else { return Ok(()) };
        under_way.publisher.settle().await?;
        let put_back = self.done.queues.entry(under_way.from.clone()).or_default();
        put_back.restored += under_way.messages;
        (under_way.messages, under_way.bytes) = (0, 0);
        Ok(())
    }
}

/// A restore that failed, and what is certainly back.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} {} back for certain; {}",
    plural(done.messages(), "message"), agree(done.messages(), "is", "are"), next_step(source)
)]
pub struct RestoreError {
    /// What is certainly back.
    pub done: Restored,
    /// The cause.
    pub source: SiftCause,
}

fn next_step(cause: &SiftCause) -> &'static str {
    match cause {
        SiftCause::Broker(error) if error.is_too_large() => {
            "one is too large for this broker: raise `max_message_size` on its nodes, then restore the same file again"
        }
        SiftCause::Broker(_) | SiftCause::Backup(_) | SiftCause::NearDeliveryLimit(_) => {
            "restoring the same file again puts back the rest"
        }
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
    let properties = message.properties.with_headers().encoded().unwrap_or_default();
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

    /// A message without headers has an empty table of them once a quorum queue has added its counts.
    #[test]
    fn no_headers_and_an_empty_table_of_them_are_the_same() {
        let bare = message(b"one");
        let tabled = Message { properties: bare.properties.with_headers(), ..bare.clone() };
        assert_ne!(bare.properties, tabled.properties);
        assert_eq!(identity(&bare), identity(&tabled));
    }

    #[test]
    fn restoring_again_is_promised_only_where_it_helps() {
        let failed = |reply, says: &str| {
            let (act, endpoint) = ("publish".to_owned(), "amqp://broker".to_owned());
            let source = SiftCause::Broker(crate::Error::Amqp {
                act,
                endpoint,
                reply: Some(reply),
                source: says.into(),
            });
            RestoreError { done: Restored::default(), source }.to_string()
        };
        let large = "PRECONDITION_FAILED - message size 9 is larger than configured max size 8";
        assert!(failed(406, large).contains("raise `max_message_size`"));
        for (reply, says) in [(320, "CONNECTION_FORCED - restart"), (406, "another refusal")] {
            assert!(failed(reply, says).contains("again puts back the rest"), "{says}");
        }
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
