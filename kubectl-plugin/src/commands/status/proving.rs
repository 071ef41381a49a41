//! What the proof service has, in short.

use anyhow::Result;
use serde::Serialize;

use super::health::Warning;
use crate::change::now;
use crate::leader::{Leader, Trouble, Which};
use crate::output::{Printer, Table};
use crate::proof::{Proof, State};

/// Proofs that fit on one screen.
const SHOWN: u32 = 20;

/// The proofs, or why they are not known.
#[derive(Debug, Default)]
pub(super) struct Proving {
    pub(super) proofs: Option<Proofs>,
    pub(super) warning: Option<Warning>,
}

/// The proofs, as programs read them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proofs {
    counts: Vec<Count>,
    /// Those that a leader works on, the newest.
    running: Vec<Proof>,
}

/// The proofs in one state.
#[derive(Debug, Serialize)]
struct Count {
    state: State,
    proofs: u64,
}

impl Proving {
    /// Asks the proof service, if there is one to ask.
    pub(super) async fn read(leader: Result<&Option<Leader>, &anyhow::Error>) -> Self {
        let silent = |why: String| {
            let what = format!("how the proofs stand is not known: {why}");
            let cure = "look whether the proof service runs: `zero version`".to_owned();
            Self { warning: Some(Warning { what, cure }), proofs: None }
        };
        match leader {
            Ok(None) => Self::default(),
            Err(error) => silent(format!("{error:#}")),
            Ok(Some(leader)) => match Proofs::read(leader).await {
                Ok(proofs) => Self { proofs: Some(proofs), warning: None },
                Err(trouble) => silent(trouble.to_string()),
            },
        }
    }
}

impl Proofs {
    async fn read(leader: &Leader) -> Result<Self, Trouble> {
        let which = Which { state: Some(State::Running), limit: SHOWN, ..Which::default() };
        let (counts, running) = tokio::try_join!(leader.census(), leader.list(&which))?;
        let counts = counts.into_iter().map(|(state, proofs)| Count { state, proofs }).collect();
        Ok(Self { counts, running })
    }

    /// For people, below the queues.
    pub(super) fn print(&self, printer: &mut Printer) -> Result<()> {
        printer.text(&format!("\nProofs    {}\n", self.sum()))?;
        if self.running.is_empty() {
            return Ok(());
        }
        let mut table = Table::new(["RUNNING", "BLOCKS", "TXS", "PROGRESS", "AGE", "ETA"], []);
        for proof in &self.running {
            let (txs, age) = (proof.transactions.to_string(), proof.age(now()));
            table.row([proof.id.clone(), proof.range(), txs, proof.done(), age, proof.eta()]);
        }
        printer.text("\n")?;
        printer.data(self, &table)
    }

    /// Those states that any proof is in.
    fn sum(&self) -> String {
        let some = self.counts.iter().filter(|count| count.proofs > 0);
        let some: Vec<String> =
            some.map(|count| format!("{} {}", count.proofs, count.state.word())).collect();
        if some.is_empty() { "none".to_owned() } else { some.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_without_a_proof_are_left_out() {
        let counts = [(State::Queued, 2), (State::Running, 0), (State::Failed, 1)];
        let counts = counts.map(|(state, proofs)| Count { state, proofs });
        let proofs = |counts| Proofs { counts, running: Vec::new() };
        assert_eq!(proofs(counts.into()).sum(), "2 queued, 1 failed");
        assert_eq!(proofs(Vec::new()).sum(), "none");
    }
}
