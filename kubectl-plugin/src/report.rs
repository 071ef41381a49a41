//! PURE: the report of a proof as the proof service tells it, and its tables for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::output::{Table, bytes};
use crate::proof::{State, range, span};

/// Where a proof's time went. What is not known is `None`, and never 0.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) kind: String,
    pub(crate) first_block: u64,
    pub(crate) last_block: u64,
    pub(crate) transactions: u64,
    pub(crate) witness_bytes: u64,
    pub(crate) prover: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    pub(crate) attempts: Vec<Attempt>,
}

/// One leader. Seconds are since it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) started_at: String,
    pub(crate) ended_at: Option<String>,
    /// A state, or why it did not end well.
    pub(crate) outcome: Option<String>,
    pub(crate) waited_seconds: Option<f64>,
    pub(crate) phases: Vec<Phase>,
    pub(crate) kinds: Vec<OfOperation>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) tasks_left_out: u64,
    pub(crate) steps_missed: u64,
}

/// A part of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Phase {
    #[serde(rename = "phase")]
    pub(crate) name: String,
    pub(crate) from_seconds: Option<f64>,
    pub(crate) to_seconds: Option<f64>,
}

/// The tasks of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OfOperation {
    pub(crate) operation: String,
    pub(crate) published: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) retries: Option<u64>,
    pub(crate) first_published_seconds: Option<f64>,
    pub(crate) last_published_seconds: Option<f64>,
    pub(crate) first_answered_seconds: Option<f64>,
    pub(crate) last_answered_seconds: Option<f64>,
    pub(crate) answered_in: Measured,
    pub(crate) in_hand: Measured,
    pub(crate) cpu: Measured,
    pub(crate) memory_peak: Measured,
    pub(crate) read: Measured,
    pub(crate) written: Measured,
}

/// Something that was measured of some tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) known: u64,
    pub(crate) mean: Option<f64>,
    pub(crate) most: Option<f64>,
    pub(crate) total: Option<f64>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    pub(crate) number: u32,
    pub(crate) operation: String,
    pub(crate) published_seconds: Option<f64>,
    pub(crate) answered_seconds: Option<f64>,
    pub(crate) failed: Option<bool>,
    pub(crate) worker: Option<String>,
    pub(crate) r#try: Option<u32>,
    pub(crate) in_hand_seconds: Option<f64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) memory_peak_bytes: Option<u64>,
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
}

impl Report {
    /// What it is of, in a line.
    pub(crate) fn headline(&self) -> String {
        let Self { id, transactions, .. } = self;
        let blocks = range(self.first_block, self.last_block);
        let attempts = amqp_admin::plural(self.attempts.len() as u64, "attempt");
        let state = self.state.word();
        format!("{id}: {state}, block {blocks}, {transactions} transactions, {attempts}")
    }

    /// A row for each phase of each attempt.
    pub(crate) fn phases(&self) -> Table {
        let mut table = Table::new(["ATTEMPT", "PHASE", "FROM", "TOOK", "SHARE"], []);
        for attempt in &self.attempts {
            let whole: f64 = attempt.phases.iter().filter_map(Phase::took).sum();
            let number = attempt.number.to_string();
            let waited = known(attempt.waited_seconds, time);
            table.row([number.clone(), "waiting".into(), "-".into(), waited, "-".into()]);
            for phase in &attempt.phases {
                let share = phase.took().filter(|_| whole > 0.0);
                let share = known(share, |took| format!("{:.0}%", took / whole * 100.0));
                let (from, took) = (known(phase.from_seconds, time), known(phase.took(), time));
                table.row([number.clone(), phase.name.clone(), from, took, share]);
            }
        }
        table
    }

