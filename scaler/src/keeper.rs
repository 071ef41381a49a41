//! Keeps queues that hold work from expiring.
//!
//! Every paladin queue is declared with a lease of 30 minutes (`x-expires`). Without a consumer it
//! is deleted with its tasks when the lease runs out, even if full: a backlog that waits that long
//! for a node would be lost. A passive declare over AMQP renews the lease; an HTTP read does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{Endpoint, Error, QueueKind, QueueName, QueueRole, VhostName, chain};
use tokio_util::sync::CancellationToken;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::sessions::Sessions;
use crate::snapshot::{Orphans, Snapshot};
use crate::status::KeptQueue;
use crate::triggers::{Known, Triggers};

/// Between two looks at whether a renewal is due.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a failure, before the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A queue of a vhost.
type Place = (VhostName, QueueName);

/// The keeper of one broker.
#[derive(Debug)]
pub struct Keeper {
    state: Arc<BrokerState>,
    sessions: Sessions,
    triggers: Arc<Triggers>,
    /// Between two renewals of one lease.
    every: Duration,
    /// When each lease was renewed, and how many messages waited where no consumer was.
    renewed: BTreeMap<Place, (Instant, Option<u64>)>,
    /// How many triggers and vhosts were known at the last round.
    seen: (usize, usize),
}

impl Keeper {
    /// A keeper that is not connected.
    #[must_use]
    pub fn new(
        state: Arc<BrokerState>,
        endpoint: Endpoint,
        triggers: Arc<Triggers>,
        every: Duration,
    ) -> Self {
        let sessions = Sessions::new(endpoint);
        Self { state, sessions, triggers, every, renewed: BTreeMap::new(), seen: (0, 0) }
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut last: Option<Instant> = None;
        loop {
            let now = clock::now();
            let mut pause = LOOK_EVERY;
            if last.is_none_or(|last| now.duration_since(last) >= self.every) || self.has_grown() {
                let outcome = self.round(now).await;
                last = outcome.is_ok().then_some(now);
                pause = if outcome.is_ok() { LOOK_EVERY } else { RETRY_AFTER };
                self.note(outcome);
            }
            self.sessions.close_idle().await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.sessions.close().await;
    }

    /// A lease may have run down while nobody asked for its queue: what is new is looked at now.
    fn has_grown(&mut self) -> bool {
        let before = self.seen;
        self.seen = (self.triggers.all().len(), self.state.snapshot().vhosts.len());
        self.seen.0 > before.0 || self.seen.1 > before.1
    }

    /// Renews the leases that were not renewed lately, of queues that some trigger counts and
    /// that hold waiting messages.
    async fn round(&mut self, now: Instant) -> Result<(), Error> {
        let mut known = self.triggers.all();
        known.retain(|known| known.trigger.broker == self.state.alias);
        let waiting = waiting(&self.state.snapshot(), &known);
        self.renewed.retain(|place, _| waiting.contains(place));
        for place in waiting {
            let fresh = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) < self.every;
            if !self.renewed.get(&place).is_some_and(fresh) {
                let ready = self.renew(&place).await?;
                self.renewed.insert(place, (now, ready));
            }
        }
        let kept = self.renewed.iter().filter_map(|((vhost, queue), (_, ready))| {
            let (vhost, queue) = (vhost.to_string(), queue.to_string());
            ready.map(|ready| KeptQueue { vhost, queue, ready })
        });
        let kept = kept.collect();
        self.state.with_keep_alive(|keep_alive| keep_alive.kept = kept);
        Ok(())
    }

    /// `None`: the queue needs no keeping, it has a consumer, or nothing waits in it any more.
    async fn renew(&mut self, (vhost, queue): &Place) -> Result<Option<u64>, Error> {
        let depth = self.sessions.touch(vhost, queue).await?;
        let needy = depth.filter(|depth| depth.consumers == 0 && depth.ready > 0);
        Ok(needy.map(|depth| depth.ready))
    }

    /// Tells what happened, once for each change.
    fn note(&self, outcome: Result<(), Error>) {
        let error = outcome.err().map(|error| chain(&error));
        let failed = error.clone();
        let before = self.state.with_keep_alive(|told| std::mem::replace(&mut told.error, failed));
        let alias = &self.state.alias;
        match (before, error) {
            (None, Some(error)) => {
                tracing::warn!(broker = %alias, %error, "cannot keep queues alive over AMQP; they expire after 30 minutes without a consumer");
            }
            (Some(_), None) => tracing::info!(broker = %alias, "queues are kept alive again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

/// PURE: the queues whose lease matters: counted by a trigger, with messages waiting, not orphaned.
fn waiting(snapshot: &Snapshot, known: &[Arc<Known>]) -> BTreeSet<Place> {
    let mut waiting = BTreeSet::new();
    for (vhost, reading) in &snapshot.vhosts {
        let abandoned = matches!(reading.orphans, Orphans::Certain { .. });
        let selectors: Vec<_> = known
            .iter()
            .filter(|known| {
                crate::decide::vhosts_of(&known.trigger, snapshot)
                    .is_ok_and(|all| all.contains(vhost))
            })
            .map(|known| &known.trigger.selector)
            .collect();
        for queue in reading.queues.iter() {
            let orphaned = abandoned && matches!(queue.role, QueueRole::Task(_));
            let counted = || selectors.iter().any(|selector| selector.exclusion(queue).is_none());
            if queue.reading.ready.unwrap_or(0) > 0
                && queue.kind != QueueKind::Stream
                && !orphaned
                && counted()
            {
                waiting.insert((vhost.clone(), queue.name.clone()));
            }
        }
    }
    waiting
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Pool, Queue, Reading};

    use super::*;
    use crate::snapshot::{SourceKind, VhostReading};

    fn queue(name: &str, role: QueueRole, ready: u64) -> Queue {
        Queue::classic(QueueName::new(name).unwrap(), role, Reading::known(ready, 0))
    }

    fn names(orphans: Orphans, metadata: &[(&str, &str)]) -> Vec<String> {
        let triggers = Triggers::default();
        let metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        triggers.take("ns", "so", &metadata, clock::now()).unwrap();
        let queues = [
            queue("task-ipc-routing-key", QueueRole::Task(Pool::All), 3),
            queue("heavy-proof", QueueRole::Task(Pool::Heavy), 0),
            queue("proof-1", QueueRole::Other, 1),
            queue("BmXij", QueueRole::Result, 1),
        ];
        let reading = VhostReading {
            taken_at: clock::now(),
            source: SourceKind::Live,
            queues: queues.into(),
            orphans,
        };
        let mut snapshot = Snapshot::default();
        snapshot.vhosts.insert(VhostName::default(), reading);
        waiting(&snapshot, &triggers.all())
            .into_iter()
            .map(|(_, queue)| queue.to_string())
            .collect()
    }

    #[test]
    fn queues_that_count_and_hold_waiting_work_are_kept_alive() {
        assert_eq!(names(Orphans::None, &[]), ["proof-1", "task-ipc-routing-key"]);
        assert_eq!(names(Orphans::None, &[("queues", "proof-.*")]), ["proof-1"]);
    }

    #[test]
    fn queues_of_a_vhost_nobody_asks_for_are_left_alone() {
        assert!(names(Orphans::None, &[("vhost", "elsewhere")]).is_empty());
    }

    #[test]
    fn orphaned_tasks_may_expire() {
        let gone = Orphans::Certain { since: clock::now() };
        assert_eq!(names(gone, &[]), ["proof-1"]);
    }
}
