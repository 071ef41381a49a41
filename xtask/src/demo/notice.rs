//! I/O: a worker is told to go in the middle of a task, as a node that is taken away does it. It
//! finishes, its result counts, and it ends by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::look::{Look, Worker};

/// Late enough for all workers to be at it, and for the block by mistake to be gone.
const AFTER: Duration = Duration::from_secs(12);

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Notice {
    /// Nobody was told anything.
    #[default]
    ToCome,
    /// One worker was told to go.
    Given {
        /// Its number.
        worker: u64,
        /// Its process.
        pid: u32,
        /// When it was told.
        at: Instant,
    },
    /// It has finished its task and gone.
    Followed {
        /// Its number.
        worker: u64,
        /// From the signal to its end.
        took: Duration,
    },
}

impl Notice {
    /// Tells a busy worker to go once it is time, and notes its end; gives words when either happens.
    pub(crate) fn step(
        &mut self,
        look: &Look,
        first_worker: Option<Instant>,
        now: Instant,
    ) -> anyhow::Result<Option<String>> {
        match *self {
            Self::ToCome => {
                let due = first_worker.is_some_and(|at| now.duration_since(at) >= AFTER);
                let busy = look.workers.iter().find(|worker| worker.is_busy()).filter(|_| due);
                let Some((worker, pid)) = busy.and_then(|w| Some((w.number, w.pid?))) else {
                    return Ok(None);
                };
                give(worker, pid)?;
                *self = Self::Given { worker, pid, at: now };
                Ok(Some(format!("SIGTERM to worker {worker}, which holds a task")))
            }
            Self::Given { worker, pid, at } => {
                let it = look.workers.iter().find(|place| place.number == worker);
                if it.is_some_and(|it| it.pid == Some(pid)) {
                    return Ok(None);
                }
                let took = now.duration_since(at);
                *self = Self::Followed { worker, took };
                followed(worker, it.and_then(|it| it.last_exit.as_deref()), took).map(Some)
            }
            Self::Followed { .. } => Ok(None),
        }
    }
}

fn give(worker: u64, pid: u32) -> anyhow::Result<()> {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no such process")?;
    kill_process(process, Signal::TERM)
        .with_context(|| format!("tell worker {worker}, process {pid}, to go"))
}

/// Exit code 0 of `zero-worker` says that its task was finished; 3 would say that it was not.
fn followed(worker: u64, how: Option<&str>, took: Duration) -> anyhow::Result<String> {
    let how = how.unwrap_or("not told");
    ensure!(
        how.starts_with("exit code 0"),
        "worker {worker} was told to go while it held a task, and ended with {how} instead of finishing it"
    );
    let took = took.as_secs_f32();
    Ok(format!("worker {worker} finished its task and went after {took:.1} s: {how}"))
}

impl Worker {
    fn is_busy(&self) -> bool {
        self.state == "busy"
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use super::*;

    fn look(pid: Option<u32>, last_exit: Option<&str>) -> Look {
        let state = "idle".to_owned();
        let last_exit = last_exit.map(str::to_owned);
        let worker = Worker { number: 2, state, pid, crash_loop: false, last_exit };
        Look { workers: vec![worker], ..Look::default() }
    }

    #[test]
    fn nobody_is_told_before_its_time_or_while_idle() {
        let now = Instant::now();
        let mut notice = Notice::default();
        notice.step(&look(Some(1), None), Some(now), now).unwrap();
        notice.step(&look(Some(1), None), Some(now), now + AFTER).unwrap();
        assert_eq!(notice, Notice::ToCome);
    }

    #[test]
    fn the_end_is_noted_and_one_without_the_task_done_is_a_failure() {
        let at = Instant::now();
        let given = Notice::Given { worker: 2, pid: 7, at };
        let mut notice = given;
        notice.step(&look(Some(7), None), None, at).unwrap();
        assert_eq!(notice, given, "it is still there");
        let later = at + Duration::from_secs(3);
        notice.step(&look(Some(8), Some("exit code 0")), None, later).unwrap();
        assert_eq!(notice, Notice::Followed { worker: 2, took: Duration::from_secs(3) });
        let mut other = given;
        let error = other.step(&look(None, Some("exit code 3")), None, later).unwrap_err();
        assert!(error.to_string().contains("exit code 3"), "{error}");
    }
}
