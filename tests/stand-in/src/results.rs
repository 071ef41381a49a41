//! Counts the results a leader has seen, and ends it by force after some if asked to.

use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use rustix::process::{Signal, getpid, kill_process};

/// The leader's faults.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stand-in options (not upstream's)")]
pub struct LeaderFaults {
    /// Send SIGKILL to this process after N results
    #[arg(
        long = "stand-in-crash-after-results",
        env = "STAND_IN_CRASH_AFTER_RESULTS",
        value_name = "N"
    )]
    pub crash_after_results: Option<u64>,
}

/// Results seen so far.
#[derive(Debug, Default)]
pub struct Results {
    faults: LeaderFaults,
    seen: AtomicU64,
}

impl Results {
    /// None seen yet.
    #[must_use]
    pub fn new(faults: LeaderFaults) -> Self {
        Self { faults, seen: AtomicU64::new(0) }
    }

    /// One more. Does not return if it was the last one wanted.
    pub fn count(&self) {
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if self.faults.crash_after_results.is_some_and(|limit| seen >= limit) {
            // A process may always signal itself; should it fail, the run simply goes on.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}
