//! I/O: the signals we are sent.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// To end: SIGTERM, or Ctrl-C at a terminal.
    End,
    /// Something of the child.
    Pass(Signal),
}

/// All signals that are ours to handle, from the moment it is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hangup: Stream,
    quit: Stream,
    user1: Stream,
    user2: Stream,
}

impl Signals {
    /// Handles them from now on.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// The next one. May be dropped while it waits; nothing is lost.
    pub async fn next(&mut self) -> Heard {
        tokio::select! {
            _ = self.terminate.recv() => Heard::End,
            _ = self.interrupt.recv() => Heard::End,
            _ = self.hangup.recv() => Heard::Pass(Signal::HUP),
            _ = self.quit.recv() => Heard::Pass(Signal::QUIT),
            _ = self.user1.recv() => Heard::Pass(Signal::USR1),
            _ = self.user2.recv() => Heard::Pass(Signal::USR2),
        }
    }

    /// The next that asks us to end; the others mean nothing while there is no child.
    pub async fn end(&mut self) {
        while self.next().await != Heard::End {}
    }
}
