//! PURE: what becomes of the tasks of one attempt, as its gateway sees them go out and their results
//! come in. Each has a row; sums by kind hold also for the rows that there is no room for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use amqp_gateway::{Account, Step};
use serde::{Deserialize, Serialize};

/// Tasks of one attempt that have rows: a hundred times as many as a large block becomes.
pub const TASKS_MAX: u32 = 20_000;

/// One task. Times are milliseconds since the attempt began, by a clock that does not jump.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its place among the attempt's.
    pub number: u32,
    /// What is to be done.
    pub operation: String,
    /// When it was given out; unknown for an answer that names no task.
    pub published: Option<u64>,
    /// When it was answered.
    pub answered: Option<u64>,
    /// Its answer was a failure.
    pub failed: bool,
    /// The worker that answered, by its gateway.
    pub worker: Option<String>,
    /// Which try succeeded, from 1.
    pub attempt: Option<u32>,
    /// How long it was in that worker's hands.
    pub took: Option<u64>,
    /// CPU time it has used.
    pub cpu: Option<u64>,
    /// The most memory, in bytes.
    pub memory_peak: Option<u64>,
    /// Bytes read from devices.
    pub read: Option<u64>,
    /// Bytes written to devices.
    pub written: Option<u64>,
}

/// Something that was measured of some tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum {
    /// Of so many it is known.
    pub known: u64,
    /// Of all those together.
    pub total: u64,
    /// The most of one.
    pub most: u64,
}

/// The tasks of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OfKind {
    /// Given out.
    pub published: u64,
    /// Answered.
    pub answered: u64,
    /// Answered with a failure.
    pub failed: u64,
    /// When the first was given out.
    pub first_published: Option<u64>,
    /// When the last was.
    pub last_published: Option<u64>,
    /// When the first was answered.
    pub first_answered: Option<u64>,
    /// When the last was.
    pub last_answered: Option<u64>,
    /// From going out to being answered.
    pub waited: Sum,
    /// In a worker's hands.
    pub took: Sum,
    /// CPU time.
    pub cpu: Sum,
    /// Memory.
    pub memory_peak: Sum,
    /// Bytes read.
    pub read: Sum,
    /// Bytes written.
    pub written: Sum,
    /// Tries before the one that answered.
    pub retries: Sum,
}

/// Moments of an attempt, in milliseconds since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// Its leader was started.
    pub leader_started: Option<u64>,
    /// Its leader had ended.
    pub leader_ended: Option<u64>,
    /// Its end, and its file, were written down.
    pub concluded: Option<u64>,
    /// The verifier had spoken.
    pub verified: Option<u64>,
    /// Nothing of it was left at the broker.
    pub cleared: Option<u64>,
}

/// An attempt, apart from its rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Course {
    /// By what is to be done.
    pub kinds: BTreeMap<String, OfKind>,
    /// Tasks that have no row.
    pub left_out: u64,
    /// Steps that were not told: so many counts are missing.
    pub untold: u64,
    /// Moments.
    pub marks: Marks,
}

/// Follows the tasks of an attempt.
#[derive(Debug)]
pub struct Following {
    began: Instant,
    /// What is known so far.
    pub course: Course,
    rows: u32,
    /// Given out and not answered.
    open: BTreeMap<String, Row>,
    /// Rows that nobody has taken yet.
    changed: BTreeMap<u32, Row>,
    moved: bool,
}

impl Following {
    /// Of an attempt that began then.
    #[must_use]
    pub fn since(began: Instant) -> Self {
        let (open, changed) = (BTreeMap::new(), BTreeMap::new());
        Self { began, course: Course::default(), rows: 0, open, changed, moved: false }
    }

    /// One step of one task.
    pub fn saw(&mut self, step: Step) {
        self.moved = true;
        match step {
            Step::Published { task, operation, at } => {
                self.published(task, operation.to_string(), at);
            }
            Step::Answered { task, operation, at, failed, account } => {
                let known = task.and_then(|task| self.open.remove(&task));
                let row = Row { answered: Some(self.at(at)), failed, ..Row::default() };
                let row = accounted(row, account);
                self.answered(known.as_ref(), &operation.to_string(), row);
            }
        }
    }

    /// So long after the beginning.
    #[must_use]
    pub fn at(&self, moment: Instant) -> u64 {
        millis(moment.saturating_duration_since(self.began))
    }

    /// The rows that have changed since the last call; nothing: not even a sum has.
    pub fn take(&mut self) -> Option<Vec<Row>> {
        std::mem::take(&mut self.moved)
            .then(|| std::mem::take(&mut self.changed).into_values().collect())
    }

    fn published(&mut self, task: Option<String>, operation: String, at: Instant) {
        let at = self.at(at);
        let kind = self.course.kinds.entry(operation.clone()).or_default();
        kind.published += 1;
        kind.first_published.get_or_insert(at);
        kind.last_published = Some(at);
        let Some(number) = self.room() else { return };
        let row = Row { number, operation, published: Some(at), ..Row::default() };
        if let Some(task) = task {
            self.open.insert(task, row.clone());
        }
        self.changed.insert(number, row);
    }

