//! What the proof service tells on `/metrics`, read at the moment of the scrape. What is not known has
//! no sample; it is never 0.
//!
//! Series of single proofs are there while something of the proof goes on: at most as many at once as
//! the service runs leaders.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::progress::Progress;
use crate::proof::State;

/// A proof of which something goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// How far its leader has come.
    pub progress: Option<Progress>,
}

impl Running {
    /// What goes on, in the words of a report's phases.
    fn phase(&self) -> &'static str {
        let progress = self.progress.as_ref();
        match self.state {
            State::Queued | State::Running => match progress {
                Some(it) if it.published > 0 && it.answered >= it.expected => "ending",
                Some(it) if it.published > 0 => "proving",
                Some(_) | None => "preparing",
            },
            State::Proved => "verifying",
            State::Verified | State::Failed | State::Cancelled => "clearing",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProof {
    proof: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPhase {
    proof: String,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    proof: String,
    operation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBound {
    proof: String,
    bound: &'static str,
}

type Number = Gauge<f64, AtomicU64>;

/// All of it, in the text format of `OpenMetrics`.
pub fn text(
    census: &[(State, u64)],
    running: &[Running],
    free: Option<u64>,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("zero_leader");
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "Version of zero-leader", build);
    let proofs = Family::<OfState, Gauge>::default();
    for (state, count) in census {
        proofs.get_or_create(&OfState { state: state.word() }).set(whole(*count));
    }
    registry.register("proofs", "Proofs in the ledger, by state", proofs);
    if let Some(free) = free {
        let gauge: Gauge = Gauge::default();
        gauge.set(whole(free));
        registry.register("disk_free_bytes", "Room in the folder of the proofs", gauge);
    }
    register_phases(&mut registry, running);
    register_tasks(&mut registry, running);
    register_times(&mut registry, running);
    let mut told = String::new();
    encode(&mut told, &registry)?;
    Ok(told)
}

fn register_phases(registry: &mut Registry, running: &[Running]) {
    let phases = Family::<OfPhase, Gauge>::default();
    for proof in running {
        phases.get_or_create(&OfPhase { proof: proof.id.clone(), phase: proof.phase() }).set(1);
    }
    registry.register("proof_phase", "1 for what a running proof is at", phases);
}

fn register_tasks(registry: &mut Registry, running: &[Running]) {
    let published = Family::<OfOperation, Counter>::default();
    let answered = Family::<OfOperation, Counter>::default();
    let expected = Family::<OfProof, Gauge>::default();
    for (id, progress) in known(running) {
        for kind in &progress.by_operation {
            let labels = OfOperation { proof: id.clone(), operation: kind.operation.clone() };
            published.get_or_create(&labels).inc_by(kind.published);
            answered.get_or_create(&labels).inc_by(kind.answered);
        }
        expected.get_or_create(&OfProof { proof: id.clone() }).set(whole(progress.expected));
    }
    let help = "Tasks that the leader of a running proof has given out";
    registry.register("proof_tasks_published", help, published);
    registry.register("proof_tasks_answered", "Those of them that were answered", answered);
    let help = "Tasks of a running proof in all, as far as it is known";
    registry.register("proof_tasks_expected", help, expected);
}

fn register_times(registry: &mut Registry, running: &[Running]) {
    let done = Family::<OfProof, Number>::default();
    let elapsed = Family::<OfProof, Number>::default();
    let eta = Family::<OfBound, Number>::default();
    for (id, progress) in known(running) {
        let labels = OfProof { proof: id.clone() };
        done.get_or_create(&labels).set(progress.done);
        elapsed.get_or_create(&labels).set(progress.elapsed_seconds);
        let Some(told) = progress.eta else { continue };
        for (bound, seconds) in [("low", told.low), ("likely", told.seconds), ("high", told.high)] {
            eta.get_or_create(&OfBound { proof: id.clone(), bound }).set(seconds);
        }
    }
    registry.register("proof_done_ratio", "Answered tasks of a running proof, of 1", done);
    registry.register("proof_elapsed_seconds", "Since the attempt of it began", elapsed);
    registry.register("proof_eta_seconds", "Until it will be done, while something tells", eta);
}

fn known(running: &[Running]) -> impl Iterator<Item = (&String, &Progress)> {
    running.iter().filter_map(|proof| Some((&proof.id, proof.progress.as_ref()?)))
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::progress::{Eta, OfOperation, Source};

    use super::*;

    fn progress(published: u64, answered: u64) -> Progress {
        let of = |operation: &str, published, answered| OfOperation {
            operation: operation.to_owned(),
            published,
            answered,
        };
        Progress {
            published,
            answered,
            expected: 9,
            by_operation: vec![of("BlockProof", 1, 0), of("TxProof", published - 1, answered)],
            transactions_proved: None,
            segments_proved: None,
            done: 0.25,
            elapsed_seconds: 12.5,
            eta: Some(Eta { seconds: 40.0, low: 30.0, high: 70.5, from: Source::Rate }),
        }
    }

    fn running(state: State, progress: Option<Progress>) -> Running {
        Running { id: "7-9-abcdef".into(), state, progress }
    }

    #[test]
    fn everything_known_is_told_and_of_what_is_not_known_nothing() {
        let census = [(State::Running, 2), (State::Failed, 0)];
        let begun = Running { id: "10-abcdef".into(), ..running(State::Running, None) };
        let both = [running(State::Running, Some(progress(5, 2))), begun];
        let told = text(&census, &both, Some(1 << 31)).unwrap();
        // Samples of one family come in any order.
        let mut lines: Vec<&str> = told.lines().collect();
        lines.sort_unstable();
        insta::assert_snapshot!(lines.join("\n"));
        let told = text(&census, &[], None).unwrap();
        assert!(!told.contains("zero_leader_proof_") && !told.contains("free"), "{told}");
    }

    #[test]
    fn a_phase_is_told_of_each_moment() {
        let phase = |state, progress| running(state, progress).phase();
        assert_eq!(phase(State::Running, None), "preparing");
        assert_eq!(phase(State::Running, Some(progress(8, 7))), "proving");
        assert_eq!(phase(State::Running, Some(progress(9, 9))), "ending");
        assert_eq!(phase(State::Proved, Some(progress(9, 9))), "verifying");
        assert_eq!(phase(State::Verified, Some(progress(9, 9))), "clearing");
    }
}
