//! PURE: what one worker proves and takes, from measurements of others or of one's own reports.

use serde::Serialize;

use crate::report::{Attempt, OfOperation, Report};

/// Bytes in a GiB.
const GIB: f64 = 1_073_741_824.0;
/// How much more memory than the highest peak is planned for: the next block may be larger.
const SPARE_MEMORY: f64 = 1.25;
/// How far one proof alone is taken to be off.
const ONE_PROOF: f64 = 0.2;
/// What names of operations that join two proofs have in them.
const JOINS: &str = "Agg";

/// A number between the least and the most that it may be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread<T> {
    pub(crate) least: T,
    pub(crate) likely: T,
    pub(crate) most: T,
}

impl<T: Copy> Spread<T> {
    /// Each of the three changed in the same way.
    pub(crate) fn map<U>(self, change: impl Fn(T) -> U) -> Spread<U> {
        let Self { least, likely, most } = self;
        Spread { least: change(least), likely: change(likely), most: change(most) }
    }
}

/// One worker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Worker {
    /// Transactions that it proves in an hour, all joins among them.
    pub(crate) txs_per_hour: Spread<f64>,
    pub(crate) vcpus: f64,
    /// Memory in GiB.
    pub(crate) memory_gib: f64,
    /// The longest single task.
    pub(crate) slowest_seconds: f64,
    /// The joins that follow one another when the last transaction is proved; `None`: not known.
    pub(crate) joins_seconds: Option<f64>,
    /// Where these numbers come from.
    pub(crate) basis: Vec<Basis>,
}

/// Where a number comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Basis {
    pub(crate) what: &'static str,
    pub(crate) value: String,
    pub(crate) known: Known,
    pub(crate) source: String,
}

/// How well a number is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Known {
    /// Somebody has measured it.
    Measured,
    /// It follows from what was measured, under an assumption.
    Inferred,
    /// The command line says it.
    Given,
}

impl Known {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Inferred => "inferred",
            Self::Given => "given",
        }
    }
}

/// Where the numbers of `as_others_measured` come from: what, value, how well known, and source.
const NOTES: [(&str, &str, Known, &str); 5] = [
    (
        "transactions an hour",
        "100",
        Known::Measured,
        "operators' notes of July 2024 on mainnet blocks 20362226 to 20362237: about 100 in 20 minutes, by three workers on one c3d-highmem-180 (180 vCPU, 1440 GB)",
    ),
    (
        "its range",
        "40..115",
        Known::Inferred,
        "the same notes: 166 in 77 minutes and again in 29, 174 in 32, if three workers did it",
    ),
    ("vCPUs", "60", Known::Inferred, "a third of that machine; fewer were not measured"),
    (
        "memory",
        "214 GiB",
        Known::Inferred,
        "their limit of 230 GB; the first block took at most 50 GB",
    ),
    ("slowest task", "66s", Known::Measured, "the same notes: a transaction in a worker's log"),
];

/// A worker as operators of `zk_evm` have measured it on Google Cloud in July 2024: the notes of
/// github.com/leovct/zk-evm-prover-infra on blocks 20362226 to 20362237 of mainnet.
pub(crate) fn as_others_measured() -> Worker {
    let basis = NOTES.map(|(what, value, known, source)| Basis {
        what,
        value: value.to_owned(),
        known,
        source: source.to_owned(),
    });
    Worker {
        txs_per_hour: Spread { least: 40.0, likely: 100.0, most: 115.0 },
        vcpus: 60.0,
        memory_gib: 214.0,
        slowest_seconds: 66.0,
        joins_seconds: None,
        basis: basis.to_vec(),
    }
}

