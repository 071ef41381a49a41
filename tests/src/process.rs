//! A process that we started and therefore may end, as the leader of its own process group.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::poll;

/// How much of a log an error shows.
const LAST_LINES: usize = 40;

/// A process, and with it those it started in its group.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it in `home`; what it prints is added to the file `output`.
    pub(crate) fn spawn(mut command: Command, home: &Path, output: &Path) -> anyhow::Result<Self> {
        let output = appended(output)?;
        let child = command
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Signals the whole process group; one that is already gone is not an error.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        match kill_process_group(group.context("not a process number")?, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error).context("signal a process"),
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("look at a process")
    }

    /// Waits until it has ended.
    pub(crate) fn wait_gone(&mut self, limit: Duration) -> anyhow::Result<()> {
        poll::until_blocking("the process to end", limit, || match self.exited() {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("it is running".to_owned()),
            Err(error) => Err(error.to_string()),
        })?;
        Ok(())
    }
}

/// The end of a log; nothing for one that cannot be read.
pub(crate) fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(LAST_LINES))
        .fold(String::new(), |all, line| all + line + "\n")
}

fn appended(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_the_end_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let lines: Vec<String> = (0..100).map(|n| format!("line {n}")).collect();
        fs::write(&path, lines.join("\n")).unwrap();
        let end = tail(&path);
        assert!(end.starts_with("line 60\n") && end.ends_with("line 99\n"), "{end}");
    }

    #[test]
    fn what_a_process_prints_is_kept_and_its_end_seen() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo alas >&2; exit 3"]);
        let mut process = Process::spawn(command, dir.path(), &log).unwrap();
        process.wait_gone(Duration::from_secs(10)).unwrap();
        assert_eq!(process.exited().unwrap().and_then(|status| status.code()), Some(3));
        assert_eq!(tail(&log), "alas\n");
        assert!(process.signal(Signal::TERM).is_ok(), "gone already is no error");
    }
}
