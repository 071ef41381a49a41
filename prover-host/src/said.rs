//! Lines about a running proof in our log, as operators know them from their scripts. Few: a block of
//! hundreds of transactions is a line each ten seconds, not hundreds.

use crate::progress::Progress;
use crate::proof::Proof;

/// Seconds between two lines about one proof.
const PAUSE: f64 = 10.0;

/// What was said last.
#[derive(Debug, Default)]
pub struct Said {
    answered: u64,
    at: f64,
}

impl Said {
    /// Says how far a proof has come, if it has come further and enough time has gone by.
    pub fn about(&mut self, proof: &Proof, progress: &Progress) {
        if progress.answered == self.answered || progress.elapsed_seconds < self.at + PAUSE {
            return;
        }
        *self = Self { answered: progress.answered, at: progress.elapsed_seconds };
        tracing::info!(
            proof = proof.id,
            txs_proved = progress.transactions_proved,
            segments_proved = progress.segments_proved,
            total_txs = proof.subject.transactions(),
            tasks = format!("{}/{}", progress.answered, progress.expected),
            time_spent = format!("{:.0}s", progress.elapsed_seconds),
            eta = progress.eta.map(|eta| format!("{:.0}s", eta.seconds)),
            "proving"
        );
    }
}
