//! The one place that reads the clocks. Decisions get the time as an argument.

use std::time::Instant;

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn wall() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// A moment in RFC 3339, UTC with milliseconds, for people and logs.
#[must_use]
pub fn written(moment: jiff::Timestamp) -> String {
    format!("{moment:.3}")
}
