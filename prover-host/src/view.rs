//! PURE: proofs as the service tells them in JSON. Names are stable; what is not known is not there.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::progress::Progress;
use crate::proof::{BlockOf, Kind, ProofFile, State, Verdict};
use crate::proofs::Told;

/// A proof.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Nothing more happens by itself: it has ended, and was verified if it can be.
    pub settled: bool,
    /// What its run is to give.
    pub kind: Kind,
    /// Why it failed or was called off, or why the attempt before failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The first and the last block.
    pub first_block: u64,
    /// The last block.
    pub last_block: u64,
    /// Each of them.
    pub blocks: Vec<BlockOf>,
    /// Transactions of all of them.
    pub transactions: u64,
    /// The chain they are of.
    pub chain_id: u64,
    /// SHA-256 of the witness, unpacked.
    pub witness_sha256: String,
    /// Bytes of the witness, unpacked.
    pub witness_bytes: u64,
    /// The chain of proofs it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Higher goes first.
    pub priority: i64,
    /// Seconds that all attempts may take together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    /// Leaders that were started for it.
    pub attempts: u32,
    /// When it came.
    pub created_at: String,
    /// When its first leader was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Not tried again before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// What its leader calls itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prover: Option<String>,
    /// Its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofFile>,
    /// What the verifier said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How far its leader has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
}

impl From<Told> for View {
    fn from(told: Told) -> Self {
        let Told { proof, progress, waits, live } = told;
        Self {
            first_block: proof.subject.first(),
            last_block: proof.subject.last(),
            transactions: proof.subject.transactions(),
            id: proof.id,
            state: proof.state,
            settled: proof.state.is_final() && !live,
            kind: proof.wish.kind,
            reason: proof.reason,
            waits,
            blocks: proof.subject.blocks,
            chain_id: proof.subject.chain_id,
            witness_sha256: proof.subject.digest,
            witness_bytes: proof.subject.bytes,
            chain: proof.wish.chain,
            priority: proof.wish.priority,
            deadline_seconds: proof.wish.deadline.map(|limit| limit.as_secs()),
            attempts: proof.attempts,
            created_at: rfc3339(proof.created),
            started_at: proof.started.map(rfc3339),
            ended_at: proof.ended.map(rfc3339),
            not_before: proof.not_before.map(rfc3339),
            prover: proof.prover,
            proof: proof.file,
            verdict: proof.verdict,
            progress,
        }
    }
}
