//! PURE: what became of each task, from two looks at what the gateway sees.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use amqp_gateway::{Activity, Counters, Task};

/// Ends that were told and whose task has not left the child's hands yet; one child holds one task.
const UNCLAIMED: usize = 16;
/// The operation of a task whose first bytes say nothing.
const UNKNOWN: &str = "unknown";

/// What became of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Acknowledged, and its result is with the broker.
    Done,
    /// Failed, and given back to be tried again.
    Retried,
    /// Failed for the last time, and put aside.
    DeadLettered,
    /// Failed otherwise.
    Failed,
    /// Dropped because the child was told to.
    Aborted,
    /// Back in its queue.
    GivenBack,
}

impl Outcome {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retried => "retried",
            Self::DeadLettered => "dead_lettered",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::GivenBack => "given_back",
        }
    }
}

/// A task that left the child's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The name of what was to be done.
    pub operation: String,
    /// Its block, where it is known.
    pub block: Option<u64>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it was in the child's hands.
    pub took: Duration,
}

/// The name of a task's operation.
#[must_use]
pub fn operation(task: &Task) -> String {
    task.operation.map_or_else(|| UNKNOWN.to_owned(), |operation| operation.to_string())
}

/// The last look, and ends that no task has claimed yet.
#[derive(Debug, Default)]
pub struct Tasks {
    in_hand: Vec<Task>,
    counters: Counters,
    unclaimed: VecDeque<Outcome>,
}

impl Tasks {
    /// The tasks that have left the child's hands since the last look.
    pub fn look(&mut self, activity: &Activity, now: Instant) -> Vec<Ended> {
        let told = outcomes(&self.counters, &activity.counters);
        self.unclaimed.extend(told);
        self.counters = activity.counters;
        let before = std::mem::replace(&mut self.in_hand, activity.in_hand.clone());
        let is_held = |task: &Task| activity.in_hand.iter().any(|held| is_same(held, task));
        let mut ended = Vec::new();
        for task in before.iter().filter(|task| !is_held(task)) {
            ended.push(Ended {
                operation: operation(task),
                block: task.block,
                attempt: task.attempt,
                outcome: self.unclaimed.pop_front().unwrap_or(Outcome::GivenBack),
                took: now.saturating_duration_since(task.since),
            });
        }
        while self.unclaimed.len() > UNCLAIMED {
            self.unclaimed.pop_front();
        }
        ended
    }
}

fn is_same(one: &Task, other: &Task) -> bool {
    (one.since, &one.id, one.attempt) == (other.since, &other.id, other.attempt)
}

fn outcomes(before: &Counters, after: &Counters) -> Vec<Outcome> {
    let grown = |count: fn(&Counters) -> u64| count(after).saturating_sub(count(before));
    let retried = grown(|counters| counters.retried);
    let dead_lettered = grown(|counters| counters.dead_lettered);
    let failed = grown(|counters| counters.failed).saturating_sub(retried + dead_lettered);
    [
        (Outcome::Done, grown(|counters| counters.done)),
        (Outcome::Retried, retried),
        (Outcome::DeadLettered, dead_lettered),
        (Outcome::Failed, failed),
        (Outcome::Aborted, grown(|counters| counters.aborted)),
    ]
    .into_iter()
    .flat_map(|(outcome, times)| (0..times.min(UNCLAIMED as u64)).map(move |_| outcome))
    .collect()
}

#[cfg(test)]
mod tests {
    use amqp_admin::paladin::Operation;

    use super::*;
    use crate::clock;

    fn task(since: Instant) -> Task {
        Task {
            id: Some("t".into()),
            queue: "q".into(),
            operation: Some(Operation::SegmentProof),
            proof: None,
            result_queue: None,
            block: Some(3),
            attempt: 1,
            since,
        }
    }

    fn with(in_hand: &[Task], count: impl Fn(&mut Counters)) -> Activity {
        let mut activity = Activity { in_hand: in_hand.to_vec(), ..Activity::default() };
        count(&mut activity.counters);
        activity
    }

    /// What is told of one task that leaves the hands while `count` happens.
    fn outcome(count: impl Fn(&mut Counters)) -> Outcome {
        let now = clock::now();
        let mut tasks = Tasks::default();
        assert_eq!(tasks.look(&with(&[task(now)], |_| {}), now), []);
        let ended = tasks.look(&with(&[], count), now + Duration::from_secs(5));
        let [ended] = ended.as_slice() else { panic!("{ended:?}") };
        assert_eq!((ended.operation.as_str(), ended.block), ("SegmentProof", Some(3)));
        assert_eq!(ended.took, Duration::from_secs(5));
        ended.outcome
    }

    #[test]
    fn what_was_counted_when_a_task_left_is_what_became_of_it() {
        assert_eq!(outcome(|c| c.done += 1), Outcome::Done);
        assert_eq!(outcome(|c| (c.failed, c.retried) = (1, 1)), Outcome::Retried);
        assert_eq!(outcome(|c| (c.failed, c.dead_lettered) = (1, 1)), Outcome::DeadLettered);
        assert_eq!(outcome(|c| c.failed += 1), Outcome::Failed);
        assert_eq!(outcome(|c| c.aborted += 1), Outcome::Aborted);
        assert_eq!(outcome(|c| c.given_back += 1), Outcome::GivenBack);
    }

    #[test]
    fn an_end_told_before_the_task_has_left_waits_for_it() {
        let now = clock::now();
        let mut tasks = Tasks::default();
        tasks.look(&with(&[task(now)], |_| {}), now);
        assert_eq!(tasks.look(&with(&[task(now)], |c| c.done = 1), now), []);
        let ended = tasks.look(&with(&[], |c| (c.done, c.results) = (1, 1)), now);
        assert_eq!(ended.iter().map(|e| e.outcome).collect::<Vec<_>>(), [Outcome::Done]);
    }

    #[test]
    fn a_task_that_comes_back_is_another() {
        let now = clock::now();
        let mut tasks = Tasks::default();
        tasks.look(&with(&[task(now)], |_| {}), now);
        let again = Task { attempt: 2, since: now + Duration::from_secs(1), ..task(now) };
        let ended = tasks.look(&with(&[again], |c| (c.failed, c.retried) = (1, 1)), now);
        assert_eq!(ended.len(), 1);
    }
}
