//! PURE: whether and when a child that ended by itself is started again.

use std::time::Duration;

/// What the command line says of restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// The first pause; each early end doubles it.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// A child that ran this long started well; its end begins a new count.
    pub steady_after: Duration,
    /// Early ends in a row after which it is given up.
    pub most: u32,
}

/// Early ends in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restarts {
    in_a_row: u32,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Start another after this pause.
    After(Duration),
    /// It ended early so often in a row: leave it.
    GiveUp(u32),
}

impl Restarts {
    /// A child ended that had lived so long.
    pub fn ended(&mut self, lived: Duration, policy: &Policy) -> Next {
        self.in_a_row =
            if lived >= policy.steady_after { 1 } else { self.in_a_row.saturating_add(1) };
        if self.in_a_row > policy.most {
            return Next::GiveUp(self.in_a_row);
        }
        let factor = 1_u32.checked_shl(self.in_a_row.saturating_sub(1)).unwrap_or(u32::MAX);
        Next::After(policy.first_pause.saturating_mul(factor).min(policy.longest_pause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(10),
        steady_after: Duration::from_secs(60),
        most: 6,
    };

    fn seconds(next: Next) -> u64 {
        match next {
            Next::After(pause) => pause.as_secs(),
            Next::GiveUp(_) => u64::MAX,
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let mut restarts = Restarts::default();
        let pauses: Vec<u64> =
            (0..7).map(|_| seconds(restarts.ended(Duration::ZERO, &POLICY))).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10, u64::MAX]);
    }

    #[test]
    fn a_child_that_ran_well_begins_a_new_count() {
        let mut restarts = Restarts::default();
        for _ in 0..6 {
            restarts.ended(Duration::ZERO, &POLICY);
        }
        assert_eq!(seconds(restarts.ended(POLICY.steady_after, &POLICY)), 1);
    }

    #[test]
    fn none_at_all_may_be_allowed() {
        let policy = Policy { most: 0, ..POLICY };
        assert_eq!(Restarts::default().ended(Duration::ZERO, &policy), Next::GiveUp(1));
    }
}