    fn answered(&mut self, known: Option<&Row>, operation: &str, answer: Row) {
        let kind = self.course.kinds.entry(operation.to_owned()).or_default();
        kind.answered += 1;
        kind.failed += u64::from(answer.failed);
        kind.first_answered = kind.first_answered.or(answer.answered);
        kind.last_answered = answer.answered;
        let published = known.and_then(|row| row.published);
        kind.waited.add(answer.answered.zip(published).map(|(to, from)| to.saturating_sub(from)));
        kind.took.add(answer.took);
        kind.cpu.add(answer.cpu);
        kind.memory_peak.add(answer.memory_peak);
        kind.read.add(answer.read);
        kind.written.add(answer.written);
        kind.retries.add(answer.attempt.map(|attempt| u64::from(attempt.saturating_sub(1))));
        let number = known.map(|row| row.number).or_else(|| self.room());
        if let Some(number) = number {
            let row = Row { number, operation: operation.to_owned(), published, ..answer };
            self.changed.insert(number, row);
        }
    }

    /// The next row's number, if there is room for it.
    fn room(&mut self) -> Option<u32> {
        if self.rows >= TASKS_MAX {
            self.course.left_out += 1;
            return None;
        }
        self.rows += 1;
        Some(self.rows)
    }
}

impl Sum {
    fn add(&mut self, one: Option<u64>) {
        let Some(one) = one else { return };
        self.known += 1;
        self.total = self.total.saturating_add(one);
        self.most = self.most.max(one);
    }
}

fn accounted(row: Row, account: Account) -> Row {
    let Account { worker, attempt, took, used, log: _ } = account;
    Row {
        worker,
        attempt,
        took: took.map(millis),
        cpu: used.cpu.map(millis),
        memory_peak: used.memory_peak,
        read: used.read,
        written: used.written,
        ..row
    }
}

/// Whole milliseconds.
#[must_use]
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use amqp_admin::paladin::Operation;
    use amqp_gateway::Used;

    use super::*;
    use crate::clock;

    const WHAT: Operation = Operation::SegmentProof;

    fn out(began: Instant, task: Option<&str>, ms: u64) -> Step {
        let at = began + Duration::from_millis(ms);
        Step::Published { task: task.map(Into::into), operation: WHAT, at }
    }

    fn back(began: Instant, task: Option<&str>, ms: u64, account: Account) -> Step {
        let at = began + Duration::from_millis(ms);
        let task = task.map(Into::into);
        Step::Answered { task, operation: WHAT, at, failed: false, account }
    }

    #[test]
    fn a_task_is_told_from_its_going_out_to_its_answer() {
        let began = clock::now();
        let mut following = Following::since(began);
        assert_eq!(following.take(), None);
        following.saw(out(began, Some("a"), 100));
        let rows = following.take().unwrap();
        assert_eq!((rows[0].published, rows[0].answered), (Some(100), None));
        let used = Used { cpu: Some(Duration::from_secs(2)), ..Used::default() };
        let (worker, took) = (Some("w".to_owned()), Some(Duration::from_millis(300)));
        let account = Account { worker, attempt: Some(2), took, used, log: None };
        following.saw(back(began, Some("a"), 500, account));
        let rows = following.take().unwrap();
        let row = &rows[0];
        assert_eq!((row.number, row.published, row.answered), (1, Some(100), Some(500)));
        assert_eq!((row.took, row.cpu, row.memory_peak), (Some(300), Some(2000), None));
        let kind = &following.course.kinds["SegmentProof"];
        assert_eq!(kind.waited, Sum { known: 1, total: 400, most: 400 });
        assert_eq!((kind.cpu.known, kind.memory_peak.known, kind.retries.total), (1, 0, 1));
        assert_eq!(following.take(), None);
    }

    #[test]
    fn an_answer_that_names_no_task_is_counted_and_of_no_task() {
        let began = clock::now();
        let mut following = Following::since(began);
        following.saw(out(began, Some("a"), 1));
        following.saw(back(began, None, 2, Account::default()));
        let rows = following.take().unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.published, row.answered)).collect();
        assert_eq!(told, [(Some(1), None), (None, Some(2))]);
        let kind = &following.course.kinds["SegmentProof"];
        assert_eq!((kind.answered, kind.waited.known, kind.took.known), (1, 0, 0));
    }

    #[test]
    fn what_there_is_no_room_for_is_in_the_sums() {
        let began = clock::now();
        let mut following = Following::since(began);
        for number in 0..TASKS_MAX + 5 {
            following.saw(out(began, Some(&number.to_string()), 1));
        }
        assert_eq!(following.take().unwrap().len(), TASKS_MAX as usize);
        assert_eq!(following.course.left_out, 5);
        assert_eq!(following.course.kinds["SegmentProof"].published, u64::from(TASKS_MAX) + 5);
    }
}
