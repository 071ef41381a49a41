//! PURE: where a proof's time went: its attempts, their phases, the tasks of each kind, and each task.
//! Names are stable; what is not known is `null`, and never 0.

use serde::Serialize;

use crate::clock::rfc3339;
use crate::course::{Course, Marks, OfKind, Row, Sum};
use crate::ledger::Past;
use crate::proof::{Kind, Proof, State};

/// A proof's report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// What its run is to give.
    pub kind: Kind,
    /// The first block.
    pub first_block: u64,
    /// The last block.
    pub last_block: u64,
    /// Transactions of all of them.
    pub transactions: u64,
    /// Bytes of the witness, unpacked.
    pub witness_bytes: u64,
    /// What its leader calls itself.
    pub prover: Option<String>,
    /// Why it failed or was called off.
    pub reason: Option<String>,
    /// When it came.
    pub created_at: String,
    /// When its first leader was started.
    pub started_at: Option<String>,
    /// When it came to its end.
    pub ended_at: Option<String>,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
}

/// One leader.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// When it began. All seconds below are since then.
    pub started_at: String,
    /// When it ended.
    pub ended_at: Option<String>,
    /// How it ended: a state, or why not well.
    pub outcome: Option<String>,
    /// Since the proof came, or since the attempt before ended. By the wall clock: unknown if that
    /// jumped back.
    pub waited_seconds: Option<f64>,
    /// What it did, one after the other.
    pub phases: Vec<Phase>,
    /// Its tasks by kind, in the order in which the kinds began.
    pub kinds: Vec<OfOperation>,
    /// Each task; those that there was no room for are in `kinds` alone.
    pub tasks: Vec<Task>,
    /// How many those are.
    pub tasks_left_out: u64,
    /// Steps of tasks that the service missed: so many counts may be too low.
    pub steps_missed: u64,
}

/// A part of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Which.
    pub phase: &'static str,
    /// When it began.
    pub from_seconds: Option<f64>,
    /// When it ended.
    pub to_seconds: Option<f64>,
}

/// The tasks of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OfOperation {
    /// What is to be done.
    pub operation: String,
    /// Given out.
    pub published: u64,
    /// Answered.
    pub answered: u64,
    /// Answered with a failure.
    pub failed: u64,
    /// Tries before the one that answered, of the tasks of which that is known.
    pub retries: Option<u64>,
    /// When the first was given out.
    pub first_published_seconds: Option<f64>,
    /// When the last was.
    pub last_published_seconds: Option<f64>,
    /// When the first was answered.
    pub first_answered_seconds: Option<f64>,
    /// When the last was.
    pub last_answered_seconds: Option<f64>,
    /// From going out to being answered: seconds.
    pub answered_in: Measured,
    /// In a worker's hands: seconds.
    pub in_hand: Measured,
    /// CPU time: seconds.
    pub cpu: Measured,
    /// Memory: bytes, of which the mean says how much a task needs.
    pub memory_peak: Measured,
    /// Bytes read from devices.
    pub read: Measured,
    /// Bytes written to devices.
    pub written: Measured,
}

/// Something that was measured of some tasks of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Of so many tasks it is known.
    pub known: u64,
    /// Of one of those.
    pub mean: Option<f64>,
    /// The most of one.
    pub most: Option<f64>,
    /// Of all those together.
    pub total: Option<f64>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its place among the attempt's.
    pub number: u32,
    /// What is to be done.
    pub operation: String,
    /// When it was given out; unknown for an answer of a worker without a gateway, which does not say
    /// what it answers.
    pub published_seconds: Option<f64>,
    /// When it was answered.
    pub answered_seconds: Option<f64>,
    /// The answer was a failure; unknown before there is one.
    pub failed: Option<bool>,
    /// The worker that answered.
    pub worker: Option<String>,
    /// Which try that was, from 1.
    pub r#try: Option<u32>,
    /// How long it was in that worker's hands.
    pub in_hand_seconds: Option<f64>,
    /// CPU time it has used.
    pub cpu_seconds: Option<f64>,
    /// The most memory.
    pub memory_peak_bytes: Option<u64>,
    /// Bytes read from devices.
    pub read_bytes: Option<u64>,
    /// Bytes written to devices.
    pub written_bytes: Option<u64>,
}

