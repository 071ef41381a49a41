//! PURE: how soon a child that ended by itself may be started again.

use std::time::{Duration, Instant};

/// The first pause; each early end doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a cause that was put right is noticed within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A child that ran this long started well; its end begins a new count.
const STEADY: Duration = Duration::from_secs(60);
/// From this many early ends in a row it is called a crash loop.
const LOOP_FROM: u32 = 3;

/// The record of one place's children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restarts {
    /// Times a child was started because the one before had ended by itself.
    pub total: u32,
    /// Early ends in a row.
    pub in_a_row: u32,
    /// No start before this moment.
    pub not_before: Option<Instant>,
}

impl Restarts {
    /// A child ended without being asked to, after it had `lived` so long. Any exit code counts:
    /// a worker has no reason to end.
    #[must_use]
    pub fn ended(mut self, lived: Duration, now: Instant) -> Self {
        self.total = self.total.saturating_add(1);
        self.in_a_row = if lived >= STEADY { 1 } else { self.in_a_row.saturating_add(1) };
        self.not_before = Some(now + self.pause());
        self
    }

    /// A child was ended by us, after it had `lived` so long.
    #[must_use]
    pub fn stopped(mut self, lived: Duration) -> Self {
        self.not_before = None;
        self.in_a_row = if lived >= STEADY { 0 } else { self.in_a_row };
        self
    }

    /// The pause before the next start.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let doublings = self.in_a_row.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)
    }

    /// Whether its children keep ending early; `lived`: how long the present one runs already.
    #[must_use]
    pub fn is_loop(&self, lived: Option<Duration>) -> bool {
        self.in_a_row >= LOOP_FROM && lived.is_none_or(|lived| lived < STEADY)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let now = clock::now();
        let mut restarts = Restarts::default();
        let mut pauses = Vec::new();
        for _ in 0..11 {
            restarts = restarts.ended(Duration::ZERO, now);
            pauses.push(restarts.pause().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(restarts.not_before, Some(now + LONGEST_PAUSE));
        assert_eq!(restarts.total, 11);
    }

    #[test]
    fn a_child_that_ran_well_begins_a_new_count() {
        let now = clock::now();
        let mut restarts = Restarts::default();
        for _ in 0..5 {
            restarts = restarts.ended(Duration::ZERO, now);
        }
        assert!(restarts.is_loop(None) && restarts.is_loop(Some(Duration::ZERO)));
        assert!(!restarts.is_loop(Some(STEADY)));
        restarts = restarts.ended(STEADY, now);
        assert_eq!((restarts.in_a_row, restarts.total), (1, 6));
        assert!(!restarts.is_loop(None));
    }

    #[test]
    fn a_child_ended_by_us_leaves_no_pause_and_one_that_ran_well_no_record() {
        let now = clock::now();
        let crashed = Restarts::default().ended(Duration::ZERO, now);
        let early = crashed.stopped(Duration::ZERO);
        assert_eq!((early.not_before, early.in_a_row), (None, 1));
        assert_eq!(crashed.stopped(STEADY).in_a_row, 0);
    }

    proptest! {
        #[test]
        fn no_start_is_ever_sooner_than_a_second(ends in 1_usize..200) {
            let now = clock::now();
            let mut restarts = Restarts::default();
            for _ in 0..ends {
                restarts = restarts.ended(Duration::ZERO, now);
            }
            prop_assert!(restarts.not_before >= Some(now + FIRST_PAUSE));
            prop_assert!(restarts.not_before <= Some(now + LONGEST_PAUSE));
        }
    }
}
