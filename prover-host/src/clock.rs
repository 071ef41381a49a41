//! The one place that reads the clock. Decisions get the time as an argument.

use std::time::Instant;

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn now() -> Instant {
    Instant::now()
}
