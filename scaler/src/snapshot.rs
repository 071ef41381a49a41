//! PURE: what was read of one broker, whole and immutable, with the age of each part.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{LiveDepth, Queue, QueueName, QueueRole, Reading, VhostName};

/// Where a vhost's counts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The management API's live totals: exact when read.
    Live,
    /// The metrics port.
    Metrics {
        /// How old its counts can be at the moment they are read.
        lag: Duration,
    },
}

/// What the longest delay measured exceeds the broker's statistics interval by: 5.05 s with 5 s,
/// 1.04 s with 1 s.
const STATISTICS_SLACK: Duration = Duration::from_millis(50);

impl SourceKind {
    /// The metrics port of a broker whose queues report their counts once an `interval`
    /// (`collect_statistics_interval`).
    #[must_use]
    pub fn metrics(interval: Duration) -> Self {
        Self::Metrics { lag: interval + STATISTICS_SLACK }
    }

    /// How old counts can be at the moment they are read.
    #[must_use]
    pub fn lag(self) -> Duration {
        match self {
            Self::Live => Duration::ZERO,
            Self::Metrics { lag } => lag,
        }
    }

    /// The word in pages and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Metrics { .. } => "metrics",
        }
    }
}

/// Whether the tasks of a vhost still have a leader that waits for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orphans {
    /// Nothing suggests that a leader is gone.
    #[default]
    None,
    /// Result queues exist and none has a consumer; too short a time to be sure.
    Suspected {
        /// When it was first seen.
        since: Instant,
    },
    /// So for long enough: the ready tasks are nobody's.
    Certain {
        /// When it was first seen.
        since: Instant,
    },
}

/// A depth asked of one queue directly, fresher than the vhost's reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// What the queue answered.
    pub depth: LiveDepth,
    /// When.
    pub at: Instant,
    /// Its role: the queue may be too young for the reading.
    pub role: QueueRole,
}

/// What is known of one vhost.
#[derive(Debug, Clone)]
pub struct VhostReading {
    /// When its counts were read.
    pub taken_at: Instant,
    /// How.
    pub source: SourceKind,
    /// Every queue, by name.
    pub queues: Arc<[Queue]>,
    /// Whether its tasks are orphans.
    pub orphans: Orphans,
}

impl VhostReading {
    /// The greatest age its counts can have.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.taken_at) + self.source.lag()
    }
}

/// Everything known of one broker at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Grows with each change.
    pub sequence: u64,
    /// The vhosts that were read, by name.
    pub vhosts: BTreeMap<VhostName, VhostReading>,
    /// Depths asked of task queues directly.
    pub touched: BTreeMap<(VhostName, QueueName), Touched>,
    /// Every vhost the scaler's user may see, once that was asked.
    pub visible: Option<Vec<VhostName>>,
    /// Why the last read of a vhost failed; absent after a success.
    pub failures: BTreeMap<VhostName, String>,
}

impl Snapshot {
    /// Shows `see` every queue of a vhost, with fresher depths of task queues laid over the
    /// reading. `false`: the vhost was never read.
    pub fn each_queue(&self, vhost: &VhostName, mut see: impl FnMut(&Queue)) -> bool {
        let Some(reading) = self.vhosts.get(vhost) else {
            return false;
        };
        let mut fresh: BTreeMap<&QueueName, &Touched> = self
            .touched
            .iter()
            .filter(|((of, _), touched)| {
                of == vhost && touched.at + reading.source.lag() > reading.taken_at
            })
            .map(|((_, name), touched)| (name, touched))
            .collect();
        for queue in reading.queues.iter() {
            match fresh.remove(&queue.name) {
                Some(touched) => see(&merged(queue, touched.depth)),
                None => see(queue),
            }
        }
        for (name, touched) in fresh {
            see(&young_queue(name, touched));
        }
        true
    }
}

