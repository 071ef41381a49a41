//! What is known of a vhost at one moment, read once and then only looked at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use amqp_admin::{Client, OpenChannel, Queue, QueueConsumer, QueueName, QueueRole, chain};
use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep};

use crate::broker::Broker;
use crate::output::Printer;
use crate::place::Place;

/// The broker's list of consumers is up to 5 s old, with RabbitMQ's own `collect_statistics_interval`.
const LIST_AGE: Duration = Duration::from_secs(6);

/// Since when result queues have been without a consumer in the list, from one reading to the next.
#[derive(Debug, Default)]
pub(crate) struct Unwatched(BTreeMap<QueueName, Instant>);

impl Unwatched {
    /// PURE: takes a reading into account.
    fn note<'a>(&mut self, seen: impl Iterator<Item = &'a Queue>, now: Instant) {
        let since = |queue: &Queue| self.0.get(&queue.name).copied().unwrap_or(now);
        self.0 = seen.map(|queue| (queue.name.clone(), since(queue))).collect();
    }

    /// PURE: those that have been so for longer than the list is old: a leader that has just begun is not in it.
    fn deserted(&self, now: Instant) -> BTreeSet<QueueName> {
        let long = self.0.iter().filter(|(_, since)| now.duration_since(**since) >= LIST_AGE);
        long.map(|(name, _)| name.clone()).collect()
    }
}

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
    /// Result queues without a leader.
    deserted: BTreeSet<QueueName>,
}

impl Facts {
    /// Asks the management API, and once more after a while if there are result queues that nobody seems to wait on.
    pub(crate) async fn settled(broker: &Broker, printer: &mut Printer) -> Result<Self> {
        let mut unwatched = Unwatched::default();
        let facts = Self::next(broker, &mut unwatched).await?;
        if unwatched.0.is_empty() {
            return Ok(facts);
        }
        let again = LIST_AGE.as_secs();
        printer.say(&format!(
            "a result queue seems to have no leader, or one that has just begun: looking again in {again} s"
        ));
        sleep(LIST_AGE).await;
        Self::next(broker, &mut unwatched).await
    }

    /// Asks the management API again and again; what is deserted comes out by and by.
    pub(crate) async fn next(broker: &Broker, unwatched: &mut Unwatched) -> Result<Self> {
        let facts = Self::read(broker).await?;
        let now = Instant::now();
        unwatched.note(facts.unwatched(), now);
        Ok(Self { deserted: unwatched.deserted(now), ..facts })
    }

    /// Asks the management API once, from which nobody can say whose leader is gone.
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
        Ok(Self { deserted: BTreeSet::new(), ..Self::new(queues, consumers, channels) })
    }

    /// PURE: the same from what was read, as if the list of consumers were true at this moment.
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
        let deserted = BTreeSet::new();
        let facts = Self { queues, consumers, channels, by_name, by_client, deserted };
        let deserted = facts.unwatched().map(|queue| queue.name.clone()).collect();
        Self { deserted, ..facts }
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

    /// Result queues that no leader waits on.
    pub(crate) fn deserted(&self) -> impl Iterator<Item = &Queue> {
        self.deserted.iter().filter_map(|name| self.queue(name))
    }

    /// Whether a result queue is gone, or no leader waits on it.
    pub(crate) fn has_no_leader(&self, name: &QueueName) -> bool {
        self.queue(name).is_none() || self.deserted.contains(name)
    }

    /// Result queues without a consumer in the list.
    fn unwatched(&self) -> impl Iterator<Item = &Queue> {
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

#[cfg(test)]
mod tests {
    use amqp_admin::Reading;

    use super::*;

    #[test]
    fn a_queue_is_deserted_once_it_was_so_for_longer_than_the_list_is_old() {
        let name = |name: &str| QueueName::new(name).unwrap();
        let queue = |text| Queue::classic(name(text), QueueRole::Result, Reading::known(0, 0));
        let (old, new) = (queue("AAAAA"), queue("BBBBB"));
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut unwatched = Unwatched::default();
        unwatched.note([&old].into_iter(), at(0));
        assert_eq!(unwatched.deserted(at(0)), BTreeSet::new(), "its leader may have just begun");
        unwatched.note([&old, &new].into_iter(), at(5));
        assert_eq!(unwatched.deserted(at(5)), BTreeSet::new());
        assert_eq!(unwatched.deserted(at(6)), [name("AAAAA")].into());
        unwatched.note([&new].into_iter(), at(7));
        unwatched.note([&old, &new].into_iter(), at(12));
        assert_eq!(unwatched.deserted(at(12)), [name("BBBBB")].into(), "the other had a leader");
    }
}
