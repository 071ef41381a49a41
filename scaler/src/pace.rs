//! PURE: which source to read next, and how long to wait before reading again.

use std::time::Duration;

use crate::snapshot::SourceKind;

/// Up to here the live totals are read: at 1 000 queues one read takes the broker about 60 ms
/// of CPU, and it is exact. Above, the metrics port takes a quarter of that, 5 s late.
pub const LIVE_UP_TO: usize = 1_000;

/// Task queues are also asked one by one where the whole vhost is read more slowly than this.
pub const FRESH: Duration = Duration::from_secs(1);

/// Above so many queues an idle vhost is read more slowly; task queues are asked one by one.
pub const SMALL: usize = 300;

/// Live reads of a small vhost: with the answer's own time this keeps a value below 2 s.
const LIVE_SMALL: Duration = Duration::from_secs(1);
/// Live reads of a large vhost that holds work: values stay at most 2 s old.
const LIVE_LARGE: Duration = Duration::from_millis(1_800);
/// Live reads of a large vhost at rest.
const LIVE_IDLE: Duration = Duration::from_secs(5);
/// Reads of the metrics port while counts change: with its lag of 5 s a change shows within 7 s.
const METRICS_CHANGING: Duration = Duration::from_millis(1_700);
/// Reads of the metrics port while work waits and nothing changes.
const METRICS_STEADY: Duration = Duration::from_secs(8);
/// Reads of the metrics port at rest.
const METRICS_IDLE: Duration = Duration::from_secs(15);
/// Counts that did not change for so long are steady.
const STEADY_AFTER: Duration = Duration::from_secs(30);
/// A read that takes long must not fill the broker's day: at most a fifth of the time is reading.
const DUTY: u32 = 4;

/// What the last read of a vhost was like.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Where it was read.
    pub source: SourceKind,
    /// Queues in it.
    pub queues: usize,
    /// How long the read took.
    pub took: Duration,
    /// Whether any queue held work.
    pub demand: bool,
    /// For how long no count has changed.
    pub unchanged: Duration,
}

/// How long to wait before the next read.
#[must_use]
pub fn pause(load: &Load) -> Duration {
    let wanted = match load.source {
        SourceKind::Live if load.queues <= SMALL => LIVE_SMALL,
        SourceKind::Live if load.demand => LIVE_LARGE,
        SourceKind::Live => LIVE_IDLE,
        SourceKind::Metrics if !load.demand => METRICS_IDLE,
        SourceKind::Metrics if load.unchanged < STEADY_AFTER => METRICS_CHANGING,
        SourceKind::Metrics => METRICS_STEADY,
    };
    wanted.max(load.took * DUTY)
}

/// Whether a vhost's task queues are asked one by one, because its whole reading lags.
#[must_use]
pub fn asks_task_queues(source: SourceKind, queues: usize) -> bool {
    source == SourceKind::Metrics || queues > SMALL
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load {
        source: SourceKind::Live,
        queues: 10,
        took: Duration::from_millis(2),
        demand: false,
        unchanged: Duration::ZERO,
    };

    #[test]
    fn a_small_vhost_is_read_each_second_at_rest_too() {
        assert_eq!(pause(&LOAD), LIVE_SMALL);
    }

    #[test]
    fn a_large_vhost_is_read_faster_while_it_holds_work() {
        let large = Load { queues: 1_000, ..LOAD };
        assert!(pause(&Load { demand: true, ..large }) < pause(&large));
        assert!(asks_task_queues(large.source, large.queues));
    }

    #[test]
    fn the_metrics_port_is_read_faster_while_counts_change() {
        let load = Load { source: SourceKind::Metrics, queues: 10_000, demand: true, ..LOAD };
        let steady = Load { unchanged: STEADY_AFTER, ..load };
        assert!(pause(&load) < pause(&steady));
        assert!(pause(&steady) < pause(&Load { demand: false, ..load }));
    }

    #[test]
    fn a_slow_broker_is_asked_less_often() {
        let slow = Load { took: Duration::from_secs(6), ..LOAD };
        assert_eq!(pause(&slow), Duration::from_secs(24));
    }
}
