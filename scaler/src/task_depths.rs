//! Asks the task queues of large vhosts for their depths one by one, over AMQP, each second: the
//! whole reading of such a vhost comes less often or lags.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use amqp_admin::{
    Endpoint, Error, Lease, Management, QueueName, QueueRole, VhostName, chain, classify,
    task_queue_names,
};
use tokio_util::sync::CancellationToken;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::pace;
use crate::sessions::Sessions;
use crate::snapshot::{Orphans, Snapshot, Touched};

/// After a failure, before the next attempt.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The asker of one broker.
#[derive(Debug)]
pub struct TaskDepths {
    state: Arc<BrokerState>,
    management: Management,
    sessions: Sessions,
    failing: bool,
}

impl TaskDepths {
    /// Not connected yet.
    #[must_use]
    pub fn new(state: Arc<BrokerState>, management: Management, endpoint: Endpoint) -> Self {
        Self { state, management, sessions: Sessions::new(endpoint), failing: false }
    }

    /// Runs until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let outcome = self.round().await;
            let pause = if outcome.is_ok() { pace::FRESH } else { RETRY_AFTER };
            self.note(outcome);
            self.sessions.close_idle().await;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.sessions.close().await;
    }

    async fn round(&mut self) -> Result<(), Error> {
        let snapshot = self.state.snapshot();
        for vhost in snapshot.vhosts.keys().filter(|vhost| wants_fresh_depths(&snapshot, vhost)) {
            let listed = listed_task_queues(&snapshot, vhost);
            for name in task_queue_names().filter_map(|name| QueueName::new(name).ok()) {
                // The reading may be too old to list it; the broker logs a passive declare of a
                // queue that is not there as an error.
                if listed.contains(&name) || self.management.has_queue(vhost, &name).await? {
                    self.ask(&snapshot, vhost, name).await?;
                }
            }
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        snapshot: &Snapshot,
        vhost: &VhostName,
        name: QueueName,
    ) -> Result<(), Error> {
        let depth = self.sessions.touch(vhost, &name).await?;
        let role = classify(&name, Lease::Unknown);
        let key = (vhost.clone(), name);
        if depth.is_none() && !snapshot.touched.contains_key(&key) {
            return Ok(());
        }
        let at = clock::now();
        self.state.update(|snapshot| match depth {
            Some(depth) => drop(snapshot.touched.insert(key, Touched { depth, at, role })),
            None => drop(snapshot.touched.remove(&key)),
        });
        Ok(())
    }

    /// Tells of each change once. Depths must not outlive the connection they came by.
    fn note(&mut self, outcome: Result<(), Error>) {
        let alias = &self.state.alias;
        match outcome {
            Ok(()) if self.failing => {
                tracing::info!(broker = %alias, "task queues can be asked over AMQP again");
            }
            Err(error) if !self.failing => {
                self.state.update(|snapshot| snapshot.touched.clear());
                tracing::warn!(broker = %alias, error = %chain(&error), "cannot ask task queues over AMQP; their depths come with the whole reading");
            }
            Ok(()) | Err(_) => return,
        }
        self.failing = !self.failing;
    }
}

fn listed_task_queues(snapshot: &Snapshot, vhost: &VhostName) -> HashSet<QueueName> {
    let mut listed = HashSet::new();
    snapshot.each_queue(vhost, |queue| {
        if matches!(queue.role, QueueRole::Task(_)) {
            listed.insert(queue.name.clone());
        }
    });
    listed
}

/// Orphaned tasks are left alone: asking would keep them from expiring.
fn wants_fresh_depths(snapshot: &Snapshot, vhost: &VhostName) -> bool {
    snapshot.vhosts.get(vhost).is_some_and(|reading| {
        pace::asks_task_queues(reading.source, reading.queues.len())
            && !matches!(reading.orphans, Orphans::Certain { .. })
    })
}
