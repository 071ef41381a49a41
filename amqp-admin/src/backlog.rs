//! PURE: queues and a selector → the backlog, and why each queue was left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use regex::Regex;

use crate::name::QueueName;
use crate::queue::{Pool, Queue, QueueKind, QueueRole, QueueState};

/// How many names an explanation shows per reason; the count is always whole.
const EXAMPLES: usize = 5;

/// The roles that count.
#[expect(clippy::struct_excessive_bools, reason = "a set of four independent flags")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoleSet {
    /// Count task queues.
    pub task: bool,
    /// Count leaders' result queues.
    pub result: bool,
    /// Count control queues.
    pub control: bool,
    /// Count every other queue.
    pub other: bool,
}

impl RoleSet {
    /// All that a worker could take: task queues and every queue that is not paladin's own plumbing.
    pub const WORK: Self = Self { task: true, result: false, control: false, other: true };

    /// Whether `role` counts.
    #[must_use]
    pub fn contains(self, role: QueueRole) -> bool {
        match role {
            QueueRole::Task(_) => self.task,
            QueueRole::Result => self.result,
            QueueRole::Control => self.control,
            // Nobody is to work at them before somebody has looked.
            QueueRole::DeadLetter => false,
            QueueRole::Other => self.other,
        }
    }
}

/// Which queues of a vhost count.
#[derive(Debug, Clone)]
pub struct Selector {
    /// Must match the whole name; `None` takes every name.
    pub queues: Option<Arc<Regex>>,
    /// Names to leave out; must match the whole name.
    pub exclude: Option<Arc<Regex>>,
    /// Roles that count.
    pub roles: RoleSet,
    /// Which workers ask.
    pub pool: Pool,
}

/// Why a queue does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exclusion {
    /// Its name does not match `queues`.
    NameNotMatched,
    /// Its name matches `excludeQueues`.
    NameExcluded,
    /// Its role is not among `roles`.
    Role(QueueRole),
    /// It belongs to another pool of workers.
    OtherPool,
    /// A stream's messages are a log, not a backlog.
    Stream,
    /// Only one connection can take from it.
    Exclusive,
}

impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameNotMatched => f.write_str("the name does not match `queues`"),
            Self::NameExcluded => f.write_str("the name matches `excludeQueues`"),
            Self::Role(role) => write!(f, "the role {role} is not among `roles`"),
            Self::OtherPool => f.write_str("it belongs to another `pool`"),
            Self::Stream => f.write_str("a stream is a log, not a backlog"),
            Self::Exclusive => f.write_str("it is exclusive to one connection"),
        }
    }
}

/// Queues left out for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExcludedQueues {
    /// How many.
    pub count: u64,
    /// The first few names.
    pub examples: Vec<QueueName>,
}

impl ExcludedQueues {
    fn add(&mut self, name: &QueueName) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(name.clone());
        }
    }
}

/// The sum over all counted queues. Sums saturate at `u64::MAX`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Queues counted.
    pub matched: u64,
    /// Counted queues that hold at least one message.
    pub non_empty: u64,
    /// Messages waiting for a worker.
    pub ready: u64,
    /// Messages in workers' hands.
    pub unacked: u64,
    /// Ready messages in task queues, a part of `ready`: only these can be orphans.
    pub ready_in_task_queues: u64,
    /// Counted queues whose counts the broker did not send: with even one, the sum is unknown.
    pub unknown: ExcludedQueues,
    /// Queues left out, by reason.
    pub excluded: BTreeMap<Exclusion, ExcludedQueues>,
}

impl Selector {
    /// Why `queue` does not count, or `None` if it does.
    #[must_use]
    pub fn exclusion(&self, queue: &Queue) -> Option<Exclusion> {
        let name = queue.name.as_str();
        if self.queues.as_ref().is_some_and(|regex| !regex.is_match(name)) {
            return Some(Exclusion::NameNotMatched);
        }
        if self.exclude.as_ref().is_some_and(|regex| regex.is_match(name)) {
            return Some(Exclusion::NameExcluded);
        }
        if !self.roles.contains(queue.role) {
            return Some(Exclusion::Role(queue.role));
        }
        if !self.pool_takes(queue.role) {
            return Some(Exclusion::OtherPool);
        }
        if queue.kind == QueueKind::Stream {
            return Some(Exclusion::Stream);
        }
        queue.exclusive.then_some(Exclusion::Exclusive)
    }

    /// A pool of its own takes its own task queue alone: no other queue tells which pool it is for.
    fn pool_takes(&self, role: QueueRole) -> bool {
        match self.pool {
            Pool::All => true,
            Pool::Heavy | Pool::Light => role == QueueRole::Task(self.pool),
        }
    }
}

impl Backlog {
    /// Adds one queue, or notes why it does not count.
    pub fn add(&mut self, queue: &Queue, selector: &Selector) {
        match selector.exclusion(queue) {
            Some(reason) => self.excluded.entry(reason).or_default().add(&queue.name),
            None => self.count(queue),
        }
    }

