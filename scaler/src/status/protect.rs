//! PURE: what is shown of the protection of busy workers. As stable as the rest of the status.

use serde::Serialize;

/// The protection of busy workers by the deletion cost of their pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectStatus {
    /// This replica changes costs; else another does, or none.
    pub leads: bool,
    /// The replica that has the Lease, as far as this one has seen.
    pub leader: Option<String>,
    /// Since broker and pods were last read completely, in milliseconds; the broker's channels lag
    /// by up to 10 s more. `null`: not yet, or another replica does it.
    pub age_ms: Option<u64>,
    /// What does not work; costs then stay as they are, or rise.
    pub error: Option<String>,
    /// The pods, by target.
    pub targets: Vec<ProtectedStatus>,
    /// Workers that hold a task and are none of these pods, or cannot be told apart.
    pub unmatched: u64,
    /// The first of them.
    pub unmatched_holders: Vec<String>,
    /// Costs changed since the start.
    pub changes: u64,
    /// Changes that failed since the start.
    pub failures: u64,
}

/// The pods of one target; `null`: not known, or another replica knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProtectedStatus {
    /// Their namespace.
    pub namespace: String,
    /// The labels they have.
    pub selector: String,
    /// Pods that hold a task; their cost is above 0.
    pub busy: Option<u64>,
    /// Pods that hold none.
    pub idle: Option<u64>,
    /// Pods that may hold one; their cost stays as it is.
    pub unknown: Option<u64>,
}
