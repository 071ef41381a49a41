//! What is known of the child: its log's counts, its tasks, its ends. Written by whoever hears of
//! something, read at each scrape.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amqp_gateway::Used;

use crate::cgroup::Usage;
use crate::clock;
use crate::ending::Cause;
use crate::logs::Event;
use crate::tally::Tally;
use crate::tasks::{Ended, Outcome};

/// All that is counted.
#[derive(Debug, Clone)]
pub struct Account {
    /// What the log told.
    pub tally: Tally,
    /// Tasks by operation and outcome, and how long they were in hand.
    pub tasks: BTreeMap<(String, Outcome), (u64, Duration)>,
    /// What tasks have used, by operation: the sums, and the most memory during the last of them.
    pub used: BTreeMap<String, Used>,
    /// How often a child ended by itself, by cause.
    pub ends: BTreeMap<Cause, u64>,
    /// A child runs now.
    pub running: bool,
}

/// What one task has used: the difference of two readings, and the peak between them.
#[must_use]
pub fn used(before: Usage, after: Usage, memory_peak: Option<u64>) -> Used {
    let grown = |before: Option<u64>, after: Option<u64>| after?.checked_sub(before?);
    let cpu = after.cpu.zip(before.cpu).and_then(|(after, before)| after.checked_sub(before));
    let (read, written) = (grown(before.read, after.read), grown(before.written, after.written));
    Used { cpu, read, written, memory_peak }
}

/// What both have used: sums, and the last one's memory.
fn together(one: Used, other: Used) -> Used {
    let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    let cpu = match (one.cpu, other.cpu) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    };
    let (read, written) = (sum(one.read, other.read), sum(one.written, other.written));
    Used { cpu, read, written, memory_peak: other.memory_peak.or(one.memory_peak) }
}

/// The account, shared. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Books(Arc<Mutex<Account>>);

impl Books {
    /// Empty ones; `blocks` are told one by one.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        Self(Arc::new(Mutex::new(Account {
            tally: Tally::new(blocks),
            tasks: BTreeMap::new(),
            used: BTreeMap::new(),
            ends: BTreeMap::new(),
            running: false,
        })))
    }

    /// The account as it is now.
    #[must_use]
    pub fn account(&self) -> Account {
        let mut account = self.open();
        account.tally.look(clock::now());
        account.clone()
    }

    /// The child's log told something.
    pub fn heard(&self, event: &Event<'_>) {
        self.open().tally.add(event, clock::now());
    }

    /// A child was started.
    pub fn started(&self) {
        self.open().running = true;
    }

    /// A child is gone. Tells whether its log said that an abort ended it.
    #[must_use]
    pub fn gone(&self) -> bool {
        let mut account = self.open();
        account.running = false;
        account.tally.child_ended()
    }

    /// It had ended by itself.
    pub fn ended(&self, cause: Cause) {
        let mut account = self.open();
        let count = account.ends.entry(cause).or_default();
        *count = count.saturating_add(1);
    }

    /// A task left the child's hands.
    pub fn task(&self, ended: &Ended, used: Used) {
        let mut account = self.open();
        let key = (ended.operation.clone(), ended.outcome);
        let (count, took) = account.tasks.entry(key).or_default();
        *count = count.saturating_add(1);
        *took = took.saturating_add(ended.took);
        let sum = account.used.entry(ended.operation.clone()).or_default();
        *sum = together(*sum, used);
    }

    fn open(&self) -> MutexGuard<'_, Account> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_used_is_a_difference_and_what_was_not_read_is_missing() {
        let before = Usage { cpu: Some(Duration::from_secs(2)), read: Some(5), ..Usage::default() };
        let after = Usage {
            cpu: Some(Duration::from_secs(9)),
            read: Some(4),
            written: Some(7),
            ..Usage::default()
        };
        let told = used(before, after, Some(11));
        let cpu = Some(Duration::from_secs(7));
        assert_eq!(told, Used { cpu, read: None, written: None, memory_peak: Some(11) });
    }

    #[test]
    fn tasks_add_up_by_operation_and_the_peak_is_the_last_ones() {
        let books = Books::new(1);
        let ended = Ended {
            operation: "SegmentProof".into(),
            block: None,
            attempt: 1,
            outcome: Outcome::Done,
            took: Duration::from_secs(3),
        };
        for peak in [9, 5] {
            let cpu = Some(Duration::from_secs(2));
            books.task(&ended, Used { cpu, memory_peak: Some(peak), ..Used::default() });
        }
        let account = books.account();
        let key = ("SegmentProof".to_owned(), Outcome::Done);
        assert_eq!(account.tasks.get(&key), Some(&(2, Duration::from_secs(6))));
        let used = account.used.get("SegmentProof").unwrap();
        assert_eq!((used.cpu, used.memory_peak), (Some(Duration::from_secs(4)), Some(5)));
    }
}
