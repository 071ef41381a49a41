//! Lines a worker writes about its tasks.

use std::time::Instant;

use tracing::info;

use crate::{faults::Place, names};

/// Writes `... took 1.5s` when dropped: as upstream's, for failed tasks too.
#[derive(Debug)]
pub struct TookLine {
    what: String,
    since: Instant,
}

impl TookLine {
    /// Starts the clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a log line's duration decides nothing")]
    pub fn start(what: String) -> Self {
        Self { what, since: Instant::now() }
    }
}

impl Drop for TookLine {
    fn drop(&mut self) {
        info!(target: names::OPS, "{} took {:?}", self.what, self.since.elapsed());
    }
}

/// A plausible number of cycles: there is no virtual machine here.
#[must_use]
pub fn cycles(place: &Place) -> u64 {
    15_000 + 40_000 * place.txns.end.saturating_sub(place.txns.start)
}
