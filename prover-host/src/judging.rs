//! I/O: what the verifier says of proofs, and what was at it when the service ended.

use std::collections::VecDeque;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ledger::{self, LedgerError};
use crate::proof::{Proof, Verdict};
use crate::proofs::{Proofs, Refusal};

impl Proofs {
    /// Asks the verifier about a proof's file.
    pub async fn verify(&self, id: &str) -> Result<Proof, Refusal> {
        let proof = self.find(id).await?;
        if proof.file.is_none() {
            let word = proof.state.word();
            return Err(Refusal::Conflict(format!("`{id}` is {word} and has no proof file")));
        }
        if self.prover.verifier.is_none() {
            return Err(Refusal::Conflict(
                "no verifier is configured; start zero-leader with --verifier".to_owned(),
            ));
        }
        if self.judge(&proof, &CancellationToken::new()).await?.is_none() {
            return Err(Refusal::Conflict(format!(
                "`{id}` was put back into the queue while it was verified, so the verdict is of a file that is no more: verify it again once it is proved"
            )));
        }
        self.find(id).await
    }

    /// What was under way when the service ended: proofs that were being proved wait again, and those
    /// that were at the verifier, which are told, go on from now on.
    pub async fn resume(&self) -> Result<VecDeque<Proof>, LedgerError> {
        let now = clock::wall_ms();
        let recovered = self.ledger.with(move |c| ledger::recover(c, now)).await?;
        if recovered > 0 {
            tracing::warn!(
                proofs = recovered,
                "the service had ended in mid-proof: they wait again"
            );
        }
        if self.prover.verifier.is_none() {
            return Ok(VecDeque::new());
        }
        let unjudged = self.ledger.with(|c| ledger::unjudged(c)).await?;
        for proof in &unjudged {
            self.goes_live(proof.number, watch::channel(None).1, CancellationToken::new());
        }
        Ok(unjudged.into())
    }

    /// Sees a proof to its end that was at the verifier when the service ended.
    pub(crate) async fn judge_late(
        &self,
        proof: &Proof,
        cut: &CancellationToken,
    ) -> Result<(), LedgerError> {
        tracing::info!(
            proof = proof.id,
            "the service had ended while it was verified: the verifier is asked again"
        );
        if self.judged(proof, cut).await? {
            self.sweep_of(proof.number, proof.attempts).await?;
            self.store.clear_work(&proof.id);
            self.rests(proof.number);
        }
        Ok(())
    }

    /// Asks the verifier about a proof that has just been made. False: it was cut off, and is asked at the next start; until then the proof's attempt is not cleared away.
    pub(crate) async fn judged(
        &self,
        proof: &Proof,
        cut: &CancellationToken,
    ) -> Result<bool, LedgerError> {
        match self.judge(proof, cut).await? {
            None => return Ok(!cut.is_cancelled()),
            Some(Verdict::Verified) => tracing::info!(proof = proof.id, "verified"),
            Some(Verdict::Unknown(words)) => {
                tracing::warn!(proof = proof.id, "the verdict is unknown: {words}");
            }
            Some(Verdict::Refused(words)) => {
                tracing::error!(proof = proof.id, "the verifier refuses the proof: {words}");
            }
        }
        Ok(true)
    }

    /// Asks the verifier about a proof's file and notes what it says; nothing without a verifier, when
    /// it was cut off, and of a file that is no more.
    async fn judge(
        &self,
        proof: &Proof,
        cut: &CancellationToken,
    ) -> Result<Option<Verdict>, LedgerError> {
        let Some(verdict) = self.prover.verify(&self.store.proof(&proof.id), cut).await else {
            return Ok(None);
        };
        let (row, said) = (proof.clone(), verdict.clone());
        let noted = self.ledger.patiently(move |c| ledger::judge(c, &row, &said)).await?;
        self.change();
        Ok(noted.then_some(verdict))
    }
}
