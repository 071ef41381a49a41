//! Over AMQP: keeps queues that hold work from expiring, and asks task queues for fresh depths.
//!
//! Every paladin queue is declared with a lease of 30 minutes (`x-expires`). Without a consumer it
//! is deleted with its tasks when the lease runs out, even if full: a backlog that waits that long
//! for a node would be lost. A passive declare renews the lease; an HTTP read does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{
    BrokerConnection, Endpoint, Error, Lease, QueueKind, QueueName, QueueRole, VhostName, classify,
    task_queue_names,
};
use tokio_util::sync::CancellationToken;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::pace;
use crate::snapshot::{Orphans, Snapshot, Touched};
use crate::source::chain;
use crate::status::KeptQueue;
use crate::triggers::{Known, Triggers};

/// Bounds a connect and each call.
const TIMEOUT: Duration = Duration::from_secs(5);
/// After a failure, before the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A connection that was not needed for so long is closed.
const IDLE: Duration = Duration::from_secs(120);

/// The keeper of one broker.
pub struct Keeper {
    state: Arc<BrokerState>,
    endpoint: Endpoint,
    triggers: Arc<Triggers>,
    /// Between two renewals; `None`: leases are not renewed.
    every: Option<Duration>,
    connections: BTreeMap<VhostName, Connected>,
}

struct Connected {
    connection: BrokerConnection,
    used: Instant,
}

impl Keeper {
    /// A keeper that is not connected.
    #[must_use]
    pub fn new(
        state: Arc<BrokerState>,
        endpoint: Endpoint,
        triggers: Arc<Triggers>,
        every: Option<Duration>,
    ) -> Self {
        Self { state, endpoint, triggers, every, connections: BTreeMap::new() }
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut renewed: Option<Instant> = None;
        loop {
            let now = clock::now();
            let due = self
                .every
                .is_some_and(|every| renewed.is_none_or(|at| now.duration_since(at) >= every));
            let outcome = self.round(due).await;
            if due && outcome.is_ok() {
                renewed = Some(now);
            }
            let pause = if self.note(outcome) { pace::FRESH } else { RETRY_AFTER };
            self.close_idle().await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        for (_, connected) in std::mem::take(&mut self.connections) {
            connected.connection.close().await;
        }
    }

    async fn round(&mut self, renew: bool) -> Result<(), Error> {
        let snapshot = self.state.snapshot();
        for vhost in snapshot.vhosts.keys() {
            if wants_fresh_depths(&snapshot, vhost) {
                self.refresh(&snapshot, vhost).await?;
            }
        }
        if renew {
            self.renew(&snapshot).await?;
        }
        Ok(())
    }

    /// Asks the task queues for their depths, also those the reading does not list yet.
    async fn refresh(&mut self, snapshot: &Snapshot, vhost: &VhostName) -> Result<(), Error> {
        for name in task_queue_names().filter_map(|name| QueueName::new(name).ok()) {
            let role = classify(&name, Lease::Unknown);
            let depth = self.touch(vhost, &name).await?;
            let key = (vhost.clone(), name);
            let before = snapshot.touched.get(&key).map(|touched| touched.depth);
            if depth.is_none() && before.is_none() {
                continue;
            }
            let at = clock::now();
            self.state.update(|snapshot| match depth {
                Some(depth) => drop(snapshot.touched.insert(key, Touched { depth, at, role })),
                None => drop(snapshot.touched.remove(&key)),
            });
        }
        Ok(())
    }

    /// Renews the lease of every queue that some trigger counts and that holds waiting messages.
    async fn renew(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let known = self.triggers.all();
        let known: Vec<_> =
            known.into_iter().filter(|known| known.trigger.broker == self.state.alias).collect();
        let mut kept = Vec::new();
        for (vhost, queue) in waiting(snapshot, &known) {
            let Some(depth) = self.touch(&vhost, &queue).await? else { continue };
            if depth.consumers == 0 && depth.ready > 0 {
                kept.push(KeptQueue {
                    vhost: vhost.to_string(),
                    queue: queue.to_string(),
                    ready: depth.ready,
                });
            }
        }
        self.state.with_keep_alive(|keep_alive| keep_alive.kept = kept);
        Ok(())
    }

    async fn touch(
        &mut self,
        vhost: &VhostName,
        queue: &QueueName,
    ) -> Result<Option<amqp_admin::LiveDepth>, Error> {
        if !self.connections.contains_key(vhost) {
            let connection = BrokerConnection::connect(&self.endpoint, vhost, TIMEOUT).await?;
            self.connections.insert(vhost.clone(), Connected { connection, used: clock::now() });
        }
        let Some(connected) = self.connections.get_mut(vhost) else { return Ok(None) };
        connected.used = clock::now();
        let outcome = connected.connection.touch(queue).await;
        if outcome.is_err() {
            self.connections.remove(vhost);
        }
        outcome
    }

    /// Tells what happened, once for each change; `false`: it failed.
    fn note(&self, outcome: Result<(), Error>) -> bool {
        let error = outcome.err().map(|error| chain(&error));
        let worked = error.is_none();
        let before = self
            .state
            .with_keep_alive(|keep_alive| std::mem::replace(&mut keep_alive.error, error.clone()));
        match (before, error) {
            (None, Some(error)) => {
                // Fresh depths of task queues must not outlive the connection they came by.
                self.state.update(|snapshot| snapshot.touched.clear());
                tracing::warn!(broker = %self.state.alias, %error, "cannot keep queues alive over AMQP; they expire after 30 minutes without a consumer");
            }
            (Some(_), None) => {
                tracing::info!(broker = %self.state.alias, "queues are kept alive again");
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
        worked
    }

    async fn close_idle(&mut self) {
        let now = clock::now();
        let idle = |connected: &Connected| now.duration_since(connected.used) > IDLE;
        let vhosts = self.connections.iter().filter(|(_, connected)| idle(connected));
        let vhosts: Vec<_> = vhosts.map(|(vhost, _)| vhost.clone()).collect();
        for vhost in vhosts {
            if let Some(connected) = self.connections.remove(&vhost) {
                connected.connection.close().await;
            }
        }
    }
}

/// Where the whole reading lags, task queues are asked one by one. Orphaned tasks are not: asking
/// would keep them from expiring.
fn wants_fresh_depths(snapshot: &Snapshot, vhost: &VhostName) -> bool {
    snapshot.vhosts.get(vhost).is_some_and(|reading| {
        pace::asks_task_queues(reading.source, reading.queues.len())
            && !matches!(reading.orphans, Orphans::Certain { .. })
    })
}

/// PURE: the queues whose lease matters: counted by a trigger, with messages waiting, not orphaned.
fn waiting(snapshot: &Snapshot, known: &[Arc<Known>]) -> BTreeSet<(VhostName, QueueName)> {
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
    use amqp_admin::{Pool, Queue, QueueState, Reading};

    use super::*;
    use crate::snapshot::{SourceKind, VhostReading};

    fn queue(name: &str, role: QueueRole, ready: u64) -> Queue {
        Queue {
            name: QueueName::new(name).unwrap(),
            role,
            kind: QueueKind::Classic,
            state: QueueState::Up,
            exclusive: false,
            reading: Reading::known(ready, 0),
        }
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