/// The report of a proof and its attempts, each with its tasks.
#[must_use]
pub fn report(proof: &Proof, attempts: Vec<(Past, Vec<Row>)>) -> Report {
    let mut before = Some(proof.created);
    let told = attempts.into_iter().map(|(past, rows)| {
        let waited = before.and_then(|before| seconds_between(before, past.started));
        before = past.ended;
        attempt(past, rows, waited)
    });
    let attempts = told.collect();
    Report {
        id: proof.id.clone(),
        state: proof.state,
        kind: proof.wish.kind,
        first_block: proof.subject.first(),
        last_block: proof.subject.last(),
        transactions: proof.subject.transactions(),
        witness_bytes: proof.subject.bytes,
        prover: proof.prover.clone(),
        reason: proof.reason.clone(),
        created_at: rfc3339(proof.created),
        started_at: proof.started.map(rfc3339),
        ended_at: proof.ended.map(rfc3339),
        attempts,
    }
}

/// By the wall clock, which may have jumped in between.
fn seconds_between(from: i64, to: i64) -> Option<f64> {
    to.checked_sub(from).and_then(|ms| u64::try_from(ms).ok()).map(seconds)
}

fn attempt(past: Past, rows: Vec<Row>, waited_seconds: Option<f64>) -> Attempt {
    let Past { number, started, ended, outcome, course } = past;
    let course = course.unwrap_or_default();
    let phases = phases(&course);
    let mut kinds: Vec<_> = course.kinds.into_iter().collect();
    kinds.sort_by_key(|(_, kind)| kind.first_published.or(kind.first_answered));
    Attempt {
        number,
        started_at: rfc3339(started),
        ended_at: ended.map(rfc3339),
        outcome,
        waited_seconds,
        phases,
        kinds: kinds.into_iter().map(|(operation, kind)| of_kind(operation, &kind)).collect(),
        tasks: rows.into_iter().map(task).collect(),
        tasks_left_out: course.left_out,
        steps_missed: course.untold,
    }
}

/// One after the other; one that has not begun is left out.
fn phases(course: &Course) -> Vec<Phase> {
    let kinds = || course.kinds.values();
    let first = kinds().filter_map(|kind| kind.first_published).min();
    let last = kinds().filter_map(|kind| kind.last_answered).max();
    let Marks { leader_started, leader_ended, concluded, verified, cleared } = course.marks;
    let rows = [
        ("preparing", Some(0).filter(|_| leader_started.is_some()), leader_started),
        ("first task", leader_started, first.or(leader_ended)),
        ("proving", first, last),
        ("ending", last.or(leader_ended.and(first)), leader_ended),
        ("writing", leader_ended, concluded),
        ("verifying", concluded.filter(|_| verified.is_some()), verified),
        ("clearing", verified.or(concluded), cleared),
    ];
    let begun = rows.into_iter().filter(|(_, from, _)| from.is_some());
    let told = begun.map(|(phase, from, to)| Phase {
        phase,
        from_seconds: from.map(seconds),
        to_seconds: to.map(seconds),
    });
    told.collect()
}

fn of_kind(operation: String, kind: &OfKind) -> OfOperation {
    OfOperation {
        operation,
        published: kind.published,
        answered: kind.answered,
        failed: kind.failed,
        retries: (kind.retries.known > 0).then_some(kind.retries.total),
        first_published_seconds: kind.first_published.map(seconds),
        last_published_seconds: kind.last_published.map(seconds),
        first_answered_seconds: kind.first_answered.map(seconds),
        last_answered_seconds: kind.last_answered.map(seconds),
        answered_in: measured(kind.waited, MS),
        in_hand: measured(kind.took, MS),
        cpu: measured(kind.cpu, MS),
        memory_peak: measured(kind.memory_peak, 1.0),
        read: measured(kind.read, 1.0),
        written: measured(kind.written, 1.0),
    }
}

