//! I/O: waits for every process that ends below us. As the init of a container we inherit orphans,
//! and nobody else would ever wait for them.

use std::collections::VecDeque;
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, set_child_subreaper, wait};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ending::Exit;

/// A process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Death {
    /// Its number.
    pub pid: Pid,
    /// How.
    pub exit: Exit,
}

/// Hears of every child that ends. There is one of it in a process, which must wait for children in
/// no other way.
#[derive(Debug)]
pub struct Reaper {
    told: Signal,
    deaths: VecDeque<Death>,
}

impl Reaper {
    /// Begins before the first child is started. Orphans below us become ours also where we are not
    /// the container's first process.
    pub fn new() -> io::Result<Self> {
        set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self { told: signal(SignalKind::child())?, deaths: VecDeque::new() })
    }

    /// The next process that ended. May be dropped while it waits; nothing is lost.
    pub async fn next(&mut self) -> Death {
        loop {
            self.reap();
            if let Some(death) = self.deaths.pop_front() {
                return death;
            }
            self.told.recv().await;
        }
    }

    fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => {
                    self.deaths.extend(exit(status).map(|exit| Death { pid, exit }));
                }
                Err(Errno::INTR) => {}
                // Nobody has ended, or nobody is there.
                Ok(None) | Err(_) => return,
            }
        }
    }
}

fn exit(status: WaitStatus) -> Option<Exit> {
    let code = status.exit_status().map(Exit::Code);
    code.or_else(|| status.terminating_signal().map(Exit::Signal))
}
