//! PURE: one ScaledObject that is woken from zero again and again.

use std::time::Duration;

use crate::bench::stats::Samples;

/// What is seen of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Its workers' pods.
    pub(crate) pods: usize,
    /// The Deployment is to have none, and KEDA calls the ScaledObject inactive.
    pub(crate) quiet: bool,
}

/// Where it is in its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// On its way to zero.
    Emptying,
    /// At zero, until the next task is published.
    Resting(Duration),
    /// A task is there since then.
    Waiting(Duration),
}

/// One of them, and how soon its workers were there.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Seconds over which publishes are spread.
    spread: Duration,
    /// Of the next round, counted over all lanes of a kind.
    round: u32,
    /// Lanes of this kind.
    lanes: u32,
    state: State,
    /// From the broker's word that it has the task to the first pod.
    pub(crate) times: Samples,
}

impl Lane {
    /// The lane of this number among several of a kind.
    pub(crate) fn new(spread: Duration, (number, lanes): (u32, u32)) -> Self {
        Self { spread, round: number, lanes, state: State::Emptying, times: Samples::default() }
    }

    /// What is seen now; whether a task is to be published, unless it is `late` for another round.
    pub(crate) fn step(&mut self, now: Duration, seen: Seen, late: bool) -> bool {
        match self.state {
            State::Emptying if seen.quiet && seen.pods == 0 => {
                self.state = State::Resting(now + self.pause());
                self.round += self.lanes;
                false
            }
            State::Resting(until) => now >= until && !late,
            State::Waiting(since) if seen.pods > 0 => {
                self.times.push(now.saturating_sub(since));
                self.state = State::Emptying;
                false
            }
            State::Emptying | State::Waiting(_) => false,
        }
    }

    /// The task was taken by the broker.
    pub(crate) fn published(&mut self, at: Duration) {
        self.state = State::Waiting(at);
    }

    /// Whether a task waits for its worker.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting(_))
    }

    /// Multiples of the golden ratio, less the whole numbers: however many rounds there are, they
    /// meet a poll's period evenly.
    fn pause(&self) -> Duration {
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        self.spread.mul_f64((f64::from(self.round + 1) * golden).fract())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ZERO: Seen = Seen { pods: 0, quiet: true };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_round_goes_from_zero_to_a_pod_and_back() {
        let mut lane = Lane::new(ms(0), (0, 1));
        assert!(!lane.step(ms(0), Seen { pods: 0, quiet: false }, false), "not at zero yet");
        assert!(!lane.step(ms(0), Seen { pods: 1, quiet: true }, false), "a pod is left");
        assert!(!lane.step(ms(1), AT_ZERO, false));
        assert!(lane.step(ms(2), AT_ZERO, false));
        lane.published(ms(10));
        assert!(!lane.step(ms(400), AT_ZERO, false) && lane.is_waiting());
        assert!(!lane.step(ms(710), Seen { pods: 1, quiet: false }, false));
        assert_eq!(lane.times.len(), 1);
        assert!((lane.times.ms(50) - 700.0).abs() < 1e-9);
        assert!(!lane.is_waiting());
    }

    #[test]
    fn a_late_lane_begins_no_round_and_ends_the_one_it_is_in() {
        let mut lane = Lane::new(ms(0), (0, 1));
        assert!(!lane.step(ms(1), AT_ZERO, true));
        assert!(!lane.step(ms(9), AT_ZERO, true));
        lane.published(ms(10));
        assert!(!lane.step(ms(20), Seen { pods: 1, quiet: false }, true));
        assert_eq!(lane.times.len(), 1);
    }

    #[test]
    fn publishes_meet_each_part_of_a_period() {
        let mut tenths = [0; 10];
        for number in 0..3 {
            let mut lane = Lane::new(ms(10_000), (number, 3));
            for _ in 0..10 {
                tenths[usize::try_from(lane.pause().as_millis()).unwrap() / 1_000] += 1;
                lane.round += lane.lanes;
            }
        }
        assert!(tenths.iter().all(|count| (2..=4).contains(count)), "{tenths:?}");
    }
}
