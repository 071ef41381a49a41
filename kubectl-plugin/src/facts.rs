//! What is known of a vhost at one moment, read once and then only looked at.

use std::collections::{BTreeMap, HashMap};

use amqp_admin::{Client, OpenChannel, Queue, QueueConsumer, QueueName, QueueRole, chain};
use anyhow::{Context as _, Result};

use crate::broker::Broker;
use crate::place::Place;

/// Calls clients by the names of their pods, in place of addresses.
fn name_pods<'a>(
    place: &Place,
    consumers: &mut [QueueConsumer],
    channels: impl Iterator<Item = &'a mut OpenChannel>,
) {
    for client in consumers.iter_mut().filter_map(|consumer| consumer.client.as_mut()) {
        client.host = place.name_of(&client.host);
    }
    for channel in channels {
        channel.peer_host = place.name_of(&channel.peer_host);
    }
}

/// Queues, consumers and channels.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Every queue, with live counts.
    pub(crate) queues: Vec<Queue>,
    /// Every consumer, up to 5 s old, by queue.
    pub(crate) consumers: Vec<QueueConsumer>,
    /// Every channel of the vhost this user may see, up to 10 s old; else why not.
    pub(crate) channels: Result<Vec<OpenChannel>, String>,
    /// Where a queue stands among the queues.
    by_name: HashMap<QueueName, usize>,
    /// The queues that a client consumes from.
    by_client: BTreeMap<Client, Vec<QueueName>>,
}

impl Facts {
    /// Asks the management API.
    pub(crate) async fn read(broker: &Broker) -> Result<Self> {
        let Broker { management, vhost, .. } = broker;
        let (queues, consumers, channels) = tokio::join!(
            management.queues(vhost),
            management.consumers(vhost),
            management.channels(Some(vhost))
        );
        let mut queues = queues.context("cannot list the queues")?;
        queues.sort_by(|one, other| (one.role, &one.name).cmp(&(other.role, &other.name)));
        let mut consumers = consumers.context("cannot list the consumers")?;
        let mut channels = channels.map_err(|error| chain(&error));
        if let Some(place) = &broker.place {
            name_pods(place, &mut consumers, channels.iter_mut().flatten());
        }
        Ok(Self::new(queues, consumers, channels))
    }

    /// PURE: the same from what was read.
    pub(crate) fn new(
        queues: Vec<Queue>,
        mut consumers: Vec<QueueConsumer>,
        channels: Result<Vec<OpenChannel>, String>,
    ) -> Self {
        let places = queues.iter().enumerate();
        let by_name = places.map(|(place, queue)| (queue.name.clone(), place)).collect();
        consumers.sort_by(|one, other| one.queue.cmp(&other.queue));
        let mut by_client: BTreeMap<Client, Vec<QueueName>> = BTreeMap::new();
        for consumer in &consumers {
            if let Some(client) = &consumer.client {
                by_client.entry(client.clone()).or_default().push(consumer.queue.clone());
            }
        }
        Self { queues, consumers, channels, by_name, by_client }
    }

    /// A queue by its name.
    pub(crate) fn queue(&self, name: &QueueName) -> Option<&Queue> {
        self.queues.get(*self.by_name.get(name)?)
    }

    /// Who consumes from a queue.
    pub(crate) fn consumers_of<'a>(
        &'a self,
        name: &'a QueueName,
    ) -> impl Iterator<Item = &'a QueueConsumer> {
        let first = self.consumers.partition_point(|consumer| consumer.queue < *name);
        let from_first = self.consumers.iter().skip(first);
        from_first.take_while(move |consumer| consumer.queue == *name)
    }

    /// Whether anybody consumes from a queue.
    pub(crate) fn is_consumed(&self, name: &QueueName) -> bool {
        self.consumers_of(name).next().is_some()
    }

    /// Result queues without a consumer in the list, which does not have a leader that has just begun.
    pub(crate) fn unwatched(&self) -> impl Iterator<Item = &Queue> {
        let results = self.queues.iter().filter(|queue| queue.role == QueueRole::Result);
        results.filter(|queue| !self.is_consumed(&queue.name))
    }

    /// The result queues that a client waits on.
    pub(crate) fn awaited_by(&self, client: &Client) -> impl Iterator<Item = &QueueName> {
        let its = self.by_client.get(client).into_iter().flatten();
        its.filter(|name| self.has_role(name, QueueRole::Result))
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
