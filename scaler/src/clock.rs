//! The one place that reads the clocks. Decisions get the time as an argument.

use std::time::Instant;

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock, RFC 3339 in UTC with milliseconds, for people and logs.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn wall() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