/// A worker as the reports of proofs tell it; the same release, machines and kind of blocks are meant.
/// What a report cannot tell is told in words.
pub(crate) fn of_reports(reports: &[Report]) -> Result<Worker, String> {
    let proofs: Vec<Proof> = reports.iter().map(proof).collect::<Result<_, _>>()?;
    let (txs, seconds) = proofs.iter().fold((0.0, 0.0), |(txs, seconds), proof| {
        (txs + proof.transactions, seconds + proof.worker_seconds)
    });
    if proofs.is_empty() || seconds <= 0.0 {
        return Err("its tasks took no time at all".to_owned());
    }
    let likely = txs * 3600.0 / seconds;
    let txs_per_hour = spread(likely, &proofs);
    let others = as_others_measured();
    let most = |of: fn(&Proof) -> Option<f64>| proofs.iter().filter_map(of).reduce(f64::max);
    let (peak, cores) = (most(|proof| proof.memory_gib), most(|proof| proof.cores));
    let slowest_seconds = most(|proof| Some(proof.slowest_seconds)).unwrap_or_default();
    let joins_seconds = most(|proof| Some(proof.joins_seconds));
    let worker = Worker {
        txs_per_hour,
        vcpus: cores.map_or(others.vcpus, |cores| cores.ceil().max(1.0)),
        memory_gib: peak.map_or(others.memory_gib, |peak| peak * SPARE_MEMORY),
        slowest_seconds,
        joins_seconds,
        basis: Vec::new(),
    };
    let mut basis = vec![rate_basis(&proofs, txs_per_hour)];
    basis.push(share("vCPUs", cores.map(|_| format!("{:.0}", worker.vcpus)), &others));
    basis.push(share("memory", peak.map(|_| format!("{:.0} GiB", worker.memory_gib)), &others));
    basis.push(share("slowest task", Some(format!("{slowest_seconds:.0}s")), &others));
    basis.push(joins_basis(joins_seconds.unwrap_or_default()));
    Ok(Worker { basis, ..worker })
}

/// What is needed of one proof.
struct Proof {
    id: String,
    transactions: f64,
    /// Time in workers' hands, of all tasks.
    worker_seconds: f64,
    /// Processors that were busy, of one worker in the mean.
    cores: Option<f64>,
    memory_gib: Option<f64>,
    slowest_seconds: f64,
    joins_seconds: f64,
}

fn proof(report: &Report) -> Result<Proof, String> {
    let id = &report.id;
    if report.kind != "proof" {
        return Err(format!(
            "`{id}` is {}: its tasks simulate and prove nothing; take a proof",
            report.kind
        ));
    }
    let made = report.attempts.last().filter(|_| report.state.is_good());
    let Some(made) = made else {
        let state = report.state.word();
        return Err(format!("`{id}` is {state}: take a proof that was made"));
    };
    if report.transactions == 0 {
        return Err(format!("`{id}` has no transactions: take a proof of a block that has"));
    }
    measured(report, made)
}

#[expect(clippy::cast_precision_loss, reason = "counts of tasks, for a mean")]
fn measured(report: &Report, made: &Attempt) -> Result<Proof, String> {
    let id = report.id.clone();
    let kinds: Vec<&OfOperation> = made.kinds.iter().filter(|kind| kind.answered > 0).collect();
    let (mut worker_seconds, mut slowest_seconds, mut joins_seconds) = (0.0, 0.0_f64, 0.0);
    for kind in &kinds {
        let (Some(mean), Some(most)) = (kind.in_hand.mean, kind.in_hand.most) else {
            let what = &kind.operation;
            return Err(format!(
                "`{id}` does not tell how long its tasks ({what}) were in hand: their workers have no gateway; run them behind zero-worker"
            ));
        };
        worker_seconds += mean * kind.answered as f64;
        slowest_seconds = slowest_seconds.max(most);
        if kind.operation.contains(JOINS) {
            // As many joins as there are one above the other in a tree of so many.
            joins_seconds += mean * (kind.answered as f64 + 1.0).log2().ceil();
        }
    }
    let told = |total: fn(&OfOperation) -> Option<f64>| -> Option<f64> {
        kinds.iter().map(|kind| total(kind)).sum()
    };
    let cpu = told(|kind| kind.cpu.mean.map(|mean| mean * kind.answered as f64));
    let peaks = kinds.iter().filter_map(|kind| kind.memory_peak.most);
    Ok(Proof {
        id,
        transactions: report.transactions as f64,
        worker_seconds,
        cores: cpu.filter(|_| worker_seconds > 0.0).map(|cpu| cpu / worker_seconds),
        memory_gib: peaks.reduce(f64::max).map(|bytes| bytes / GIB),
        slowest_seconds,
        joins_seconds,
    })
}

/// Of several proofs, the slowest and the fastest; of one, so much more and less.
fn spread(likely: f64, proofs: &[Proof]) -> Spread<f64> {
    let rates = || proofs.iter().map(|proof| proof.transactions * 3600.0 / proof.worker_seconds);
    if proofs.len() < 2 {
        return Spread {
            least: likely * (1.0 - ONE_PROOF),
            likely,
            most: likely * (1.0 + ONE_PROOF),
        };
    }
    let (least, most) = (rates().reduce(f64::min), rates().reduce(f64::max));
    Spread { least: least.unwrap_or(likely), likely, most: most.unwrap_or(likely) }
}

