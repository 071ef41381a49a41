//! PURE: what is written about proofs that are followed where nobody sees a bar move: a line when a
//! proof changes its state, and now and then one of how far it has come.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use crate::proof::{Proof, seconds};

/// Between two lines about the progress of one proof.
const PAUSE: Duration = Duration::from_secs(5);

/// What was last said of each proof, and when.
#[derive(Debug, Default)]
pub(super) struct Lines {
    said: HashMap<String, (Said, Duration)>,
}

/// What a line says, apart from time.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    state: &'static str,
    attempts: u32,
    why: String,
    answered: Option<u64>,
}

impl Lines {
    /// The line about a proof, if there is something new to say of it. `now` only ever grows.
    pub(super) fn line(&mut self, proof: &Proof, now: Duration) -> Option<String> {
        let said = Said::of(proof);
        let due = match self.said.get(&proof.id) {
            None => true,
            Some((before, _)) if *before == said => false,
            Some((before, at)) => !before.differs_in_progress_alone(&said) || now >= *at + PAUSE,
        };
        due.then(|| {
            self.said.insert(proof.id.clone(), (said, now));
            line(proof)
        })
    }
}

impl Said {
    fn of(proof: &Proof) -> Self {
        Self {
            state: proof.state.word(),
            attempts: proof.attempts,
            why: proof.why().to_owned(),
            answered: proof.progress.as_ref().map(|progress| progress.answered),
        }
    }

    fn differs_in_progress_alone(&self, other: &Self) -> bool {
        let all_but_progress = |said: &Self| (said.state, said.attempts, said.why.clone());
        all_but_progress(self) == all_but_progress(other)
    }
}

fn line(proof: &Proof) -> String {
    let mut line = format!("proof={} state={}", proof.id, proof.state.word());
    let good = proof.state.is_good().then_some(proof.transactions);
    let proved = proof.progress.as_ref().and_then(|progress| progress.transactions_proved);
    if let Some(proved) = good.or(proved) {
        let _ = write!(line, " txs_proved={proved}");
    }
    let _ = write!(line, " total_txs={}", proof.transactions);
    if let Some(progress) = &proof.progress {
        let _ = write!(line, " tasks={}/{}", progress.answered, progress.expected);
        let _ = write!(line, " time_spent={}s", seconds(progress.elapsed_seconds).as_secs());
        if let Some(eta) = progress.eta.as_ref().filter(|_| !proof.state.is_final()) {
            let _ = write!(line, " eta={}s", seconds(eta.seconds).as_secs());
        }
    }
    if proof.attempts > 1 {
        let _ = write!(line, " attempt={}", proof.attempts);
    }
    if !proof.why().is_empty() {
        let _ = write!(line, " why={:?}", proof.why());
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proof::tests::{progress, proof};

    fn running(answered: u64) -> Proof {
        proof("running", 6, 6, &json!({"progress": progress(answered, 12)}))
    }

    #[test]
    fn a_line_says_what_is_known() {
        insta::assert_snapshot!(line(&running(5)), @"proof=6-3f9a1c state=running txs_proved=5 total_txs=12 tasks=5/12 time_spent=120s eta=110s");
        let verified = proof("verified", 6, 6, &json!({"verdict": {"word": "verified"}}));
        insta::assert_snapshot!(line(&verified), @"proof=6-3f9a1c state=verified txs_proved=12 total_txs=12");
        let failed = proof("failed", 6, 6, &json!({"attempts": 3, "reason": "it \"stalled\""}));
        insta::assert_snapshot!(line(&failed), @r#"proof=6-3f9a1c state=failed total_txs=12 attempt=3 why="it \"stalled\"""#);
    }

    #[test]
    fn a_state_is_told_at_once_and_progress_now_and_then() {
        let mut lines = Lines::default();
        let at = Duration::from_millis;
        assert!(lines.line(&proof("queued", 6, 6, &json!({})), at(0)).is_some());
        assert!(lines.line(&running(0), at(100)).is_some());
        assert!(lines.line(&running(1), at(200)).is_none(), "too soon");
        assert!(lines.line(&running(2), at(5100)).is_some());
        assert!(lines.line(&running(2), at(99_000)).is_none(), "nothing new");
        assert!(lines.line(&proof("proved", 6, 6, &json!({})), at(99_001)).is_some());
    }
}
