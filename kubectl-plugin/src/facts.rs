//! What is known of a vhost at one moment, read once and then only looked at.

use amqp_admin::{Client, OpenChannel, Queue, QueueConsumer, QueueName, QueueRole, chain};
use anyhow::{Context as _, Result};

use crate::broker::Broker;

/// Queues, consumers and channels.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Every queue, with live counts.
    pub(crate) queues: Vec<Queue>,
    /// Every consumer, up to 5 s old.
    pub(crate) consumers: Vec<QueueConsumer>,
    /// Every channel of the vhost this user may see, up to 10 s old; else why not.
    pub(crate) channels: Result<Vec<OpenChannel>, String>,
}

impl Facts {
    /// Asks the management API.
    pub(crate) async fn read(broker: &Broker) -> Result<Self> {
        let Broker { management, vhost, .. } = broker;
        let (queues, consumers, channels) = tokio::join!(
            management.queues(vhost),
            management.consumers(vhost),
            management.channels_of(vhost)
        );
        let mut queues = queues.context("cannot list the queues")?;
        queues.sort_by(|one, other| (one.role, &one.name).cmp(&(other.role, &other.name)));
        let consumers = consumers.context("cannot list the consumers")?;
        Ok(Self { queues, consumers, channels: channels.map_err(|error| chain(&error)) })
    }

    /// A queue by its name.
    pub(crate) fn queue(&self, name: &QueueName) -> Option<&Queue> {
        self.queues.iter().find(|queue| queue.name == *name)
    }

    /// Who consumes from a queue.
    pub(crate) fn consumers_of<'a>(
        &'a self,
        name: &'a QueueName,
    ) -> impl Iterator<Item = &'a QueueConsumer> {
        self.consumers.iter().filter(move |consumer| consumer.queue == *name)
    }

    /// Whether anybody consumes from a queue.
    pub(crate) fn is_consumed(&self, name: &QueueName) -> bool {
        self.consumers_of(name).next().is_some()
    }

    /// The result queues that a client waits on.
    pub(crate) fn awaited_by<'a>(
        &'a self,
        client: &'a Client,
    ) -> impl Iterator<Item = &'a QueueName> {
        let its = self.consumers.iter().filter(|c| c.client.as_ref() == Some(client));
        its.map(|consumer| &consumer.queue).filter(|name| self.has_role(name, QueueRole::Result))
    }

    fn has_role(&self, name: &QueueName, role: QueueRole) -> bool {
        self.queue(name).is_some_and(|queue| queue.role == role)
    }

    /// Queues that workers take from: task queues, and those that operators named.
    pub(crate) fn work_queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues
            .iter()
            .filter(|queue| matches!(queue.role, QueueRole::Task(_) | QueueRole::Other))
            .filter(|queue| !queue.exclusive)
    }
}
