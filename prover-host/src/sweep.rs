//! I/O: what a leader left behind: its tasks leave the shared queues, its result queues go. Nothing
//! of anybody else's is touched.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use amqp_admin::{
    Act, Applier, BackupReader, BackupWriter, Endpoint, Lease, Opening, Plan, Pool, Queue,
    QueueKind, QueueName, QueueRole, Reading, Restorable, TaskFilter, VhostName, Wanted, chain,
    classify, task_queue_names,
};
use amqp_gateway::QueuePolicy;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::store::numbered;

/// A broker that answers at all does in less.
const ANSWER: Duration = Duration::from_secs(30);

/// Removes what attempts leave behind, one after the other: two would keep each other out of a queue.
#[derive(Debug)]
pub struct Sweeper {
    endpoint: Endpoint,
    vhost: VhostName,
    policy: QueuePolicy,
    turn: Mutex<()>,
    given_up: CancellationToken,
}

/// What an attempt may have left behind.
#[derive(Debug, Clone)]
pub struct Leavings<'a> {
    /// What its tasks are tagged with; nothing: it has left none.
    pub tag: Option<&'a str>,
    /// Its result queues.
    pub queues: &'a [String],
    /// Where its tasks go.
    pub backup: &'a Path,
}

impl Sweeper {
    /// Of this vhost of a broker.
    #[must_use]
    pub fn new(endpoint: Endpoint, vhost: VhostName, policy: QueuePolicy) -> Self {
        let (turn, given_up) = (Mutex::new(()), CancellationToken::new());
        Self { endpoint, vhost, policy, turn, given_up }
    }

    /// From now on nothing is waited for: what is under way is left as it is. A message that is in a
    /// backup by then may be in its queue as well.
    pub fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Removes them: how many tasks, or why not all.
    pub async fn sweep(&self, leavings: &Leavings<'_>) -> Result<u64, String> {
        tokio::select! {
            swept = self.swept(leavings) => swept,
            () = self.given_up.cancelled() => {
                Err("the broker did not answer in time, and the service ends".to_owned())
            }
        }
    }

    async fn swept(&self, leavings: &Leavings<'_>) -> Result<u64, String> {
        let _turn = self.turn.lock().await;
        let plan = plan(self.vhost.clone(), self.policy, leavings);
        if plan.steps.is_empty() {
            return Ok(0);
        }
        // What an earlier try removed is in the earlier file.
        let backup = free_name(leavings.backup);
        let opening = Opening {
            made_by: concat!("zero-leader ", env!("CARGO_PKG_VERSION")).to_owned(),
            made_at: clock::rfc3339(clock::wall_ms()),
            vhost: self.vhost.to_string(),
            reason: format!("nobody waits for {} any more", leavings.tag.unwrap_or("its results")),
        };
        let writer = BackupWriter::create(&backup, &opening).map_err(|error| chain(&error))?;
        let stop = AtomicBool::new(false);
        let applier =
            Applier { endpoint: &self.endpoint, timeout: ANSWER, rate: None, stop: &stop };
        let done = applier.apply(&plan, Some(writer), |_| ()).await;
        let report = done.map_err(|error| chain(&error))?;
        let taken = report.taken_out();
        if is_empty(&backup) {
            // An empty backup is nobody's need; one that stays does no harm.
            let _ = std::fs::remove_file(&backup);
        }
        let failed: Vec<String> = report
            .outcomes
            .iter()
            .filter(|outcome| !outcome.end.is_success())
            .map(ToString::to_string)
            .collect();
        if failed.is_empty() { Ok(taken) } else { Err(failed.join("; ")) }
    }
}

/// Whether a backup holds no message, by what is in it: it may be the only copy.
fn is_empty(backup: &Path) -> bool {
    let first = BackupReader::open(backup).and_then(|mut reader| reader.next_message());
    matches!(first, Ok(Restorable::End { .. }))
}

/// What is to be done, whatever of it is there.
fn plan(vhost: VhostName, policy: QueuePolicy, leavings: &Leavings<'_>) -> Plan {
    let mut plan = Plan::new(vhost);
    let known: BTreeSet<QueueName> =
        leavings.queues.iter().filter_map(|name| QueueName::new(name).ok()).collect();
    let proofs = leavings.tag.map(ToOwned::to_owned).into_iter().collect();
    let filter = TaskFilter { result_queues: known.clone(), proofs, ..TaskFilter::default() };
    let tasks = task_queue_names().filter(|_| leavings.tag.is_some());
    for name in tasks.filter_map(|name| QueueName::new(name).ok()) {
        let (role, reading) = (QueueRole::Task(Pool::All), Reading::default());
        let mut queue = Queue::classic(name, role, reading);
        if policy == QueuePolicy::Quorum {
            queue.kind = QueueKind::Quorum;
        }
        plan.take_out(&queue, Wanted::Tasks(filter.clone()), None, None);
    }
    for queue in known {
        // Names of the ledger; a damaged one must not name a queue of somebody's.
        if classify(&queue, Lease::Unknown) == QueueRole::Result {
            plan.step(queue, Act::Delete { ready: None, only_unused: true });
        }
    }
    plan
}

/// The path, or the first of its numbered siblings that is free.
fn free_name(path: &Path) -> PathBuf {
    let mut names = std::iter::once(path.to_owned()).chain(numbered(path));
    names.find(|name| !name.exists()).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use amqp_admin::Message;

    use super::*;

    #[test]
    fn a_backup_is_empty_only_if_it_can_be_read_and_has_no_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let opening = Opening {
            made_by: "a test".into(),
            made_at: "now".into(),
            vhost: "/".into(),
            reason: String::new(),
        };
        let queue = QueueName::new("results").unwrap();
        for (name, messages, close) in
            [("none", 0, true), ("cut", 0, false), ("one", 1, true), ("one-cut", 1, false)]
        {
            let mut writer = BackupWriter::create(&path(name), &opening).unwrap();
            for _ in 0..messages {
                writer.add(&queue, &Message::default(), false).unwrap();
            }
            writer.sync().unwrap();
            if close {
                writer.close().unwrap();
            }
            assert_eq!(is_empty(&path(name)), messages == 0, "{name}");
        }
        std::fs::write(path("damaged"), "anything").unwrap();
        assert!(!is_empty(&path("damaged")));
    }
}
