//! Cargo tools that a check needs, installed into the target folder when they are missing.

use std::path::PathBuf;
use std::process::Command;

use crate::shell;

/// The version whose checks we know; a newer one may refuse what this one lets pass.
const CARGO_DENY: &str = "0.20.2";
/// The version whose pages we have looked at.
const MDBOOK: &str = "0.5.4";

/// The program `cargo-deny`.
pub(crate) fn cargo_deny() -> anyhow::Result<PathBuf> {
    let tool = Tool {
        name: "cargo-deny",
        version: CARGO_DENY,
        says: format!("cargo-deny {CARGO_DENY}"),
        does: "checks licences, sources and banned packages",
        options: &[],
    };
    tool.ensure()
}

/// The program `mdbook`, without its own web server and search.
pub(crate) fn mdbook() -> anyhow::Result<PathBuf> {
    let tool = Tool {
        name: "mdbook",
        version: MDBOOK,
        says: format!("mdbook v{MDBOOK}"),
        does: "makes a web site of the handbook",
        options: &["--no-default-features"],
    };
    tool.ensure()
}

/// A program that cargo can install.
struct Tool {
    name: &'static str,
    version: &'static str,
    /// What it prints when asked for its version.
    says: String,
    does: &'static str,
    options: &'static [&'static str],
}

impl Tool {
    /// Where it is: on the path, or installed by us.
    fn ensure(&self) -> anyhow::Result<PathBuf> {
        let Self { name, version, says, does, options } = self;
        let ours = shell::target_dir()?.join("tools");
        let installed = ours.join("bin").join(name);
        for program in [PathBuf::from(name), installed.clone()] {
            let told = shell::read(Command::new(&program).arg("--version"));
            if told.is_ok_and(|told| told.trim() == says) {
                return Ok(program);
            }
        }
        shell::say(&format!(
            "{name} {version} is missing; it {does}. It is built once, into the target folder; \
             that takes some minutes."
        ));
        let mut install = shell::cargo(&["install", name, "--locked", "--quiet"]);
        install.args(*options).args(["--version", version, "--root"]);
        shell::run(install.arg(&ours))?;
        Ok(installed)
    }
}
