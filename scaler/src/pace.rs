//! PURE: which source to read next, and how long to wait before reading again.

use std::time::Duration;

use crate::snapshot::SourceKind;

/// Up to here the live totals are read where the metrics port lags too much: at 1 000 queues one
/// read takes the broker about 60 ms of CPU, and it is exact.
const LIVE_UP_TO: usize = 1_000;

/// Task queues are also asked one by one where the whole vhost is read more slowly than this.
pub const FRESH: Duration = Duration::from_secs(1);

/// Above so many queues an idle vhost is read more slowly; task queues are asked one by one.
const SMALL: usize = 300;

/// Live reads of a small vhost: with the answer's own time this keeps a value below 2 s.
const LIVE_SMALL: Duration = Duration::from_secs(1);
/// Live reads of a large vhost that holds work: values stay at most 2 s old.
const LIVE_LARGE: Duration = Duration::from_millis(1_800);
/// Live reads of a large vhost at rest.
const LIVE_IDLE: Duration = Duration::from_secs(5);

/// A change in any of up to 1 000 queues shows within 2 s, the answer's own time counted.
const SHOWS_WITHIN: Duration = Duration::from_millis(1_850);
/// A change in any of more queues shows within 7 s.
const SHOWS_WITHIN_OF_MANY: Duration = Duration::from_millis(6_750);
/// Reads of the metrics port never follow faster: each of its queues reports once a second or less.
const METRICS_LEAST: Duration = Duration::from_millis(800);
/// While nothing changes, reads of the metrics port take at most this part of the time, unless
/// that would make them rarer than the limits below.
const STEADY_DUTY: u32 = 40;
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
        SourceKind::Metrics { lag } => metrics_pause(load, lag),
    };
    wanted.max(load.took * DUTY)
}

fn metrics_pause(load: &Load, lag: Duration) -> Duration {
    let within = if load.queues > LIVE_UP_TO { SHOWS_WITHIN_OF_MANY } else { SHOWS_WITHIN };
    let full = within.saturating_sub(lag).max(METRICS_LEAST);
    let rarest = if load.demand { METRICS_STEADY } else { METRICS_IDLE };
    if load.unchanged < STEADY_AFTER { full } else { full.max(rarest.min(load.took * STEADY_DUTY)) }
}

/// Up to how many queues the live totals are read: above, the metrics port takes a tenth of the
/// broker's time, and where its `lag` allows, it is as fresh.
#[must_use]
pub fn live_up_to(lag: Duration) -> usize {
    if lag + METRICS_LEAST <= SHOWS_WITHIN { SMALL } else { LIVE_UP_TO }
}

/// Whether a vhost's task queues are asked one by one, because its whole reading lags.
#[must_use]
pub fn asks_task_queues(source: SourceKind, queues: usize) -> bool {
    queues > SMALL || source != SourceKind::Live
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

    fn metrics(interval: Duration, queues: usize) -> Load {
        Load { source: SourceKind::metrics(interval), queues, demand: true, ..LOAD }
    }

    #[test]
    fn lag_and_pause_together_keep_what_is_promised() {
        for (interval, queues, promised) in [(5, 10_000, 7), (1, 10_000, 7), (1, 1_000, 2)] {
            let load = metrics(Duration::from_secs(interval), queues);
            let shows_after = pause(&load) + load.source.lag() + load.took;
            assert!(shows_after <= Duration::from_secs(promised), "{load:?}: {shows_after:?}");
        }
    }

    #[test]
    fn the_metrics_port_is_read_more_slowly_while_nothing_changes_and_reads_are_dear() {
        let load = metrics(Duration::from_secs(5), 10_000);
        let (dear, steady) = (Duration::from_millis(200), STEADY_AFTER);
        let dear = Load { took: dear, unchanged: steady, ..load };
        assert!(pause(&load) < pause(&dear));
        assert!(pause(&dear) < pause(&Load { demand: false, took: dear.took * 2, ..dear }));
        assert_eq!(pause(&load), pause(&Load { unchanged: steady, ..load }));
    }

    #[test]
    fn a_broker_that_reports_often_is_read_by_metrics_from_fewer_queues_on() {
        let lag = |seconds| SourceKind::metrics(Duration::from_secs(seconds)).lag();
        assert!(live_up_to(lag(1)) < live_up_to(lag(5)));
    }

    #[test]
    fn a_slow_broker_is_asked_less_often() {
        let slow = Load { took: Duration::from_secs(6), ..LOAD };
        assert_eq!(pause(&slow), Duration::from_secs(24));
    }
}
