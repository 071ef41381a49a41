//! PURE: are a vhost's ready tasks still awaited by a leader?
//!
//! A leader declares and consumes a result queue before it publishes the tasks that answer to it
//! (paladin, every generation). So ready tasks beside result queues of which none has a consumer
//! have lost their leader; it cannot come back, paladin never reconnects. Tasks of one dead leader
//! among those of a living one cannot be told apart without reading them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use amqp_admin::QueueName;

use crate::snapshot::Orphans;

/// Longer than the 5 s by which the broker's list of consumers may lag, twice over, and than the
/// pause between two directives of a leader.
const SURE_AFTER: Duration = Duration::from_secs(20);

/// What a reading says about leaders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Ready messages in task queues.
    pub ready_tasks: u64,
    /// The result queues that exist.
    pub results: HashSet<QueueName>,
    /// Whether any of them has a consumer.
    pub awaited: bool,
}

/// The judgement over time.
#[derive(Debug, Clone, Default)]
pub struct OrphanWatch {
    state: Orphans,
    last: Evidence,
}

impl OrphanWatch {
    /// The judgement so far.
    #[must_use]
    pub fn state(&self) -> Orphans {
        self.state
    }

    /// Takes in one more reading. Anything that a living leader could have done (a new result
    /// queue, more ready tasks, a consumer) starts the watch anew.
    #[must_use]
    pub fn observe(self, evidence: Evidence, now: Instant) -> Self {
        let abandoned =
            evidence.ready_tasks > 0 && !evidence.results.is_empty() && !evidence.awaited;
        let stirred = evidence.ready_tasks > self.last.ready_tasks
            || !evidence.results.is_subset(&self.last.results);
        let state = match self.state {
            _ if !abandoned => Orphans::None,
            Orphans::None => Orphans::Suspected { since: now },
            Orphans::Suspected { .. } | Orphans::Certain { .. } if stirred => {
                Orphans::Suspected { since: now }
            }
            Orphans::Suspected { since } if now.duration_since(since) >= SURE_AFTER => {
                Orphans::Certain { since }
            }
            unchanged @ (Orphans::Suspected { .. } | Orphans::Certain { .. }) => unchanged,
        };
        Self { state, last: evidence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn evidence(ready_tasks: u64, results: &[&str], awaited: bool) -> Evidence {
        let results = results.iter().map(|name| QueueName::new(name).unwrap()).collect();
        Evidence { ready_tasks, results, awaited }
    }

    fn watch(steps: &[(u64, Evidence)]) -> Orphans {
        let start = clock::now();
        let watched = steps.iter().fold(OrphanWatch::default(), |watch, (second, evidence)| {
            watch.observe(evidence.clone(), start + Duration::from_secs(*second))
        });
        watched.state()
    }

    #[test]
    fn tasks_nobody_awaits_for_long_enough_are_orphans() {
        let gone = evidence(4, &["BmXij"], false);
        assert!(matches!(watch(&[(0, gone.clone())]), Orphans::Suspected { .. }));
        assert!(matches!(
            watch(&[(0, gone.clone()), (19, gone.clone())]),
            Orphans::Suspected { .. }
        ));
        assert!(matches!(watch(&[(0, gone.clone()), (20, gone)]), Orphans::Certain { .. }));
    }

    #[test]
    fn one_awaited_result_queue_clears_all() {
        let gone = evidence(4, &["BmXij"], false);
        let back = evidence(4, &["BmXij"], true);
        assert_eq!(watch(&[(0, gone.clone()), (30, gone), (31, back)]), Orphans::None);
    }

    #[test]
    fn without_a_result_queue_nothing_is_known_so_the_work_counts() {
        let plain = evidence(4, &[], false);
        assert_eq!(watch(&[(0, plain.clone()), (60, plain)]), Orphans::None);
    }

    #[test]
    fn a_new_result_queue_or_more_tasks_start_the_watch_anew() {
        let gone = evidence(4, &["BmXij"], false);
        for stir in [evidence(5, &["BmXij"], false), evidence(4, &["BmXij", "AaAaA"], false)] {
            let steps = [(0, gone.clone()), (30, gone.clone()), (31, stir.clone()), (40, stir)];
            assert!(matches!(watch(&steps), Orphans::Suspected { .. }));
        }
    }

    #[test]
    fn orphans_being_proved_stay_orphans() {
        let steps = [
            (0, evidence(4, &["BmXij"], false)),
            (30, evidence(3, &["BmXij"], false)),
            (60, evidence(1, &["BmXij"], false)),
        ];
        assert!(matches!(watch(&steps), Orphans::Certain { .. }));
    }
}
