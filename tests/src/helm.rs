//! The real Helm of both generations, and the chart of this repository.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::provision::helm::{self, Programs};

/// The chart.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm/zero-prover");

/// A generation of Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Helm 3.
    V3,
    /// Helm 4.
    V4,
}

/// Helm, with a home of its own that goes with the value.
pub struct Helm {
    program: PathBuf,
    home: TempDir,
}

/// The programs; `None` when they are not to be had, said aloud.
///
/// # Panics
///
/// When `CI` is `true` and there are no programs.
#[must_use]
pub fn programs(test: &str) -> Option<Programs> {
    let programs = helm::programs();
    if programs.is_none() {
        let why = format!("SKIPPED {test}: there is no Helm (`cargo xtask test` makes it)");
        // Written past the test runner, which keeps the output of passed tests to itself.
        let _ = writeln!(std::io::stderr(), "{why}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    }
    programs
}

impl Helm {
    /// One of the two.
    pub fn of(programs: &Programs, generation: Generation) -> anyhow::Result<Self> {
        let program = match generation {
            Generation::V3 => programs.helm3.clone(),
            Generation::V4 => programs.helm4.clone(),
        };
        Ok(Self { program, home: tempfile::tempdir().context("make a home for Helm")? })
    }

    /// The folder that goes with the value.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs it to whatever end; nothing of the caller's environment reaches it but the path of programs.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Output> {
        let mut command = Command::new(&self.program);
        command.env_clear().env("HOME", self.home()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(args).output().context("run helm")
    }

    /// Runs it for what it prints.
    pub fn told(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.run(args)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`helm {}`: {}", args.join(" "), said.trim());
        String::from_utf8(output.stdout).context("helm did not print UTF-8")
    }
}
