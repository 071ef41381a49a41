//! I/O: the worker processes: start, look, signal, see off.
//!
//! Each child leads a process group of its own, so a Ctrl-C at the terminal reaches us alone.
//! SIGTERM goes to the child itself, which may want to finish its task; SIGKILL, and the end of what
//! a child leaves behind, to its whole group.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

use super::activity::{Activity, Look};
use super::command::WorkerCommand;
use super::plan::{Action, Place, Reason, State};
use super::restarts::Restarts;
use super::status::ChildStatus;
use super::words::exit_words;

/// All places for children.
#[derive(Debug)]
pub struct Children {
    command: WorkerCommand,
    log_dir: Option<PathBuf>,
    slots: Vec<Slot>,
}

/// One place.
#[derive(Debug)]
struct Slot {
    number: u32,
    process: Option<Process>,
    restarts: Restarts,
    last_exit: Option<String>,
    /// When the last process here ended.
    vacant_since: Option<Instant>,
}

/// One process, and later what it left behind in its group.
#[derive(Debug)]
struct Process {
    child: Child,
    pid: Pid,
    started_at: Instant,
    activity: Activity,
    told: Option<Told>,
    /// The child itself ended; members of its group live on.
    orphaned: bool,
}

/// What a child was told.
#[derive(Debug, Clone, Copy)]
struct Told {
    at: Instant,
    killed: bool,
}

impl Children {
    /// `max` vacant places.
    #[must_use]
    pub fn new(command: WorkerCommand, log_dir: Option<PathBuf>, max: u32) -> Self {
        let slot = |number| Slot {
            number,
            process: None,
            restarts: Restarts::default(),
            last_exit: None,
            vacant_since: None,
        };
        Self { command, log_dir, slots: (1..=max).map(slot).collect() }
    }

    /// The places as plans see them.
    #[must_use]
    pub fn places(&self, now: Instant) -> Vec<Place> {
        self.slots
            .iter()
            .map(|slot| Place { number: slot.number, state: slot.state(now) })
            .collect()
    }

    /// The children's process numbers.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.slots.iter().filter_map(Slot::pid).collect()
    }

    /// How many run and were not told to end.
    #[must_use]
    pub fn running(&self, now: Instant) -> u32 {
        let running =
            self.slots.iter().filter(|slot| matches!(slot.state(now), State::Running { .. }));
        u32::try_from(running.count()).unwrap_or(u32::MAX)
    }

    /// A child is connected, and the broker does not list its channels.
    #[must_use]
    pub fn is_any_unlisted(&self, now: Instant) -> bool {
        let processes = self.slots.iter().filter_map(|slot| slot.process.as_ref());
        processes.into_iter().any(|process| process.activity.is_unlisted(now))
    }

    /// No process is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.process.is_none())
    }

    /// Takes in one look at the children, by process number.
    pub fn observe(&mut self, looks: &HashMap<u32, Look>, now: Instant) {
        for slot in &mut self.slots {
            if let Some(look) = slot.pid().and_then(|pid| looks.get(&pid))
                && let Some(process) = &mut slot.process
            {
                process.activity = process.activity.observe(*look, now);
            }
        }
    }

    /// Does what a plan says.
    pub fn apply(&mut self, action: Action, now: Instant) {
        let (Action::Start(number) | Action::Stop(number, _) | Action::Kill(number)) = action;
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.number == number) else {
            return;
        };
        match action {
            Action::Start(_) => match start(&self.command, self.log_dir.as_ref(), number, now) {
                Ok(process) => slot.started(process),
                Err(error) => slot.did_not_start(&self.command, &error, now),
            },
            Action::Stop(_, reason) => slot.stop(reason, now),
            Action::Kill(_) => slot.kill(now),
        }
    }

    /// Sees off the children that ended.
    pub fn reap(&mut self, now: Instant) {
        for slot in &mut self.slots {
            slot.reap(now);
        }
    }

    /// Every place that has a story.
    #[must_use]
    pub fn statuses(&self, now: Instant) -> Vec<ChildStatus> {
        self.slots.iter().filter_map(|slot| slot.status(now)).collect()
    }
}

