//! PURE: what the status page, `/status.json` and `/status/events` show. The JSON is stable:
//! fields are added, never renamed or given another unit.

mod proofs;
mod protect;

use serde::Serialize;

pub use self::proofs::{EtaStatus, ProgressStatus, ProofStatus, ProofsAnswer, ProofsStatus};
pub use self::protect::{ProtectStatus, ProtectedStatus};
use crate::local::LocalStatus;

/// Everything the scaler knows at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Version and commit of the scaler.
    pub version: String,
    /// The moment of telling, RFC 3339.
    pub now: String,
    /// Seconds since the scaler started.
    pub uptime_seconds: u64,
    /// One entry for each configured broker, by alias.
    pub brokers: Vec<BrokerStatus>,
    /// One entry for each trigger that was asked for lately, by namespace and name.
    pub triggers: Vec<TriggerStatus>,
    /// The embedded autoscaler, where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<LocalStatus>,
    /// The proofs of the proof service, where `--leader-url` names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proofs: Option<ProofsStatus>,
    /// The protection of busy workers, where `--protect` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<ProtectStatus>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrokerStatus {
    /// Its name in trigger metadata.
    pub alias: String,
    /// Its management address, without credentials.
    pub address: String,
    /// Whether the last read of every watched vhost succeeded; `None` before the first.
    pub reachable: Option<bool>,
    /// Why not.
    pub error: Option<String>,
    /// The vhosts that are watched.
    pub vhosts: Vec<VhostStatus>,
    /// How queues that hold work and have no consumer are kept from expiring.
    pub keep_alive: KeepAliveStatus,
}

/// One vhost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VhostStatus {
    /// Its name.
    pub name: String,
    /// `live` or `metrics`: where its counts come from.
    pub source: &'static str,
    /// The greatest age its counts can have, in milliseconds.
    pub age_ms: u64,
    /// Queues in it.
    pub queues: u64,
    /// Depths by role: task, other, result, control.
    pub roles: Vec<RoleStatus>,
    /// `none`, `suspected` or `certain`: whether its ready tasks have lost their leader.
    pub orphans: &'static str,
    /// Depth over the last minutes, oldest first.
    pub history: Vec<DepthPoint>,
}

/// The queues of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleStatus {
    /// `task`, `other`, `result` or `control`.
    pub role: &'static str,
    /// How many queues.
    pub queues: u64,
    /// Messages waiting; `null` if the broker did not say for every queue.
    pub ready: Option<u64>,
    /// Messages in workers' hands; `null` if the broker did not say for every queue.
    pub unacked: Option<u64>,
}

/// The depth of task and other queues at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DepthPoint {
    /// Seconds before the moment of telling.
    pub seconds_ago: u64,
    /// Messages waiting.
    pub ready: u64,
    /// Messages in workers' hands.
    pub unacked: u64,
}

/// The keeping alive of queues on one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeepAliveStatus {
    /// Whether it is switched on.
    pub enabled: bool,
    /// Seconds between renewals.
    pub every_seconds: u64,
    /// Queues renewed in the last round: they hold work and have no consumer.
    pub kept: Vec<KeptQueue>,
    /// Why the last round failed.
    pub error: Option<String>,
}

/// One queue whose lease was renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptQueue {
    /// Its vhost.
    pub vhost: String,
    /// Its name.
    pub queue: String,
    /// Messages waiting in it.
    pub ready: u64,
}

/// One trigger of one ScaledObject.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriggerStatus {
    /// The ScaledObject's namespace.
    pub namespace: String,
    /// The ScaledObject's name.
    pub name: String,
    /// The metric's name at KEDA, without its `s0-` prefix.
    pub metric: String,
    /// The broker's alias.
    pub broker: String,
    /// Seconds since KEDA last asked.
    pub asked_seconds_ago: u64,
    /// The answer, or why there is none.
    pub answer: Answer,
    /// What looks wrong in its metadata.
    pub warnings: Vec<String>,
}

/// What a trigger is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A number.
    Value {
        /// Whether there is work.
        active: bool,
        /// The value KEDA divides by the target.
        value: f64,
        /// Messages for each worker.
        target: f64,
        /// Workers wanted.
        workers: u64,
        /// Messages that count.
        messages: u64,
        /// Messages in workers' hands.
        busy: u64,
        /// Ready tasks whose leader is gone, not counted.
        orphaned: u64,
        /// How the number came about, line by line.
        explanation: Vec<String>,
    },
    /// An error status: KEDA keeps the replicas and counts towards `fallback`.
    Refused {
        /// Why.
        reason: String,
    },
}
