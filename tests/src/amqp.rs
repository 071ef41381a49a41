//! Work for the scaler to count: queues as paladin declares them, messages, and workers that hold them.

use anyhow::{Context, ensure};
use futures_util::StreamExt as _;
use futures_util::future::try_join_all;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};

use crate::harness;

/// The lease of every paladin queue, in milliseconds.
pub const PALADIN_EXPIRES_MS: i32 = 1_800_000;
/// A broker declares on several channels at once.
const CHANNELS: usize = 8;
/// As large as a small task.
const BODY: &[u8] = &[7; 200];

/// One connection to one vhost, with a channel that confirms what is published.
pub struct Amqp {
    connection: Connection,
    channel: Channel,
}

impl Amqp {
    /// Connects to the vhost that the URI names.
    pub async fn connect(uri: &str) -> anyhow::Result<Self> {
        let connection = Connection::connect(uri, ConnectionProperties::default());
        let connection = connection.await.context("connect to the broker")?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }

    /// The channel, for what the helpers do not do.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// One more channel on this connection.
    pub async fn new_channel(&self) -> anyhow::Result<Channel> {
        Ok(self.connection.create_channel().await?)
    }

    /// Declares a queue as paladin does: classic, not durable, gone after 30 minutes without use.
    pub async fn paladin_queue(&self, name: &str) -> anyhow::Result<()> {
        let lease = [("x-expires", AMQPValue::LongInt(PALADIN_EXPIRES_MS))];
        self.queue(name, QueueDeclareOptions::default(), &lease).await
    }

    /// Declares a queue with options and arguments of one's own.
    pub async fn queue(
        &self,
        name: &str,
        options: QueueDeclareOptions,
        arguments: &[(&str, AMQPValue)],
    ) -> anyhow::Result<()> {
        let options = permitted(options);
        let declared = self.channel.queue_declare(name.into(), options, table(arguments)).await;
        declared.map(drop).with_context(|| format!("declare the queue `{name}`"))
    }

    /// Declares many paladin queues without waiting for each one's answer, on several channels.
    pub async fn many_paladin_queues(&self, names: &[String]) -> anyhow::Result<()> {
        let shares = names.chunks(names.len().div_ceil(CHANNELS).max(1));
        try_join_all(shares.map(|share| self.share_of_paladin_queues(share))).await?;
        Ok(())
    }

    async fn share_of_paladin_queues(&self, names: &[String]) -> anyhow::Result<()> {
        let lease = table(&[("x-expires", AMQPValue::LongInt(PALADIN_EXPIRES_MS))]);
        let options = permitted(QueueDeclareOptions::default());
        let unanswered = QueueDeclareOptions { nowait: true, ..options };
        let channel = self.new_channel().await?;
        for name in names {
            channel.queue_declare(name.as_str().into(), unanswered, lease.clone()).await?;
        }
        // Answers come in order: when the last queue is there, all are.
        if let Some(last) = names.last() {
            channel.queue_declare(last.as_str().into(), options, lease).await?;
        }
        Ok(channel.close(200, "done".into()).await?)
    }

    /// Publishes messages to a queue; when this returns, they are in it.
    pub async fn publish(&self, queue: &str, messages: usize) -> anyhow::Result<()> {
        self.publish_to(std::iter::repeat_n(queue, messages)).await
    }

    /// Publishes one message to each queue; when this returns, they are there.
    pub async fn publish_to<'a>(
        &self,
        queues: impl IntoIterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        // A message to a queue that is not there comes back instead of vanishing.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        for queue in queues {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let sent =
                self.channel.basic_publish("".into(), queue.into(), options, BODY, properties);
            drop(sent.await?);
        }
        let returned = self.channel.wait_for_confirms().await?;
        ensure!(returned.is_empty(), "{} messages came back: no such queue", returned.len());
        Ok(())
    }

    /// Ready messages of a queue.
    pub async fn ready(&self, queue: &str) -> anyhow::Result<u64> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let none = FieldTable::default();
        let told = self.channel.queue_declare(queue.into(), options, none).await?;
        Ok(told.message_count().into())
    }

    /// Removes all ready messages.
    pub async fn purge(&self, queue: &str) -> anyhow::Result<()> {
        self.channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        Ok(())
    }

    /// Deletes a queue with what it holds.
    pub async fn delete(&self, queue: &str) -> anyhow::Result<()> {
        self.channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?;
        Ok(())
    }

    /// A worker on a queue: paladin's have a prefetch of 1.
    pub async fn worker(&self, queue: &str, prefetch: u16) -> anyhow::Result<Worker> {
        let channel = self.new_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue.into(), "".into(), options, none).await?;
        Ok(Worker { channel, consumer, held: Vec::new() })
    }

    /// A worker that holds so many messages of a queue and will not give them back.
    pub async fn hold(&self, queue: &str, messages: u16) -> anyhow::Result<Worker> {
        let mut worker = self.worker(queue, messages).await?;
        worker.take(messages.into()).await?;
        Ok(worker)
    }

    /// Closes the connection in good order; queues exclusive to it go with it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.connection.close(200, "done".into()).await?;
        Ok(())
    }
}

/// A consumer with the messages it holds. What is still held when it closes goes back to the queue.
pub struct Worker {
    channel: Channel,
    consumer: Consumer,
    held: Vec<Delivery>,
}

impl Worker {
    /// Waits until it holds so many messages more.
    pub async fn take(&mut self, messages: usize) -> anyhow::Result<()> {
        for _ in 0..messages {
            let delivery = self.consumer.next().await.context("the consumer was cancelled")??;
            self.held.push(delivery);
        }
        Ok(())
    }

    /// Messages it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Acknowledges so many of the messages it holds, oldest first.
    pub async fn finish(&mut self, messages: usize) -> anyhow::Result<()> {
        let messages = messages.min(self.held.len());
        for delivery in self.held.drain(..messages) {
            delivery.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }

    /// Stops consuming; what it holds it keeps.
    pub async fn cancel(&mut self) -> anyhow::Result<()> {
        let tag = self.consumer.tag();
        self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
        Ok(())
    }

    /// Goes away; what it holds goes back to the queue.
    pub async fn close(self) -> anyhow::Result<()> {
        self.channel.close(200, "done".into()).await?;
        Ok(())
    }
}

/// Where transient queues are denied, durable ones stand in their place, as behind a gateway that
/// makes them so.
fn permitted(options: QueueDeclareOptions) -> QueueDeclareOptions {
    let instead = !options.exclusive && harness::series().denies_transient_queues();
    QueueDeclareOptions { durable: options.durable || instead, ..options }
}

fn table(arguments: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    table
}