impl Drop for Children {
    /// The last resort, where nobody saw the children off: none outlives us unasked.
    fn drop(&mut self) {
        for process in self.slots.iter().filter_map(|slot| slot.process.as_ref()) {
            let _ = process.signal_group(Signal::TERM);
        }
    }
}

fn start(
    command: &WorkerCommand,
    log_dir: Option<&PathBuf>,
    number: u32,
    now: Instant,
) -> io::Result<Process> {
    let (program, arguments) = command.of_child(number);
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    if let Some(folder) = log_dir {
        std::fs::create_dir_all(folder)?;
        let path = folder.join(format!("worker-{number}.log"));
        let log = OpenOptions::new().create(true).append(true).open(path)?;
        command.stdout(log.try_clone()?).stderr(log);
    }
    let child = command.spawn()?;
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let pid = pid.ok_or_else(|| io::Error::other("it ended before it was seen"))?;
    Ok(Process {
        child,
        pid,
        started_at: now,
        activity: Activity::new(now),
        told: None,
        orphaned: false,
    })
}

impl Process {
    fn signal_group(&self, signal: Signal) -> io::Result<()> {
        gone_is_fine(kill_process_group(self.pid, signal))
    }

    /// SIGTERM to the child; to all that is left of its group once the child itself ended.
    fn terminate(&self) -> io::Result<()> {
        if self.orphaned {
            return self.signal_group(Signal::TERM);
        }
        gone_is_fine(kill_process(self.pid, Signal::TERM))
    }

    fn group_is_empty(&self) -> bool {
        matches!(test_kill_process_group(self.pid), Err(Errno::SRCH))
    }
}