fn rate_basis(proofs: &[Proof], rate: Spread<f64>) -> Basis {
    let ids: Vec<&str> = proofs.iter().map(|proof| proof.id.as_str()).collect();
    let range = match proofs {
        [_] => "the range is a guess from one proof: a fifth less and more".to_owned(),
        more => format!("the range is that of {} proofs", more.len()),
    };
    Basis {
        what: "transactions an hour",
        value: format!("{:.0}", rate.likely),
        known: Known::Measured,
        source: format!("time in workers' hands in {}; {range}", ids.join(", ")),
    }
}

fn joins_basis(seconds: f64) -> Basis {
    Basis {
        what: "last joins",
        value: format!("{seconds:.0}s"),
        known: Known::Inferred,
        source: "the mean time of a join, as often as the tree is high".to_owned(),
    }
}

/// What reports tell, or what is taken instead.
fn share(what: &'static str, told: Option<String>, others: &Worker) -> Basis {
    if let Some(value) = told {
        let source = match what {
            "vCPUs" => "the most cores that a proof's tasks kept busy",
            "memory" => "the highest peak of a task, and a quarter more",
            _ => "the longest time in a worker's hands",
        };
        return Basis { what, value, known: Known::Measured, source: source.to_owned() };
    }
    let taken = others.basis.iter().find(|basis| basis.what == what);
    let value = taken.map_or_else(String::new, |basis| basis.value.clone());
    let source = "not told by the reports, as cgroup v2 would; others' number is taken".to_owned();
    Basis { what, value, known: Known::Inferred, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::State;
    use crate::report::tests::report;

    /// The report of the tests: its second attempt has 2 transactions of 1.5 s and a join of 1.5 s
    /// for 5 transactions.
    fn proofs(change: impl FnOnce(&mut Report)) -> Result<Worker, String> {
        let mut report = report();
        change(&mut report);
        of_reports(&[report])
    }

    #[test]
    fn a_report_tells_what_a_worker_does() {
        let worker = proofs(|_| ()).unwrap();
        assert!((worker.txs_per_hour.likely - 5.0 * 3600.0 / 4.5).abs() < 1e-9);
        assert!((worker.vcpus - 6.0).abs() < f64::EPSILON, "9 s of CPU in 1.5 s");
        assert!((worker.memory_gib - 5.0).abs() < 1e-9, "4 GiB and a quarter");
        assert!((worker.slowest_seconds - 3.0).abs() < f64::EPSILON);
        assert_eq!(worker.joins_seconds, Some(1.5), "one join has one level");
        assert_eq!(
            worker.basis.iter().map(|basis| basis.known.word()).collect::<Vec<_>>(),
            ["measured", "measured", "measured", "measured", "inferred"]
        );
    }

    #[test]
    fn several_reports_make_a_range() {
        let (fast, mut slow) = (report(), report());
        slow.transactions = 1;
        let rate = of_reports(&[fast, slow]).unwrap().txs_per_hour;
        let told = [rate.least, rate.likely, rate.most].map(|rate| format!("{rate:.0}"));
        assert_eq!(told, ["800", "2400", "4000"]);
    }

    #[test]
    fn what_was_not_measured_is_taken_from_others_and_said_to_be() {
        let worker = proofs(|report| {
            for kind in &mut report.attempts[1].kinds {
                (kind.cpu.mean, kind.memory_peak.most) = (None, None);
            }
        });
        let worker = worker.unwrap();
        assert!((worker.vcpus - 60.0).abs() < f64::EPSILON && worker.memory_gib > 200.0);
        assert_eq!(worker.basis[1].known, Known::Inferred);
    }

    #[test]
    fn a_report_that_tells_nothing_is_refused_with_what_to_do() {
        insta::assert_snapshot!(proofs(|report| report.state = State::Failed).unwrap_err(), @"`7-3f9a1c` is failed: take a proof that was made");
        insta::assert_snapshot!(proofs(|report| report.kind = "test-only".into()).unwrap_err(), @"`7-3f9a1c` is test-only: its tasks simulate and prove nothing; take a proof");
        insta::assert_snapshot!(proofs(|report| report.transactions = 0).unwrap_err(), @"`7-3f9a1c` has no transactions: take a proof of a block that has");
        insta::assert_snapshot!(proofs(|report| report.attempts[1].kinds[0].in_hand.mean = None).unwrap_err(), @"`7-3f9a1c` does not tell how long its tasks (TxProof) were in hand: their workers have no gateway; run them behind zero-worker");
        insta::assert_snapshot!(proofs(|report| report.attempts[1].kinds.clear()).unwrap_err(), @"its tasks took no time at all");
    }
}
