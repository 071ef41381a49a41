//! I/O: several children at once, and one reaper that tells each one's guardian of its end.

use std::collections::BTreeMap;
use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::child::Child;
use crate::cleaning::Cleaned;
use crate::ending::Exit;
use crate::reaper::Reaper;

type Waiting = BTreeMap<i32, oneshot::Sender<Exit>>;

/// Starts children and hears of their ends. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Wards(Arc<Mutex<Waiting>>);

/// A child and the word of its end.
#[derive(Debug)]
pub struct Ward {
    child: Child,
    end: oneshot::Receiver<Exit>,
}

impl Wards {
    /// Starts a child. The one thread that all of this runs on is between the start and the reaper,
    /// so no end is missed.
    pub fn start(&self, cleaned: &Cleaned, stdin: Stdio) -> io::Result<(Ward, [Receiver; 2])> {
        let (child, streams) = Child::spawn(cleaned, stdin)?;
        let (told, end) = oneshot::channel();
        self.waiting().insert(number(child.pid()), told);
        Ok((Ward { child, end }, streams))
    }

    /// Reaps for ever. There is one of it, on the thread that starts children.
    pub async fn watch(&self, mut reaper: Reaper) {
        loop {
            let death = reaper.next().await;
            let guardian = self.waiting().remove(&number(death.pid));
            if let Some(guardian) = guardian {
                // Nobody may wait any more.
                let _ = guardian.send(death.exit);
            } else {
                tracing::debug!(process.pid = number(death.pid), "an orphan ended");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ward {
    /// Reads what it writes.
    pub fn listen(&mut self, reading: impl Future<Output = ()> + Send + 'static) {
        self.child.listen(reading);
    }

    /// Waits until it ends. May be dropped while it waits.
    pub async fn ended(&mut self) -> Exit {
        // The sender goes with the reaper, and that with the whole service.
        (&mut self.end).await.unwrap_or(Exit::Signal(Signal::KILL.as_raw()))
    }

    /// It ended: whatever it left behind ends too, and its last words are read.
    pub async fn see_off(self) {
        self.child.see_off().await;
    }

    /// Ends it: SIGTERM, and SIGKILL after `grace`.
    pub async fn stop(mut self, grace: Duration) {
        self.child.signal(Signal::TERM);
        if timeout(grace, self.ended()).await.is_err() {
            self.child.signal(Signal::KILL);
            self.ended().await;
        }
        self.see_off().await;
    }
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}
