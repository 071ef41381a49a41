//! The real `kubectl-zero`, called as people and programs call it.
//!
//! ```no_run
//! # fn example(vhost: &tests::harness::Vhost, folder: &std::path::Path) -> anyhow::Result<()> {
//! use tests::zero::Zero;
//! let told = Zero::at(folder).broker(vhost.access(), vhost.name()).run(&["queues"])?;
//! assert_eq!(told.code, Some(0));
//! # Ok(()) }
//! ```

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::Context;

use crate::access::Access;
use crate::harness;

/// The name by which people call it that have not installed it for kubectl.
const NAME: &str = "zero";

/// How to call it. Nothing of the caller's environment reaches it but the path of programs.
#[derive(Debug, Clone)]
pub struct Zero {
    name: String,
    folder: PathBuf,
    envs: Vec<(OsString, OsString)>,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Words.
    pub stderr: String,
}

impl Zero {
    /// Called as `zero` in a folder, which is its home as well; no broker is named.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { name: NAME.to_owned(), folder: folder.to_owned(), envs: Vec::new() }
    }

    /// Calls it by another name.
    #[must_use]
    pub fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Names a broker and a vhost, by the environment.
    #[must_use]
    pub fn broker(self, access: &Access, vhost: &str) -> Self {
        self.env("ZERO_AMQP_URI", access.amqp_uri(vhost))
            .env("ZERO_MANAGEMENT_URL", &access.management_url)
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Runs it to its end, without a terminal.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Answer> {
        self.command(args)?.output().context("run kubectl-zero")?.try_into()
    }

    /// The command, for what else may be done with it; nobody is there to be asked.
    pub fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binary()?);
        command
            .arg0(&self.name)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .envs(self.envs.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        Ok(command)
    }
}

impl TryFrom<Output> for Answer {
    type Error = anyhow::Error;

    fn try_from(output: Output) -> anyhow::Result<Self> {
        let text = |bytes| String::from_utf8(bytes).context("read what kubectl-zero wrote");
        let (stdout, stderr) = (text(output.stdout)?, text(output.stderr)?);
        Ok(Self { code: output.status.code(), stdout, stderr })
    }
}

/// The one this run has built, else the one beside the running test.
pub fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = harness::binary("kubectl-zero") {
        return Ok(path);
    }
    let here = std::env::current_exe()?;
    let built = here.ancestors().skip(1).take(2).map(|folder| folder.join("kubectl-zero"));
    let found = built.into_iter().find(|path| path.is_file());
    found.context("there is no kubectl-zero: `cargo build --package kubectl-plugin` makes it")
}
