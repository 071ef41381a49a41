//! Ctrl-C, SIGTERM and a closed terminal: the first ends the demo in order, the second at once.
//!
//! Ending at once leaves nothing behind either: guard processes end what was started.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// How soon a signal is noticed.
const TICK: Duration = Duration::from_millis(100);

/// Whether the user wants an end.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicUsize>);

/// A signal ended the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal ended the demo")
    }
}

impl std::error::Error for Interrupted {}

impl Stop {
    /// Listens from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let (seen, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            let number = usize::try_from(signal).context("number a signal")?;
            // In this order: the first signal only arms what the second does.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))
                .and_then(|_| flag::register(signal, Arc::clone(&again)))
                .and_then(|_| flag::register_usize(signal, Arc::clone(&seen), number))
                .context("listen for Ctrl-C")?;
        }
        Ok(Self(seen))
    }

    /// The exit code that tells of the signal, if one came.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(128 + signal).ok(),
        }
    }

    /// Fails once a signal came.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.exit_code().is_some() { Err(Interrupted) } else { Ok(()) }
    }

    /// Lets time pass, unless a signal comes.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), Interrupted> {
        let mut left = time;
        while !left.is_zero() {
            self.check()?;
            let part = left.min(TICK);
            std::thread::sleep(part);
            left -= part;
        }
        self.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_names_the_signal() {
        let stop = Stop(Arc::new(AtomicUsize::new(0)));
        assert_eq!((stop.exit_code(), stop.check()), (None, Ok(())));
        stop.0.store(2, Ordering::Relaxed);
        assert_eq!((stop.exit_code(), stop.check()), (Some(130), Err(Interrupted)));
        assert_eq!(stop.pause(Duration::from_secs(60)), Err(Interrupted));
    }
}
