//! I/O: clears away what attempts have left in the broker, and lets go of proofs that are not to be
//! kept any longer.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::ledger::{self, LedgerError, Unswept};
use crate::proofs::Proofs;
use crate::sweep::Leavings;

/// Between two looks at what is to be cleared away.
const TICK: Duration = Duration::from_secs(5);

impl Proofs {
    /// Clears away and lets go, now and then, until `shutdown`. Nobody waits for it: a broker that does
    /// not answer holds up no proof.
    pub(crate) async fn keep_clear(&self, shutdown: &CancellationToken) -> Result<(), LedgerError> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => return Ok(()),
            }
            self.sweep_all().await?;
            self.let_go().await?;
        }
    }

    /// Clears away what ended attempts have left in the broker. What cannot be cleared now is tried
    /// again.
    pub(crate) async fn sweep_all(&self) -> Result<(), LedgerError> {
        for left in self.ledger.with(|c| ledger::unswept(c, None)).await? {
            // The last of one that goes on is cleared away by whoever sees to it, after the verifier.
            if !(left.last && self.is_live(left.proof)) {
                self.sweep(left).await?;
            }
        }
        Ok(())
    }

    /// The same for one attempt that has just ended; whether nothing is left.
    pub(crate) async fn sweep_of(&self, proof: i64, attempt: u32) -> Result<bool, LedgerError> {
        let place = Some((proof, attempt));
        let left = self.ledger.with(move |c| ledger::unswept(c, place)).await?;
        match left.into_iter().next() {
            Some(left) => self.sweep(left).await,
            // Somebody was quicker.
            None => Ok(true),
        }
    }

    async fn sweep(&self, left: Unswept) -> Result<bool, LedgerError> {
        let Unswept { proof, id, attempt, good, last: _ } = left;
        let backup = self.store.removed(&id, attempt.number);
        let tag = Some(attempt.tag.as_str()).filter(|_| !good);
        let queues = &attempt.queues;
        match self.sweeper.sweep(&Leavings { tag, queues, backup: &backup }).await {
            Ok(tasks) => {
                if tasks > 0 {
                    let file = backup.display();
                    tracing::info!(
                        proof = id,
                        tasks,
                        "its tasks are out of the queues, in `{file}`"
                    );
                }
                let number = attempt.number;
                self.ledger.patiently(move |c| ledger::swept(c, proof, number)).await?;
                Ok(true)
            }
            Err(why) => {
                tracing::warn!(proof = id, "cannot clear away what it left; tried again: {why}");
                Ok(false)
            }
        }
    }

    /// Lets go of finished proofs that are not to be kept any longer.
    pub(crate) async fn let_go(&self) -> Result<(), LedgerError> {
        let (keep, keep_for) = (self.options.keep, self.options.keep_for);
        if keep.is_none() && keep_for.is_none() {
            return Ok(());
        }
        let age = keep_for.map(|age| i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let since = age.map(|age| clock::wall_ms().saturating_sub(age));
        for proof in self.ledger.with(move |c| ledger::outdated(c, keep, since)).await? {
            // It may be at the verifier, or about to tell how it went.
            if self.is_live(proof.number) {
                continue;
            }
            let drop_witness = self.store.dropping_witness(&proof.subject.digest);
            let row = proof.clone();
            if self.ledger.with(move |c| ledger::remove(c, &row, drop_witness)).await? {
                self.store.forget(&proof.id, proof.attempts);
                tracing::info!(proof = proof.id, "let go, as --keep and --keep-for say");
            }
        }
        Ok(())
    }
}
