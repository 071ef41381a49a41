//! I/O: builds what the demo starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::signals::Stop;
use crate::{shell, test};

/// The generation of the stand-in that the demo uses.
const STAND_IN: &str = "tests/stand-in/v0.7/Cargo.toml";
/// How often a build is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Where the stand-in prover's programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Cuts a block into tasks and collects the results.
    pub(crate) leader: PathBuf,
    /// Does tasks.
    pub(crate) worker: PathBuf,
    /// Checks a proof.
    pub(crate) verifier: PathBuf,
    /// Takes a block back.
    pub(crate) zero: PathBuf,
    /// Runs a worker behind the gateway.
    pub(crate) host: PathBuf,
}

impl Programs {
    /// Builds our programs and the stand-in prover; quick when nothing has changed.
    pub(crate) fn build(target: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let ours = ["scaler", "kubectl-plugin", "prover-host"].map(|name| ["--package", name]);
        let ours = [&["build", "--locked", "--bins"][..], ours.as_flattened()].concat();
        build(&mut shell::cargo(&ours), stop)?;
        build(&mut test::stand_in("build", &shell::root().join(STAND_IN), target), stop)?;
        let built = target.join("stand-in").join("debug");
        Ok(Self {
            leader: built.join("stand-in-v07-leader"),
            worker: built.join("stand-in-v07-worker"),
            verifier: built.join("stand-in-v07-verifier"),
            zero: target.join("debug").join("kubectl-zero"),
            host: target.join("debug").join("zero-worker"),
        })
    }
}

/// Runs cargo to its end, or ends it when a signal asks for that.
fn build(command: &mut Command, stop: &Stop) -> anyhow::Result<()> {
    let line = shell::shown(command);
    shell::say(&format!("$ {line}"));
    let started = command.stdin(Stdio::null()).spawn();
    let mut cargo = started.with_context(|| format!("start `{line}`"))?;
    let status = loop {
        if let Some(status) = cargo.try_wait()? {
            break status;
        }
        if let Err(interrupted) = stop.pause(LOOK_EVERY) {
            let _ = kill_process(Pid::from_child(&cargo), Signal::TERM);
            let _ = cargo.wait();
            return Err(interrupted.into());
        }
    };
    stop.check()?;
    ensure!(status.success(), "`{line}` ended with {status}; its output above says why");
    Ok(())
}