fn gone_is_fine(outcome: rustix::io::Result<()>) -> io::Result<()> {
    match outcome {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

impl Slot {
    fn pid(&self) -> Option<u32> {
        let process = self.process.as_ref()?;
        u32::try_from(process.pid.as_raw_nonzero().get()).ok()
    }

    fn state(&self, now: Instant) -> State {
        let Some(process) = &self.process else {
            return State::Vacant { not_before: self.restarts.not_before };
        };
        if let Some(Told { at, killed }) = process.told {
            return State::Stopping { signalled_at: at, killed };
        }
        let (holding, since) = process.activity.holding(now);
        State::Running {
            holding,
            since,
            changed_at: process.activity.changed_at(),
            works: process.activity.works(),
        }
    }

    fn started(&mut self, process: Process) {
        let (number, pid) = (self.number, process.pid);
        tracing::info!(worker.number = number, worker.pid = %pid, "worker {number} started");
        self.restarts.not_before = None;
        self.process = Some(process);
    }

    fn did_not_start(&mut self, command: &WorkerCommand, error: &io::Error, now: Instant) {
        let (program, _) = command.of_child(self.number);
        self.ended_early(
            format!("`{program}` cannot be started: {error}; check `--worker`"),
            Duration::ZERO,
            now,
        );
    }

    fn stop(&mut self, reason: Reason, now: Instant) {
        let number = self.number;
        let Some(process) = self.process.as_mut().filter(|process| process.told.is_none()) else {
            return;
        };
        let (holding, since) = process.activity.holding(now);
        let (word, seconds) = (holding.word(), now.saturating_duration_since(since).as_secs());
        process.told = Some(Told { at: now, killed: false });
        match reason {
            Reason::ScaleIn if holding.may_stop() => tracing::info!(
                worker.number = number,
                "worker {number} is told to end: fewer are wanted, and it was {word} for {seconds} s"
            ),
            Reason::ScaleIn => tracing::info!(
                worker.number = number,
                "worker {number} is told to end: fewer are wanted, and no queue has a task in anybody's hands"
            ),
            Reason::Lost => tracing::warn!(
                worker.number = number,
                "worker {number} is told to end: it has had no connection to the broker for {seconds} s and takes no task any more"
            ),
            Reason::Shutdown => tracing::info!(
                worker.number = number,
                "worker {number} ({word}) is told to end: the scaler ends"
            ),
        }
        if let Err(error) = process.terminate() {
            tracing::error!(worker.number = number, %error, "cannot send SIGTERM to worker {number}");
        }
    }

    fn kill(&mut self, now: Instant) {
        let number = self.number;
        let Some(process) = &mut self.process else {
            return;
        };
        let at = process.told.map_or(now, |told| told.at);
        process.told = Some(Told { at, killed: true });
        let seconds = now.saturating_duration_since(at).as_secs();
        tracing::warn!(
            worker.number = number,
            "worker {number} is killed {seconds} s after it was told to end; its task, if any, starts again elsewhere"
        );
        if let Err(error) = process.signal_group(Signal::KILL) {
            tracing::error!(worker.number = number, %error, "cannot kill worker {number}");
        }
    }

    fn reap(&mut self, now: Instant) {
        let Some(process) = &mut self.process else {
            return;
        };
        if !process.orphaned {
            match process.child.try_wait() {
                Ok(None) => return,
                Ok(Some(status)) => {
                    let (lived, told) = (now - process.started_at, process.told.is_some());
                    process.orphaned = true;
                    if process.told.is_none() {
                        process.told = Some(Told { at: now, killed: false });
                    }
                    // What a shell or wrapper left behind ends with it.
                    if !process.group_is_empty() && process.terminate().is_ok() {
                        tracing::info!(
                            worker.number = self.number,
                            "worker {} left processes behind, which are told to end",
                            self.number
                        );
                    }
                    self.ended(status, lived, told, now);
                }
                Err(error) => {
                    tracing::error!(worker.number = self.number, %error, "cannot wait for worker {}", self.number);
                    return;
                }
            }
        }
        if self.process.as_ref().is_some_and(Process::group_is_empty) {
            self.process = None;
            self.vacant_since = Some(now);
        }
    }

    fn ended(&mut self, status: ExitStatus, lived: Duration, told: bool, now: Instant) {
        let how = exit_words(status);
        if told {
            tracing::info!(worker.number = self.number, "worker {} ended with {how}", self.number);
            self.restarts = self.restarts.stopped(lived);
            self.last_exit = Some(format!("{how}, as told"));
        } else {
            self.ended_early(how, lived, now);
        }
    }

    fn ended_early(&mut self, how: String, lived: Duration, now: Instant) {
        self.restarts = self.restarts.ended(lived, now);
        self.vacant_since = Some(now);
        let (number, pause) = (self.number, self.restarts.pause().as_secs());
        let lived = lived.as_secs();
        if self.restarts.is_loop(None) {
            let times = self.restarts.in_a_row;
            tracing::error!(
                worker.number = number,
                "worker {number} is in a crash loop, {times} early ends in a row: {how} after {lived} s; its output says why; next try in {pause} s at the earliest"
            );
        } else {
            tracing::warn!(
                worker.number = number,
                "worker {number} ended by itself: {how} after {lived} s; another may start in {pause} s"
            );
        }
        self.last_exit = Some(how);
    }

    fn status(&self, now: Instant) -> Option<ChildStatus> {
        let (state, since) = match (self.state(now), self.vacant_since) {
            (State::Running { holding, since, .. }, _) => (holding.word(), since),
            (State::Stopping { signalled_at, killed }, _) => {
                (if killed { "killed" } else { "stopping" }, signalled_at)
            }
            (State::Vacant { not_before: Some(due) }, Some(since)) if due > now => {
                ("waiting", since)
            }
            (State::Vacant { .. }, Some(since)) => ("ended", since),
            (State::Vacant { .. }, None) => return None,
        };
        let lived = self.process.as_ref().map(|process| now - process.started_at);
        Some(ChildStatus {
            number: self.number,
            pid: self.pid(),
            state,
            since_seconds: now.saturating_duration_since(since).as_secs(),
            restarts: self.restarts.total,
            crash_loop: self.restarts.is_loop(lived),
            last_exit: self.last_exit.clone(),
        })
    }
}
