//! The one place that reads the clock. Decisions get the time as an argument.

use std::time::Instant;

/// The monotonic clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for people to read: it may jump.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the edge where time enters")]
pub fn wall_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Such a time as RFC 3339 writes it.
#[must_use]
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.to_string()).unwrap_or_default()
}
