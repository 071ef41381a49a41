//! Running commands where the user can see which, how long they took, and how they failed.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde_json::Value;

/// Writes one line for the user; standard error, because standard output is for data.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes as it is, at once: for what is drawn over.
pub(crate) fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Names the next step.
pub(crate) fn step(name: &str) {
    say(&format!("\n== {name}"));
}

/// `cargo` in the repository's root, the same one that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    // What cargo told us of this very package: seen by build scripts, it would have packages built
    // anew that a cargo from a shell has built.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_this_package(name)) {
        command.env_remove(name);
    }
    command
}

fn is_of_this_package(variable: &OsStr) -> bool {
    let name = variable.to_string_lossy();
    ["CARGO_MANIFEST_", "CARGO_PKG_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The repository's root: the folder above this package.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    package.as_deref().and_then(Path::parent).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Runs a command with its output shown, and its line and time around it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    run_with_input(command.stdin(Stdio::null()))
}

/// The same, with the user at its standard input.
#[expect(clippy::disallowed_methods, reason = "how long a command took is told, not decided on")]
pub(crate) fn run_with_input(command: &mut Command) -> anyhow::Result<()> {
    let line = shown(command);
    say(&format!("$ {line}"));
    let started = Instant::now();
    let status = command.status().with_context(|| format!("start `{line}`"))?;
    let took = started.elapsed().as_secs_f32();
    if !status.success() {
        bail!("`{line}` ended with {status} after {took:.1} s");
    }
    say(&format!("  done in {took:.1} s"));
    Ok(())
}

/// Runs a command for what it prints.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let line = shown(command);
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("start `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` ended with {}: {}", output.status, said.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` did not print UTF-8"))
}

/// What cargo knows of the workspace's own packages.
pub(crate) fn metadata() -> anyhow::Result<Value> {
    let text = read(&mut cargo(&["metadata", "--no-deps", "--offline", "--format-version=1"]))?;
    serde_json::from_str(&text).context("read cargo's metadata")
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> anyhow::Result<PathBuf> {
    let metadata = metadata()?;
    let path = metadata.get("target_directory").and_then(Value::as_str);
    path.map(PathBuf::from).context("cargo names no target directory")
}

/// The command as one would type it, the program without its folder.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named_with_its_status() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.starts_with("`sh -c exit 3` ended with exit status: 3"), "{error}");
    }

    #[test]
    fn what_a_failed_command_said_is_kept() {
        let error = read(Command::new("sh").args(["-c", "echo alas >&2; exit 1"])).unwrap_err();
        assert!(error.to_string().ends_with(": alas"), "{error}");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(target_dir().unwrap().is_absolute());
    }
}
