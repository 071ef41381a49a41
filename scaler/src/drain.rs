//! PURE: service rate from successive snapshots → workers for a drain time.

use std::time::{Duration, Instant};

/// Weight of the newest measurement: a few minutes of polling settle the rate, one odd block
/// does not upset it.
const WEIGHT: f64 = 0.2;

/// What a drain forecast needs of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When the counts were read.
    pub at: Instant,
    /// Ready plus unacked messages.
    pub total: u64,
    /// Unacked messages: busy workers.
    pub busy: u64,
}

/// How long a worker holds one message, measured from how the backlog shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ServiceRate {
    last: Option<Sample>,
    /// Worker-seconds spent since the last message left the backlog.
    spent: f64,
    /// Seconds a worker holds a message.
    seconds_per_message: Option<f64>,
}

impl ServiceRate {
    /// Takes in one more sample. Messages published meanwhile hide as many finished ones, so the
    /// measured time per message errs on the long side, and the forecast towards more workers.
    #[must_use]
    pub fn observe(mut self, sample: Sample) -> Self {
        let Some(last) = self.last.replace(sample) else {
            return self;
        };
        let elapsed = sample.at.saturating_duration_since(last.at).as_secs_f64();
        if elapsed <= 0.0 {
            return self;
        }
        let busy = f64::midpoint(to_f64(last.busy), to_f64(sample.busy));
        self.spent += busy * elapsed;
        let finished = to_f64(last.total.saturating_sub(sample.total));
        if finished > 0.0 && self.spent > 0.0 {
            let measured = self.spent / finished;
            let rate = self.seconds_per_message;
            self.seconds_per_message =
                Some(rate.map_or(measured, |old| old + WEIGHT * (measured - old)));
            self.spent = 0.0;
        }
        self
    }

    /// Seconds a worker holds one message, once a message was seen to leave the backlog.
    #[must_use]
    pub fn seconds_per_message(&self) -> Option<f64> {
        self.seconds_per_message
    }

    /// Workers that empty `backlog` messages in `within`, or `None` before anything was measured.
    #[must_use]
    pub fn workers_for(&self, backlog: u64, within: Duration) -> Option<f64> {
        let seconds = self.seconds_per_message?;
        Some((to_f64(backlog) * seconds / within.as_secs_f64()).ceil())
    }
}

/// Counts above 2^53 lose their last digits; a worker count does not need them.
#[expect(clippy::cast_precision_loss, reason = "an estimate, and capped far below 2^53")]
pub(crate) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn rate(samples: &[(u64, u64, u64)]) -> ServiceRate {
        let start = clock::now();
        samples.iter().fold(ServiceRate::default(), |rate, (second, total, busy)| {
            rate.observe(Sample {
                at: start + Duration::from_secs(*second),
                total: *total,
                busy: *busy,
            })
        })
    }

    #[test]
    fn two_workers_that_finish_four_messages_in_a_minute_hold_each_for_half_a_minute() {
        let rate = rate(&[(0, 100, 2), (60, 96, 2)]);
        assert_eq!(rate.seconds_per_message(), Some(30.0));
        assert_eq!(rate.workers_for(96, Duration::from_secs(600)), Some(5.0));
    }

    #[test]
    fn before_anything_finished_nothing_is_known() {
        assert_eq!(rate(&[(0, 10, 2), (60, 10, 2)]).workers_for(10, Duration::from_secs(60)), None);
        assert_eq!(rate(&[]).seconds_per_message(), None);
    }

    #[test]
    fn time_without_a_finished_message_counts_towards_the_next_one() {
        assert_eq!(rate(&[(0, 10, 1), (30, 10, 1), (60, 9, 1)]).seconds_per_message(), Some(60.0));
    }

    #[test]
    fn a_clock_that_stands_still_changes_nothing() {
        assert_eq!(rate(&[(0, 10, 1), (0, 5, 1)]).seconds_per_message(), None);
    }
}