    /// A row for each kind of task of each attempt.
    pub(crate) fn kinds(&self) -> Table {
        let narrow = [
            "ATTEMPT",
            "TASKS OF",
            "GIVEN OUT",
            "ANSWERED",
            "RETRIES",
            "FAILED",
            "FROM",
            "TO",
            "IN HAND",
            "CPU",
            "MEMORY",
            "MEASURED",
        ];
        let wide = ["ANSWERED IN", "READ", "WRITTEN", "CPU IN ALL"];
        let mut table = Table::new(narrow, wide);
        for (attempt, kind) in
            self.attempts.iter().flat_map(|it| it.kinds.iter().map(move |k| (it, k)))
        {
            table.row([
                attempt.number.to_string(),
                kind.operation.clone(),
                kind.published.to_string(),
                kind.answered.to_string(),
                kind.retries.map_or_else(unknown, |retries| retries.to_string()),
                kind.failed.to_string(),
                known(kind.first_published_seconds, time),
                known(kind.last_answered_seconds, time),
                kind.in_hand.told(time),
                kind.cpu.told(time),
                kind.memory_peak.told(size),
                format!("{}/{}", kind.in_hand.known, kind.answered),
                kind.answered_in.told(time),
                kind.read.told(size),
                kind.written.told(size),
                known(kind.cpu.total, time),
            ]);
        }
        table
    }

    /// A row for each task; all its columns are for programs.
    pub(crate) fn tasks(&self) -> Table {
        let columns = [
            "ATTEMPT",
            "TASK",
            "OPERATION",
            "PUBLISHED_SECONDS",
            "ANSWERED_SECONDS",
            "FAILED",
            "WORKER",
            "TRY",
            "IN_HAND_SECONDS",
            "CPU_SECONDS",
            "MEMORY_PEAK_BYTES",
            "READ_BYTES",
            "WRITTEN_BYTES",
        ];
        let mut table = Table::new(columns, []);
        for (attempt, task) in
            self.attempts.iter().flat_map(|it| it.tasks.iter().map(move |t| (it, t)))
        {
            table.row([
                attempt.number.to_string(),
                task.number.to_string(),
                task.operation.clone(),
                plain(task.published_seconds),
                plain(task.answered_seconds),
                plain(task.failed),
                plain(task.worker.as_ref()),
                plain(task.r#try),
                plain(task.in_hand_seconds),
                plain(task.cpu_seconds),
                plain(task.memory_peak_bytes),
                plain(task.read_bytes),
                plain(task.written_bytes),
            ]);
        }
        table
    }

    /// What a reader has to know of the numbers.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for attempt in &self.attempts {
            let number = attempt.number;
            if let Some(outcome) = &attempt.outcome {
                // A failed attempt's words may begin so themselves.
                let own = outcome.strip_prefix(&format!("attempt {number} ")).unwrap_or(outcome);
                notes.push(format!("attempt {number}: {own}"));
            }
            if attempt.phases.is_empty() && attempt.ended_at.is_some() {
                notes.push(format!("attempt {number}: nothing was written down of its tasks"));
            }
            if attempt.tasks_left_out > 0 {
                let left = attempt.tasks_left_out;
                notes.push(format!("attempt {number}: {left} tasks are in the sums alone"));
            }
            if attempt.steps_missed > 0 {
                let missed = attempt.steps_missed;
                notes.push(format!("attempt {number}: the service missed {missed} steps of tasks, so counts may be too low"));
            }
        }
        let answered = || self.attempts.iter().flat_map(|attempt| &attempt.kinds);
        let total: u64 = answered().map(|kind| kind.answered).sum();
        let known: u64 = answered().map(|kind| kind.cpu.known).sum();
        if known < total {
            notes.push(format!(
                "what {} of {total} answered tasks used is not known: their workers have no gateway (zero-worker), or no cgroup v2 to read",
                total - known
            ));
        }
        notes
    }
}

impl Phase {
    /// How long it took.
    pub(crate) fn took(&self) -> Option<f64> {
        Some((self.to_seconds? - self.from_seconds?).max(0.0))
    }
}

impl Measured {
    /// The mean, and the most of one.
    fn told(&self, told: fn(f64) -> String) -> String {
        match (self.mean, self.most) {
            (Some(mean), Some(most)) => format!("{}, most {}", told(mean), told(most)),
            (mean, _) => known(mean, told),
        }
    }
}

fn unknown() -> String {
    "?".to_owned()
}

fn known(value: Option<f64>, told: impl Fn(f64) -> String) -> String {
    value.map_or_else(unknown, told)
}

