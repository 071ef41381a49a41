//! Messages of one queue held unacknowledged, one taken after the other.
//!
//! Nothing that is held can be lost: whatever ends the channel (an error, a signal, a lost
//! connection), the broker puts what was not acknowledged back, each message at its old place
//! where that is possible. So *keeping* a message takes nothing but letting it go.

use lapin::Channel;
use lapin::options::{BasicAckOptions, BasicGetOptions};

use super::{BrokerConnection, Message, Properties, bounded, failure};
use crate::error::{Result, Source};
use crate::name::QueueName;

/// Messages on one channel. The broker looks for an acknowledged message among all that its channel
/// holds, one after the other, so many on one channel are slow to take out.
const ON_ONE_CHANNEL: usize = 500;
/// Channels of one connection: RabbitMQ's default limit is 2 047.
const CHANNELS: usize = 1_000;

/// A message in our hands.
#[derive(Debug)]
pub struct Taken {
    /// The message.
    pub message: Message,
    /// It was in somebody's hands before.
    pub redelivered: bool,
    /// How often its queue was given it back; only quorum queues say.
    pub given_back: Option<u64>,
    tag: Tag,
}

/// Messages of one queue in our hands.
#[derive(Debug)]
pub struct Hold<'c> {
    connection: &'c BrokerConnection,
    channels: Vec<Channel>,
    /// Messages taken on the last channel.
    on_last: usize,
    queue: QueueName,
}

impl BrokerConnection {
    /// Begins to hold messages of a queue. Needs `read` on the queue.
    pub async fn hold(&self, queue: &QueueName) -> Result<Hold<'_>> {
        let channels = vec![self.open_channel().await?];
        Ok(Hold { connection: self, channels, on_last: 0, queue: queue.clone() })
    }
}

impl Hold<'_> {
    /// Takes the next ready message; `None` when there is none. Renews the queue's lease.
    pub async fn take(&mut self) -> Result<Option<Taken>> {
        if self.on_last >= ON_ONE_CHANNEL && self.channels.len() < CHANNELS {
            self.channels.push(self.connection.open_channel().await?);
            self.on_last = 0;
        }
        self.on_last += 1;
        let last = self.channels.len() - 1;
        let queue = self.queue.as_str();
        let get = self.channel(last)?.basic_get(queue.into(), BasicGetOptions::default());
        let got = bounded(self.connection.timeout, async { Ok(get.await?) }).await;
        let got = got.map_err(|source| self.failed("take a message of", source))?;
        Ok(got.map(|got| {
            let delivery = got.delivery;
            let properties = Properties::from(delivery.properties);
            let (properties, given_back) = properties.without_counts();
            let message = Message {
                exchange: delivery.exchange.to_string(),
                routing_key: delivery.routing_key.to_string(),
                properties,
                body: delivery.data,
            };
            let redelivered = delivery.redelivered;
            let tag = Tag { channel: last, delivery: delivery.delivery_tag };
            Taken { message, redelivered, given_back, tag }
        }))
    }

    /// Acknowledges a message: it is gone for good once [`Self::release`] has returned.
    pub async fn remove(&mut self, tag: Tag) -> Result<()> {
        let ack = self.channel(tag.channel)?.basic_ack(tag.delivery, BasicAckOptions::default());
        let sent = bounded(self.connection.timeout, async { Ok(ack.await?) }).await;
        sent.map_err(|source| self.failed("acknowledge a message of", source))
    }

    /// Gives everything back that was not removed, and waits until the broker has done so. Closing
    /// does it: a `basic.nack` of thousands takes the broker milliseconds for each.
    pub async fn release(self) -> Result<()> {
        for channel in &self.channels {
            // The broker answers the closing after all that was sent before it.
            let close = channel.close(200, "done".into());
            let closed = bounded(self.connection.timeout, async { Ok(close.await?) }).await;
            closed.map_err(|source| self.failed("give back messages of", source))?;
        }
        Ok(())
    }

    fn channel(&self, number: usize) -> Result<&Channel> {
        let channel = self.channels.get(number);
        channel.ok_or_else(|| self.failed("find the channel of", "it is not open".into()))
    }

    fn failed(&self, act: &str, source: Source) -> crate::Error {
        let act = format!("{act} the queue `{}`", self.queue);
        failure(&self.connection.endpoint, &act, source)
    }
}

/// Names a message that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    channel: usize,
    delivery: u64,
}

impl Taken {
    /// What [`Hold::remove`] knows it by.
    #[must_use]
    pub fn tag(&self) -> Tag {
        self.tag
    }
}
