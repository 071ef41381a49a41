//! Waiting for something to become true, bounded by a deadline.
//!
//! The only place where a test may wait for time to pass: everything else says what it waits for.

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

/// The first pause between two looks; each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause: a test notices what it waits for at most this much late.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What was waited for did not come before the deadline.
#[derive(Debug)]
pub struct TimedOut {
    what: String,
    limit: Duration,
    last: String,
}

impl Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {:?} for {}; the last look said: {}", self.limit, self.what, self.last)
    }
}

impl std::error::Error for TimedOut {}

/// Calls `probe` until it answers `Ok`, at most for `limit`; its `Err` says why it is not so yet.
///
/// A probe that hangs is cut off at the deadline.
pub async fn until<T, E: Display>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, TimedOut> {
    let deadline = tokio::time::Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    let mut last = String::from("nothing, the first look did not end");
    loop {
        match tokio::time::timeout_at(deadline, probe()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(not_yet)) => last = not_yet.to_string(),
            Err(_) => return Err(timed_out(what, limit, last)),
        }
        if tokio::time::Instant::now() + pause > deadline {
            return Err(timed_out(what, limit, last));
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// The same as [`until`] for code without a runtime; it cannot cut off a probe that hangs.
#[expect(clippy::disallowed_methods, reason = "a deadline is measured against the real clock")]
pub fn until_blocking<T, E: Display>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<T, E>,
) -> Result<T, TimedOut> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let last = match probe() {
            Ok(found) => return Ok(found),
            Err(not_yet) => not_yet.to_string(),
        };
        if started.elapsed() + pause > limit {
            return Err(timed_out(what, limit, last));
        }
        std::thread::sleep(pause);
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

fn timed_out(what: &str, limit: Duration, last: String) -> TimedOut {
    TimedOut { what: what.to_owned(), limit, last }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ok_ends_the_wait() {
        let mut looks = 0;
        let found = until_blocking("a third look", Duration::from_secs(5), || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err("too early") }
        });
        assert_eq!(found.unwrap(), 3);
    }

    #[test]
    fn a_missed_deadline_names_what_was_awaited_and_the_last_reason() {
        let missed: Result<(), _> =
            until_blocking("the moon", Duration::from_millis(30), || Err("still cloudy"));
        let said = missed.unwrap_err().to_string();
        assert_eq!(said, "waited 30ms for the moon; the last look said: still cloudy");
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_cut_off() {
        let missed: Result<(), _> =
            until("an answer", Duration::from_millis(30), async || -> Result<(), &str> {
                std::future::pending().await
            })
            .await;
        assert!(missed.unwrap_err().to_string().contains("the first look did not end"));
    }

    #[tokio::test]
    async fn an_async_probe_may_change_what_it_captured() {
        let mut looks = 0;
        let found = until("a second look", Duration::from_secs(5), async || {
            looks += 1;
            if looks == 2 { Ok(looks) } else { Err("too early") }
        });
        assert_eq!(found.await.unwrap(), 2);
    }
}
