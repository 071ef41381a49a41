//! PURE: what we know of one queue. A count the broker did not send is `None`, never 0.

use std::fmt;

use crate::name::QueueName;

/// What a queue is for in a paladin deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueueRole {
    /// Workers take tasks from it.
    Task(Pool),
    /// A leader reads the results of one directive from it.
    Result,
    /// Carries abort commands to workers.
    Control,
    /// Holds tasks that failed at each attempt, put aside for people; a gateway makes it.
    DeadLetter,
    /// Not one of paladin's: named by an operator, say `proof-20362226`.
    Other,
}

/// Which workers take from a task queue (`--worker-run-mode affinity` of the leader splits them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pool {
    /// Every worker.
    All,
    /// Workers on `heavy-proof`: segment proofs.
    Heavy,
    /// Workers on `light-proof`: aggregations, block proofs, test-only tasks.
    Light,
}

impl QueueRole {
    /// The name used in metadata, metrics and pages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::Result => "result",
            Self::Control => "control",
            Self::DeadLetter => "deadLetter",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for QueueRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The broker's implementation of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueKind {
    /// A classic queue.
    Classic,
    /// A quorum queue.
    Quorum,
    /// A stream: its message count is the length of a log, not a backlog.
    Stream,
    /// A kind this version does not know, or a source that does not tell.
    Unknown,
}

/// Whether the broker says that a queue can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueState {
    /// It runs (`running`, `flow`, `idle`, `live`).
    Up,
    /// It cannot answer: its node is down, it crashed, it has no majority.
    Down,
    /// The source does not tell.
    Unknown,
}

/// Messages in a queue. `None` means that the broker did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Messages waiting for a worker.
    pub ready: Option<u64>,
    /// Messages delivered and not yet acknowledged: with paladin's prefetch of 1, busy workers.
    pub unacked: Option<u64>,
}

impl Reading {
    /// A reading in which both counts are known.
    #[must_use]
    pub fn known(ready: u64, unacked: u64) -> Self {
        Self { ready: Some(ready), unacked: Some(unacked) }
    }

    /// Both counts, if both are known: (ready, unacked).
    #[must_use]
    pub fn both(self) -> Option<(u64, u64)> {
        self.ready.zip(self.unacked)
    }
}

/// The lease a queue was declared with (`x-expires`): unused for that long, the broker deletes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// The source does not tell.
    Unknown,
    /// It never expires.
    Never,
    /// It expires after so many milliseconds without use.
    Millis(u64),
}

/// One queue in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its name within its vhost.
    pub name: QueueName,
    /// What it is for.
    pub role: QueueRole,
    /// The broker's implementation.
    pub kind: QueueKind,
    /// Whether it can answer.
    pub state: QueueState,
    /// Only its declaring connection can use it.
    pub exclusive: bool,
    /// Its counts.
    pub reading: Reading,
}

impl Queue {
    /// A classic queue that can answer and that any worker can take from.
    #[must_use]
    pub fn classic(name: QueueName, role: QueueRole, reading: Reading) -> Self {
        let (kind, state) = (QueueKind::Classic, QueueState::Up);
        Self { name, role, kind, state, exclusive: false, reading }
    }

    /// True if it certainly holds messages, ready or unacked.
    #[must_use]
    pub fn holds_work(&self) -> bool {
        self.reading.ready.unwrap_or(0) > 0 || self.reading.unacked.unwrap_or(0) > 0
    }
}
