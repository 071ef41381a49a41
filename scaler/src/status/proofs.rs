//! PURE: what is shown of the proofs of the proof service. As stable as the rest of the status.

use serde::Serialize;

/// The proofs of one proof service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProofsStatus {
    /// The service's address, without credentials.
    pub address: String,
    /// What it tells, or why that is not known.
    pub answer: ProofsAnswer,
}

/// What a proof service tells.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofsAnswer {
    /// Its proofs.
    Known {
        /// The age of the answer, in milliseconds.
        age_ms: u64,
        /// Proofs that are being proved, the oldest first.
        running: Vec<ProofStatus>,
        /// Proofs that wait, in the order of their turns; the 20 newest of them.
        queued: Vec<ProofStatus>,
        /// Whether more proofs wait than `queued` has.
        more_queued: bool,
        /// Those of the 20 newest proofs that have ended, the newest first.
        ended: Vec<ProofStatus>,
    },
    /// It cannot be asked: nobody knows what it proves.
    Unknown {
        /// For how many seconds already.
        since_seconds: u64,
        /// Why.
        reason: String,
    },
}

/// One proof.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProofStatus {
    /// Its name at the proof service.
    pub id: String,
    /// `queued`, `running`, `proved`, `verified`, `failed` or `cancelled`.
    pub state: String,
    /// `proof` or `test-only`.
    pub kind: String,
    /// Its first block.
    pub first_block: u64,
    /// Its last block.
    pub last_block: u64,
    /// Transactions in all its blocks.
    pub transactions: u64,
    /// The chain of proofs that it is a link of.
    pub chain: Option<String>,
    /// Leaders that were started for it.
    pub attempts: u64,
    /// Seconds since it was submitted.
    pub age_seconds: u64,
    /// Seconds since it ended.
    pub ended_seconds_ago: Option<u64>,
    /// What it waits for.
    pub waits: Option<String>,
    /// Why it failed or was called off, or why the attempt before failed.
    pub reason: Option<String>,
    /// How far it is; `null` before its first attempt.
    pub progress: Option<ProgressStatus>,
}

/// How far a proof is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProgressStatus {
    /// From 0 to 1; never falls.
    pub done: f64,
    /// Tasks given out.
    pub published: u64,
    /// Tasks answered.
    pub answered: u64,
    /// Tasks in all, as far as it is known now.
    pub expected: u64,
    /// Seconds that this attempt takes already, or took.
    pub elapsed_seconds: f64,
    /// How long it may still take; `null` while nobody can tell.
    pub eta: Option<EtaStatus>,
}

/// How long a proof may still take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EtaStatus {
    /// Seconds, most likely.
    pub seconds: f64,
    /// Seconds, hardly less.
    pub low: f64,
    /// Seconds, hardly more.
    pub high: f64,
}
