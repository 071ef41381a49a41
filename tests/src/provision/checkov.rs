//! checkov, which looks for what is insecure in Terraform's files; a program in Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};

use super::{Say, apt, cache, on_path};

/// The version whose checks we know; a newer one may find what this one lets pass.
const VERSION: &str = "3.3.30";
/// Written last.
const MARK: &str = "whole";

/// A Python that has checkov, put into a folder of the user's cache when it is missing.
pub fn ensure_checkov(say: Say<'_>) -> anyhow::Result<PathBuf> {
    let folder = cache::folder()?.join(format!("checkov-{VERSION}"));
    let _lock = cache::lock("lock-checkov", say, &AtomicBool::new(false))?;
    let python = folder.join("bin/python");
    if folder.join(MARK).is_file() {
        return Ok(python);
    }
    say(
        "checkov looks for what is insecure in `terraform`; it is put into a folder of the cache, 300 MB, which takes a \
         minute or two.",
    );
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove a folder that is not whole")?;
    }
    make_environment(&folder, say)?;
    let package = format!("checkov=={VERSION}");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", &package]))?;
    fs::write(folder.join(MARK), "").context("mark checkov as whole")?;
    Ok(python)
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
