//! Signs of life: when one is due, and when the other side has given none for too long.

use std::time::Duration;

use tokio::time::Instant;

/// When frames last went over one side.
pub(super) struct Pulse {
    pub(super) interval: Duration,
    pub(super) heard: Instant,
    pub(super) spoke: Instant,
}

impl Pulse {
    pub(super) fn new(seconds: u16) -> Self {
        let now = Instant::now();
        Self { interval: Duration::from_secs(seconds.into()), heard: now, spoke: now }
    }

    pub(super) fn wants_beat(&self) -> bool {
        !self.interval.is_zero() && self.spoke.elapsed() >= self.interval / 2
    }

    pub(super) fn is_silent(&self) -> bool {
        !self.interval.is_zero() && self.heard.elapsed() >= self.interval * 2
    }
}