/// Milliseconds in a second.
const MS: f64 = 1000.0;

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn measured(sum: Sum, unit: f64) -> Measured {
    let known = |value: f64| (sum.known > 0).then_some(value / unit);
    Measured {
        known: sum.known,
        mean: known(sum.total as f64 / sum.known.max(1) as f64),
        most: known(sum.most as f64),
        total: known(sum.total as f64),
    }
}

#[expect(clippy::cast_precision_loss, reason = "an attempt takes hours, not millennia")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / MS
}

fn task(row: Row) -> Task {
    Task {
        number: row.number,
        operation: row.operation,
        published_seconds: row.published.map(seconds),
        answered_seconds: row.answered.map(seconds),
        failed: row.answered.map(|_| row.failed),
        worker: row.worker,
        r#try: row.attempt,
        in_hand_seconds: row.took.map(seconds),
        cpu_seconds: row.cpu.map(seconds),
        memory_peak_bytes: row.memory_peak,
        read_bytes: row.read,
        written_bytes: row.written,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn course(marks: Marks) -> Course {
        let kind = OfKind {
            published: 2,
            answered: 1,
            first_published: Some(400),
            last_answered: Some(2400),
            took: Sum { known: 1, total: 1500, most: 1500 },
            ..OfKind::default()
        };
        Course { kinds: BTreeMap::from([("TxProof".into(), kind)]), marks, ..Course::default() }
    }

    fn told(course: &Course) -> Vec<(&'static str, Option<f64>, Option<f64>)> {
        let told = phases(course).into_iter();
        told.map(|phase| (phase.phase, phase.from_seconds, phase.to_seconds)).collect()
    }

    #[test]
    fn phases_follow_one_another_and_end_where_the_next_begins() {
        let marks = Marks {
            leader_started: Some(10),
            leader_ended: Some(2500),
            concluded: Some(2600),
            verified: Some(3000),
            cleared: Some(3010),
        };
        let told = told(&course(marks));
        let names: Vec<_> = told.iter().map(|phase| phase.0).collect();
        let all =
            ["preparing", "first task", "proving", "ending", "writing", "verifying", "clearing"];
        assert_eq!(names, all);
        assert!(told.windows(2).all(|pair| pair[0].2 == pair[1].1), "{told:?}");
        assert_eq!(told[2], ("proving", Some(0.4), Some(2.4)));
    }

    #[test]
    fn of_a_run_that_goes_on_or_was_killed_the_end_is_not_known() {
        let running = Marks { leader_started: Some(10), ..Marks::default() };
        let told = told(&course(running));
        assert_eq!(told.last(), Some(&("ending", Some(2.4), None)));
        let silent = Course { marks: running, ..Course::default() };
        assert_eq!(self::told(&silent).last(), Some(&("first task", Some(0.01), None)));
        assert_eq!(self::told(&Course::default()), []);
    }

    #[test]
    fn without_a_verifier_nothing_is_verified() {
        let marks = Marks { concluded: Some(5), cleared: Some(9), ..Marks::default() };
        let told = told(&Course { marks, ..Course::default() });
        assert_eq!(told, [("clearing", Some(0.005), Some(0.009))]);
    }

    #[test]
    fn what_was_not_measured_is_unknown_and_a_clock_that_jumped_back_tells_nothing() {
        let told = attempt(
            Past {
                number: 1,
                started: 7,
                ended: None,
                outcome: None,
                course: Some(course(Marks::default())),
            },
            Vec::new(),
            seconds_between(10, 7),
        );
        assert_eq!(told.waited_seconds, None);
        let kind = &told.kinds[0];
        assert_eq!((kind.in_hand.known, kind.in_hand.mean), (1, Some(1.5)));
        assert_eq!((kind.cpu.known, kind.cpu.mean, kind.cpu.total), (0, None, None));
        assert_eq!(kind.retries, None);
    }
}
