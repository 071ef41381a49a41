//! Programs that come as packages of Python, each set in an environment of its own in the user's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};

use super::{Say, apt, cache, on_path};

/// Written last.
const MARK: &str = "whole";

/// What is installed together.
pub(super) struct Packages {
    /// The folder's name; another set of versions has another.
    pub(super) name: &'static str,
    /// A requirements file of pip.
    pub(super) requirements: &'static str,
    /// What it is for, and what it takes; said before anything is installed.
    pub(super) why: &'static str,
}

impl Packages {
    /// The folder of their programs, filled when it is missing.
    pub(super) fn ensure(&self, say: Say<'_>) -> anyhow::Result<PathBuf> {
        let folder = cache::folder()?.join(self.name);
        let _lock = cache::lock(&format!("lock-{}", self.name), say, &AtomicBool::new(false))?;
        let programs = folder.join("bin");
        if folder.join(MARK).is_file() {
            return Ok(programs);
        }
        say(self.why);
        if folder.exists() {
            fs::remove_dir_all(&folder).context("remove a folder that is not whole")?;
        }
        make_environment(&folder, say)?;
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, self.requirements).context("write what is required")?;
        let mut pip = Command::new(programs.join("python"));
        run(pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements))?;
        fs::write(folder.join(MARK), "").with_context(|| format!("mark {} as whole", self.name))?;
        Ok(programs)
    }
}

/// Debian has Python's module for that in a package of its own.
fn make_environment(folder: &Path, say: Say<'_>) -> anyhow::Result<()> {
    let make = || {
        let python = on_path("python3").context("there is no `python3` on the path")?;
        run(Command::new(python).args(["-m", "venv"]).arg(folder))
    };
    make().or_else(|_| {
        apt::install("python3-venv", say)?;
        make()
    })
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {}", output.status, said.trim());
    Ok(())
}
