//! I/O: one child process: start, signal, see off.
//!
//! It leads a process group of its own, so that a Ctrl-C at the terminal reaches us alone and
//! whatever it starts ends with it. It also ends when we do, however that is: it is started by way of
//! this program itself, which asks the kernel for that and then becomes the child ([`become_child`]).

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinSet;

use crate::cleaning::Cleaned;
use crate::ending::Exit;
use crate::logs::Format;
use crate::output::{Line, pass_on};
use crate::reaper::Reaper;

/// This program, whatever has become of the file it was started from.
const OURSELVES: &str = "/proc/self/exe";
/// The hidden command under which this program becomes a child.
pub const BECOME: &str = "become-child";
/// How long the last words of a child that ended may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A child and the passing on of what it writes.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    output: JoinSet<()>,
}

impl Child {
    /// Starts it. What it writes goes to our own streams; `heard` is told of each event, and of
    /// the other lines of its standard error. Must be called from the thread that lives as long as we do: the child ends with it.
    pub fn start(
        cleaned: &Cleaned,
        format: Format,
        heard: impl Fn(Line<'_>) + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (mut child, [stdout, stderr]) = Self::spawn(cleaned, Stdio::null())?;
        let events = heard.clone();
        let events = move |line: Line<'_>| {
            if matches!(line, Line::Event(_)) {
                events(line);
            }
        };
        child.listen(pass_on(stdout, tokio::io::stdout(), format, events));
        child.listen(pass_on(stderr, tokio::io::stderr(), format, heard));
        Ok(child)
    }

    /// Starts it: what it writes is for the caller to read, by [`Self::listen`]. The same thread as
    /// for [`Self::start`].
    pub fn spawn(cleaned: &Cleaned, stdin: Stdio) -> io::Result<(Self, [Receiver; 2])> {
        let mut command = Command::new(OURSELVES);
        command
            .arg(BECOME)
            .arg(std::process::id().to_string())
            .arg("--")
            .arg(&cleaned.program)
            .args(&cleaned.args)
            .env_clear()
            .envs(cleaned.env.iter().map(|(name, value)| (name, value)))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(folder) = &cleaned.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let streams = (child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = streams else { return Err(Errno::PIPE.into()) };
        let stdout = Receiver::from_owned_fd(OwnedFd::from(stdout))?;
        let stderr = Receiver::from_owned_fd(OwnedFd::from(stderr))?;
        Ok((Self { pid, output: JoinSet::new() }, [stdout, stderr]))
    }

    /// Reads what it writes until it has no more to write.
    pub fn listen(&mut self, reading: impl Future<Output = ()> + Send + 'static) {
        self.output.spawn(reading);
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Signals it and all it has started. One that is gone is no error.
    pub fn signal(&self, signal: Signal) {
        match kill_process_group(self.pid, signal) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => {
                tracing::warn!(child.pid = self.pid.as_raw_nonzero().get(), %error, "cannot signal the worker");
            }
        }
    }

    /// Waits until it ends.
    pub async fn ended(&self, reaper: &mut Reaper) -> Exit {
        loop {
            let death = reaper.next().await;
            if death.pid == self.pid {
                return death.exit;
            }
            tracing::debug!(process.pid = death.pid.as_raw_nonzero().get(), "an orphan ended");
        }
    }

    /// It ended: whatever it left behind ends too, and its last words are passed on.
    pub async fn see_off(mut self) {
        self.signal(Signal::KILL);
        let words = async { while self.output.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, words).await;
    }

    /// Ends it: SIGTERM, and SIGKILL after `grace`.
    pub async fn stop(self, reaper: &mut Reaper, grace: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.ended(reaper)).await.is_err() {
            tracing::warn!(
                "the worker did not end within {} s of SIGTERM, so it is killed",
                grace.as_secs_f32()
            );
            self.signal(Signal::KILL);
            self.ended(reaper).await;
        }
        self.see_off().await;
    }
}

/// Makes this process the child of `parent`: tied to its life, then replaced by the command. Returns
/// only if that cannot be done.
#[must_use]
pub fn become_child(parent: i32, command: &[OsString]) -> io::Error {
    let Some((program, args)) = command.split_first() else { return Errno::INVAL.into() };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have ended before the kernel was asked.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Errno::SRCH.into();
    }
    Command::new(program).args(args).exec()
}
