//! Publishing to queues with the broker's confirmation: nothing counts as sent before it.

use std::collections::VecDeque;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, PublisherConfirm};

use super::{BrokerConnection, Message, bounded, failure};
use crate::error::{Error, Result, Source};
use crate::name::QueueName;

/// AMQP's reply code for what is not there.
const NOT_FOUND: u16 = 404;

/// Messages under way to one queue.
#[derive(Debug)]
pub struct Publisher<'c> {
    connection: &'c BrokerConnection,
    channel: Channel,
    queue: QueueName,
    sent: VecDeque<PublisherConfirm>,
}

impl BrokerConnection {
    /// Begins to publish to a queue. Needs `write` on the default exchange.
    pub async fn publisher(&self, queue: &QueueName) -> Result<Publisher<'_>> {
        let channel = self.open_channel().await?;
        let select = channel.confirm_select(ConfirmSelectOptions::default());
        let selected = bounded(self.timeout, async { Ok(select.await?) }).await;
        selected.map_err(|source| failure(&self.endpoint, "ask for confirmations", source))?;
        Ok(Publisher { connection: self, channel, queue: queue.clone(), sent: VecDeque::new() })
    }
}

impl Publisher<'_> {
    /// Sends a message to the queue, whatever exchange it came by; its properties go unchanged.
    pub async fn send(&mut self, message: &Message) -> Result<()> {
        // A message to a queue that is not there comes back instead of vanishing.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (queue, properties) = (self.queue.as_str().into(), message.properties.inner());
        let publish =
            self.channel.basic_publish("".into(), queue, options, &message.body, properties);
        let sent = bounded(self.connection.timeout, async { Ok(publish.await?) }).await;
        self.sent.push_back(sent.map_err(|source| self.failed(source))?);
        Ok(())
    }

    /// Waits until the broker has taken everything that was sent. After an error nothing that was
    /// sent since the last success counts as taken.
    pub async fn settle(&mut self) -> Result<()> {
        while let Some(confirm) = self.sent.pop_front() {
            let confirmed = bounded(self.connection.timeout, async { Ok(confirm.await?) }).await;
            match confirmed.map_err(|source| self.failed(source))? {
                Confirmation::Ack(None) => {}
                Confirmation::Ack(Some(_)) => return Err(self.no_such_queue()),
                Confirmation::Nack(_) => {
                    return Err(self.refused("the broker refused it: is the queue full, or gone?"));
                }
                Confirmation::NotRequested => {
                    return Err(self.refused("the broker gave no confirmation"));
                }
            }
        }
        Ok(())
    }

    fn failed(&self, source: Source) -> Error {
        let act = format!("publish to the queue `{}`", self.queue);
        failure(&self.connection.endpoint, &act, source)
    }

    /// The message came back.
    fn no_such_queue(&self) -> Error {
        let mut error = self.refused("there is no such queue");
        if let Error::Amqp { reply, .. } = &mut error {
            *reply = Some(NOT_FOUND);
        }
        error
    }

    fn refused(&self, why: &'static str) -> Error {
        self.failed(why.into())
    }
}
