//! Where programs are kept that take minutes to make, and how two runs at once make them once.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use rustix::process::Signal;

use super::Say;
use crate::poll;
use crate::process::Process;

/// A slow and busy machine has an hour.
const BUILD_LIMIT: Duration = Duration::from_secs(3_600);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// Where the user's programs keep what they can make anew.
pub(super) fn folder() -> anyhow::Result<PathBuf> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let usual = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let user = given.filter(|path| path.is_absolute()).or_else(usual);
    Ok(user.context("there is no HOME to keep a cache in")?.join("zero-prover-infra/tools"))
}

/// Makes the cache and holds its lock of this name until the file is dropped.
pub(super) fn lock(name: &str, say: Say<'_>, give_up: &AtomicBool) -> anyhow::Result<File> {
    let cache = folder()?;
    fs::create_dir_all(&cache).with_context(|| format!("make {}", cache.display()))?;
    let file = File::create(cache.join(name)).context("make a lock file")?;
    let mut told = false;
    poll::until_blocking("another process to have built them", BUILD_LIMIT, || {
        match file.try_lock() {
            Ok(()) => return Ok(Ok(())),
            Err(TryLockError::Error(error)) => return Ok(Err(error.into())),
            Err(TryLockError::WouldBlock) => {}
        }
        if give_up.load(Ordering::Relaxed) {
            return Ok(Err(anyhow!("given up")));
        }
        if !std::mem::replace(&mut told, true) {
            say("Another process builds them; waiting for it.");
        }
        Err("it holds the lock")
    })??;
    Ok(file)
}

/// Waits for a process that makes something; ends it when it is given up.
pub(super) fn finish(mut process: Process, give_up: &AtomicBool) -> anyhow::Result<()> {
    let ended = poll::until_blocking("the build to end", BUILD_LIMIT, || match process.exited() {
        Ok(Some(status)) => Ok(Ok(status)),
        Ok(None) if give_up.load(Ordering::Relaxed) => Ok(Err(anyhow!("given up"))),
        Ok(None) => Err("it is running"),
        Err(error) => Ok(Err(error)),
    });
    match ended.map_err(anyhow::Error::from).flatten() {
        Ok(status) => {
            ensure!(status.success(), "it ended with {status}");
            Ok(())
        }
        Err(error) => {
            process.signal(Signal::KILL)?;
            process.wait_gone(KILL_LIMIT)?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_build_that_fails_says_why_and_one_given_up_ends() {
        let dir = tempfile::tempdir().unwrap();
        let run = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            Process::spawn(command, dir.path(), &dir.path().join("log")).unwrap()
        };
        let error = finish(run("exit 3"), &AtomicBool::new(false)).unwrap_err().to_string();
        assert!(error.contains("exit status: 3"), "{error}");
        let error = finish(run("read -r never < /dev/zero"), &AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.to_string(), "given up");
    }
}