/// A depth asked directly tells ready and consumers, not unacked. Messages that left `ready` since
/// the reading may be in workers' hands: as many as there are consumers (prefetch 1) count as such,
/// so a busy worker is never missed; at worst a finished task counts until the next reading.
fn merged(queue: &Queue, live: LiveDepth) -> Queue {
    let unacked = queue.reading.both().map(|(ready, unacked)| {
        let gone = ready.saturating_sub(live.ready);
        unacked.max(unacked.saturating_add(gone).min(live.consumers))
    });
    Queue { reading: Reading { ready: Some(live.ready), unacked }, ..queue.clone() }
}

/// A queue the reading does not list yet.
fn young_queue(name: &QueueName, touched: &Touched) -> Queue {
    Queue::classic(name.clone(), touched.role, Reading::known(touched.depth.ready, 0))
}

#[cfg(test)]
mod tests {
    use amqp_admin::Pool;

    use super::*;
    use crate::clock;

    const STOCK_METRICS: SourceKind = SourceKind::Metrics { lag: Duration::from_millis(5_050) };

    #[test]
    fn the_metrics_port_lags_by_the_interval_and_what_was_measured_above_it() {
        assert_eq!(SourceKind::metrics(Duration::from_secs(5)), STOCK_METRICS);
    }

    fn task_queue(ready: u64, unacked: u64) -> Queue {
        let name = QueueName::new("task-ipc-routing-key").unwrap();
        Queue::classic(name, QueueRole::Task(Pool::All), Reading::known(ready, unacked))
    }

    fn snapshot(
        read: &[Queue],
        source: SourceKind,
        touched: Option<(LiveDepth, Duration)>,
    ) -> Snapshot {
        let taken_at = clock::now() + Duration::from_secs(60);
        let vhost = VhostName::default();
        let mut snapshot = Snapshot::default();
        let reading =
            VhostReading { taken_at, source, queues: read.into(), orphans: Orphans::None };
        snapshot.vhosts.insert(vhost.clone(), reading);
        if let Some((depth, before)) = touched {
            let touched = Touched {
                depth,
                at: taken_at.checked_sub(before).unwrap(),
                role: QueueRole::Task(Pool::All),
            };
            snapshot
                .touched
                .insert((vhost, QueueName::new("task-ipc-routing-key").unwrap()), touched);
        }
        snapshot
    }

    fn counts(snapshot: &Snapshot) -> Vec<(u64, u64)> {
        let mut counts = Vec::new();
        assert!(snapshot.each_queue(&VhostName::default(), |queue| {
            counts.push(queue.reading.both().unwrap());
        }));
        counts
    }

    #[test]
    fn a_depth_asked_directly_is_fresher_than_a_reading_of_the_metrics_port() {
        let live = LiveDepth { ready: 9, consumers: 0 };
        let shown =
            snapshot(&[task_queue(2, 1)], STOCK_METRICS, Some((live, Duration::from_secs(1))));
        assert_eq!(counts(&shown), [(9, 1)]);
    }

    #[test]
    fn a_live_reading_taken_later_wins() {
        let live = LiveDepth { ready: 9, consumers: 0 };
        let shown =
            snapshot(&[task_queue(2, 1)], SourceKind::Live, Some((live, Duration::from_secs(1))));
        assert_eq!(counts(&shown), [(2, 1)]);
    }

    #[test]
    fn messages_that_left_ready_may_be_in_workers_hands() {
        let live = LiveDepth { ready: 0, consumers: 3 };
        let shown = snapshot(&[task_queue(10, 0)], STOCK_METRICS, Some((live, Duration::ZERO)));
        assert_eq!(counts(&shown), [(0, 3)]);
    }

    #[test]
    fn a_queue_too_young_for_the_reading_counts() {
        let live = LiveDepth { ready: 4, consumers: 0 };
        let shown = snapshot(&[], STOCK_METRICS, Some((live, Duration::ZERO)));
        assert_eq!(counts(&shown), [(4, 0)]);
    }

    #[test]
    fn a_vhost_never_read_is_not_an_empty_one() {
        assert!(!Snapshot::default().each_queue(&VhostName::default(), |_| ()));
    }
}
