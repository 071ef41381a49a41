//! Cargo tools that a check needs, installed into the target folder when they are missing.

use std::path::PathBuf;
use std::process::Command;

use crate::shell;

/// The version whose checks we know; a newer one may refuse what this one lets pass.
const CARGO_DENY: &str = "0.20.2";

/// The program `cargo-deny`.
pub(crate) fn cargo_deny() -> anyhow::Result<PathBuf> {
    let wanted = format!("cargo-deny {CARGO_DENY}");
    let ours = shell::target_dir()?.join("tools");
    let installed = ours.join("bin").join("cargo-deny");
    for program in [PathBuf::from("cargo-deny"), installed.clone()] {
        let version = shell::read(Command::new(&program).arg("--version"));
        if version.is_ok_and(|version| version.trim() == wanted) {
            return Ok(program);
        }
    }
    shell::say(&format!(
        "{wanted} is missing; it checks licences, sources and banned packages. It is built once, \
         into the target folder; that takes some minutes."
    ));
    let mut install = shell::cargo(&["install", "cargo-deny", "--locked", "--quiet"]);
    shell::run(install.args(["--version", CARGO_DENY, "--root"]).arg(&ours))?;
    Ok(installed)
}