    fn count(&mut self, queue: &Queue) {
        self.matched += 1;
        let counts = if queue.state == QueueState::Down { None } else { queue.reading.both() };
        let Some((ready, unacked)) = counts else {
            self.unknown.add(&queue.name);
            return;
        };
        self.non_empty += u64::from(ready > 0 || unacked > 0);
        self.ready = self.ready.saturating_add(ready);
        self.unacked = self.unacked.saturating_add(unacked);
        if matches!(queue.role, QueueRole::Task(_)) {
            self.ready_in_task_queues = self.ready_in_task_queues.saturating_add(ready);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::queue::Reading;

    fn queue(name: &str, role: QueueRole, reading: Reading) -> Queue {
        Queue::classic(QueueName::new(name).unwrap(), role, reading)
    }

    fn everything() -> Selector {
        Selector { queues: None, exclude: None, roles: RoleSet::WORK, pool: Pool::All }
    }

    fn sum(queues: &[Queue], selector: &Selector) -> Backlog {
        let mut backlog = Backlog::default();
        for queue in queues {
            backlog.add(queue, selector);
        }
        backlog
    }

    #[test]
    fn every_queue_a_worker_could_take_counts_and_the_plumbing_does_not() {
        let backlog = sum(
            &[
                queue("task-ipc-routing-key", QueueRole::Task(Pool::All), Reading::known(3, 2)),
                queue("proof-20362226", QueueRole::Other, Reading::known(4, 0)),
                queue("BmXij", QueueRole::Result, Reading::known(100, 0)),
                queue("command-ipc-routing-key", QueueRole::Control, Reading::known(1, 0)),
            ],
            &everything(),
        );
        assert_eq!((backlog.matched, backlog.ready, backlog.unacked), (2, 7, 2));
        assert_eq!(backlog.ready_in_task_queues, 3);
        assert_eq!(backlog.excluded[&Exclusion::Role(QueueRole::Result)].count, 1);
        assert_eq!(backlog.excluded[&Exclusion::Role(QueueRole::Control)].count, 1);
    }

    #[test]
    fn a_missing_count_makes_the_queue_unknown_and_never_zero() {
        for reading in [
            Reading::default(),
            Reading { ready: Some(0), unacked: None },
            Reading { ready: None, unacked: Some(0) },
        ] {
            let backlog = sum(&[queue("proof-1", QueueRole::Other, reading)], &everything());
            assert_eq!(backlog.unknown.count, 1);
        }
    }

    #[test]
    fn the_counts_of_a_queue_that_is_down_are_unknown_even_if_present() {
        let mut down = queue("proof-1", QueueRole::Other, Reading::known(0, 0));
        down.state = QueueState::Down;
        assert_eq!(sum(&[down], &everything()).unknown.examples[0].as_str(), "proof-1");
    }

    #[test]
    fn a_pool_of_its_own_takes_its_task_queue_alone() {
        let queues = [
            queue("heavy-proof", QueueRole::Task(Pool::Heavy), Reading::known(5, 0)),
            queue("light-proof", QueueRole::Task(Pool::Light), Reading::known(7, 0)),
            queue("proof-1", QueueRole::Other, Reading::known(9, 0)),
        ];
        let heavy = sum(&queues, &Selector { pool: Pool::Heavy, ..everything() });
        assert_eq!((heavy.matched, heavy.ready), (1, 5));
        assert_eq!(heavy.excluded[&Exclusion::OtherPool].count, 2);
        assert_eq!(sum(&queues, &everything()).ready, 21);
    }

    #[test]
    fn streams_and_exclusive_queues_are_left_out_with_the_reason() {
        let mut stream = queue("log", QueueRole::Other, Reading::known(1_000_000, 0));
        stream.kind = QueueKind::Stream;
        let mut private = queue("amq.gen-x", QueueRole::Other, Reading::known(1, 0));
        private.exclusive = true;
        let backlog = sum(&[stream, private], &everything());
        assert_eq!(backlog.matched, 0);
        assert!(backlog.excluded.contains_key(&Exclusion::Stream));
        assert!(backlog.excluded.contains_key(&Exclusion::Exclusive));
    }

    #[test]
    fn an_explanation_names_five_queues_and_counts_all() {
        let queues: Vec<_> = (0..9)
            .map(|i| queue(&format!("r{i}"), QueueRole::Result, Reading::known(1, 0)))
            .collect();
        let backlog = sum(&queues, &everything());
        let left_out = &backlog.excluded[&Exclusion::Role(QueueRole::Result)];
        assert_eq!((left_out.count, left_out.examples.len()), (9, 5));
    }

    proptest! {
        #[test]
        fn sums_saturate_and_never_wrap(counts in prop::collection::vec((any::<u64>(), any::<u64>()), 0..8)) {
            let queues: Vec<_> = counts
                .iter()
                .map(|(ready, unacked)| queue("q", QueueRole::Other, Reading::known(*ready, *unacked)))
                .collect();
            let backlog = sum(&queues, &everything());
            let exact: u128 = counts.iter().map(|(ready, _)| u128::from(*ready)).sum();
            prop_assert_eq!(u128::from(backlog.ready), exact.min(u128::from(u64::MAX)));
        }
    }
}