fn plain(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Seconds as people read them.
pub(crate) fn time(seconds: f64) -> String {
    match seconds {
        short if short < 10.0 => format!("{short:.2}s"),
        short if short < 60.0 => format!("{short:.1}s"),
        long => span(Duration::from_secs_f64(long)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes, told in units")]
fn size(of: f64) -> String {
    bytes(of.max(0.0) as u64)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn measured(known: u64, mean: impl Into<Value>, most: impl Into<Value>) -> Value {
        let (mean, most): (Value, Value) = (mean.into(), most.into());
        let total = mean.as_f64().map(|mean| mean * f64::from(u32::try_from(known).unwrap()));
        json!({"known": known, "mean": mean, "most": most, "total": total})
    }

    fn kind(operation: &str, numbers: [u64; 3], times: [f64; 2], known: u64) -> Value {
        let [published, answered, failed] = numbers;
        let (nothing, some) = (Value::Null, |value: f64| (known > 0).then_some(value));
        json!({"operation": operation, "published": published, "answered": answered,
            "failed": failed, "retries": (known > 0).then_some(1),
            "firstPublishedSeconds": times[0], "lastPublishedSeconds": times[0],
            "firstAnsweredSeconds": times[1], "lastAnsweredSeconds": times[1],
            "answeredIn": measured(answered, 2.5, 4.0), "inHand": measured(known, some(1.5), some(3.0)),
            "cpu": measured(known, some(9.0), some(70.0)),
            "memoryPeak": measured(known, some(3_221_225_472.0), some(4_294_967_296.0)),
            "read": measured(0, nothing.clone(), nothing.clone()),
            "written": measured(known, some(0.0), some(0.0))})
    }

    fn task(number: u32, operation: &str, times: [Option<f64>; 3], r#try: Option<u32>) -> Value {
        json!({"number": number, "operation": operation, "publishedSeconds": times[0],
            "answeredSeconds": times[1], "failed": times[1].map(|_| false),
            "worker": times[2].map(|_| "worker-1, \"the first\""), "try": r#try,
            "inHandSeconds": times[2], "cpuSeconds": times[2], "memoryPeakBytes": null,
            "readBytes": null, "writtenBytes": null})
    }

    /// A report of two attempts: the first failed, the second is verified.
    pub(crate) fn report() -> Report {
        let phase = |name: &str, from: f64, to: Option<f64>| json!({"phase": name, "fromSeconds": from, "toSeconds": to});
        let first = json!({"number": 1, "startedAt": "2026-01-01T00:00:02Z",
            "endedAt": "2026-01-01T00:00:07Z", "outcome": "attempt 1 failed, tried again: the leader was <killed>",
            "waitedSeconds": 2.0, "tasksLeftOut": 0, "stepsMissed": 0,
            "phases": [phase("preparing", 0.0, Some(0.1)), phase("first task", 0.1, Some(1.0)),
                phase("proving", 1.0, Some(5.0)), phase("ending", 5.0, None)],
            "kinds": [kind("TxProof", [3, 1, 0], [1.0, 5.0], 0)],
            "tasks": [task(1, "TxProof", [Some(1.0), Some(5.0), None], None),
                task(2, "TxProof", [Some(1.0), None, None], None),
                task(3, "TxProof", [Some(1.0), None, None], None)]});
        let second = json!({"number": 2, "startedAt": "2026-01-01T00:00:10Z",
            "endedAt": "2026-01-01T00:00:20Z", "outcome": "proved", "waitedSeconds": null,
            "tasksLeftOut": 4, "stepsMissed": 0,
            "phases": [phase("preparing", 0.0, Some(0.1)), phase("first task", 0.1, Some(0.5)),
                phase("proving", 0.5, Some(9.0)), phase("ending", 9.0, Some(9.2)),
                phase("writing", 9.2, Some(9.3)), phase("verifying", 9.3, Some(10.0)),
                phase("clearing", 10.0, Some(10.1))],
            "kinds": [kind("TxProof", [2, 2, 0], [0.5, 6.0], 2), kind("AggProof", [1, 1, 0], [6.0, 9.0], 1)],
            "tasks": [task(1, "TxProof", [Some(0.5), Some(4.0), Some(3.0)], Some(1)),
                task(2, "TxProof", [Some(0.5), Some(6.0), Some(2.0)], Some(3)),
                task(3, "AggProof", [Some(6.0), Some(9.0), Some(2.5)], Some(1))]});
        serde_json::from_value(json!({"id": "7-3f9a1c", "state": "verified", "kind": "proof",
            "firstBlock": 7, "lastBlock": 8, "transactions": 5, "witnessBytes": 9, "prover": null,
            "reason": null, "createdAt": "2026-01-01T00:00:00Z", "startedAt": "2026-01-01T00:00:02Z",
            "endedAt": "2026-01-01T00:00:20Z", "attempts": [first, second]}))
        .unwrap()
    }

    #[test]
    fn people_read_phases_and_kinds() {
        let report = report();
        insta::assert_snapshot!(report.headline(), @"7-3f9a1c: verified, block 7..8, 5 transactions, 2 attempts");
        insta::assert_snapshot!(report.phases().text(false).unwrap(), @"
        ATTEMPT   PHASE        FROM    TOOK    SHARE
        1         waiting      -       2.00s   -
        1         preparing    0.00s   0.10s   2%
        1         first task   0.10s   0.90s   18%
        1         proving      1.00s   4.00s   80%
        1         ending       5.00s   ?       ?
        2         waiting      -       ?       -
        2         preparing    0.00s   0.10s   1%
        2         first task   0.10s   0.40s   4%
        2         proving      0.50s   8.50s   84%
        2         ending       9.00s   0.20s   2%
        2         writing      9.20s   0.10s   1%
        2         verifying    9.30s   0.70s   7%
        2         clearing     10.0s   0.10s   1%
        ");
        insta::assert_snapshot!(report.kinds().text(true).unwrap(), @"
        ATTEMPT   TASKS OF   GIVEN OUT   ANSWERED   RETRIES   FAILED   FROM    TO      IN HAND             CPU                 MEMORY                    MEASURED   ANSWERED IN         READ   WRITTEN         CPU IN ALL
        1         TxProof    3           1          ?         0        1.00s   5.00s   ?                   ?                   ?                         0/1        2.50s, most 4.00s   ?      ?               ?
        2         TxProof    2           2          1         0        0.50s   6.00s   1.50s, most 3.00s   9.00s, most 1m10s   3.00 GiB, most 4.00 GiB   2/2        2.50s, most 4.00s   ?      0 B, most 0 B   18.0s
        2         AggProof   1           1          1         0        6.00s   9.00s   1.50s, most 3.00s   9.00s, most 1m10s   3.00 GiB, most 4.00 GiB   1/1        2.50s, most 4.00s   ?      0 B, most 0 B   9.00s
        ");
        insta::assert_snapshot!(report.notes().join("\n"), @"
        attempt 1: failed, tried again: the leader was <killed>
        attempt 2: proved
        attempt 2: 4 tasks are in the sums alone
        what 1 of 4 answered tasks used is not known: their workers have no gateway (zero-worker), or no cgroup v2 to read
        ");
    }

    #[test]
    fn programs_read_each_task_and_nothing_where_nothing_is_known() {
        insta::assert_snapshot!(report().tasks().csv(), @r#"
        attempt,task,operation,published_seconds,answered_seconds,failed,worker,try,in_hand_seconds,cpu_seconds,memory_peak_bytes,read_bytes,written_bytes
        1,1,TxProof,1,5,false,,,,,,,
        1,2,TxProof,1,,,,,,,,,
        1,3,TxProof,1,,,,,,,,,
        2,1,TxProof,0.5,4,false,"worker-1, ""the first""",1,3,3,,,
        2,2,TxProof,0.5,6,false,"worker-1, ""the first""",3,2,2,,,
        2,3,AggProof,6,9,false,"worker-1, ""the first""",1,2.5,2.5,,,
        "#);
    }

    #[test]
    fn times_are_as_long_as_they_have_to_be() {
        assert_eq!([0.0, 9.994, 59.94, 75.0].map(time), ["0.00s", "9.99s", "59.9s", "1m15s"]);
    }
}
