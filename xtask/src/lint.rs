//! `cargo xtask lint`: all that can be checked without running the product.

use std::path::{Path, PathBuf};
use std::process::Command;

use ::tests::provision;
use anyhow::{Context, bail};

use crate::rules::{self, File, Tree};
use crate::{shell, tools};

type Check = fn() -> anyhow::Result<()>;

/// Runs every check, also after one has failed, and fails if any did.
pub(crate) fn run() -> anyhow::Result<()> {
    let checks: [(&str, Check); 7] = [
        ("house rules", house_rules),
        ("format", format),
        ("clippy", clippy),
        ("documentation", documentation),
        ("fuzz targets", fuzz_targets),
        ("licences, bans, sources", dependencies),
        ("workflows, Dockerfiles and shell scripts", scripts),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        shell::step(name);
        if let Err(error) = check() {
            shell::say(&format!("{error:#}"));
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("lint found fault with: {}", failed.join("; "));
    }
    shell::say("\nlint: nothing to find fault with");
    Ok(())
}

/// Manifests of the stand-in provers, which are workspaces of their own.
pub(crate) fn stand_ins() -> Vec<PathBuf> {
    let Ok(folders) = std::fs::read_dir(shell::root().join("tests/stand-in")) else {
        return Vec::new();
    };
    let manifests = folders.flatten().map(|folder| folder.path().join("Cargo.toml"));
    let mut found: Vec<PathBuf> = manifests.filter(|manifest| manifest.is_file()).collect();
    found.sort();
    found
}

fn house_rules() -> anyhow::Result<()> {
    let tree = Tree::read()?;
    let findings = rules::check(&tree);
    for finding in &findings {
        shell::say(&finding.to_string());
    }
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    shell::say(&format!("{} files keep the rules", tree.files().len()));
    Ok(())
}

fn format() -> anyhow::Result<()> {
    shell::run(&mut shell::cargo(&["fmt", "--all", "--check"]))?;
    for manifest in stand_ins() {
        let mut fmt = shell::cargo(&["fmt", "--check", "--manifest-path"]);
        shell::run(fmt.arg(manifest))?;
    }
    Ok(())
}

fn clippy() -> anyhow::Result<()> {
    let deny = ["--", "-D", "warnings"];
    let all = ["clippy", "--workspace", "--all-targets", "--features", "tests/images", "--locked"];
    shell::run(shell::cargo(&all).args(deny))
}

fn documentation() -> anyhow::Result<()> {
    let mut doc = shell::cargo(&["doc", "--workspace", "--no-deps", "--document-private-items"]);
    shell::run(doc.arg("--locked").env("RUSTDOCFLAGS", "-Dwarnings"))
}

/// They run with a nightly compiler alone; that they fit the code is checked with any.
fn fuzz_targets() -> anyhow::Result<()> {
    let target = shell::target_dir()?;
    let mut check = shell::cargo(&["check", "--locked", "--manifest-path"]);
    let manifest = shell::root().join("fuzz/Cargo.toml");
    shell::run(check.arg(manifest).arg("--target-dir").arg(target))
}

fn dependencies() -> anyhow::Result<()> {
    let deny = tools::cargo_deny()?;
    let check = |what: &[&str]| {
        let mut command = Command::new(&deny);
        command.current_dir(shell::root()).args(["--locked", "check", "--hide-inclusion-graph"]);
        command.args(what);
        command
    };
    shell::run(&mut check(&["bans", "licenses", "sources"]))?;
    // The advisories are fetched from the network, and a new one is no fault of the change at hand.
    match shell::read(&mut check(&["advisories"])) {
        Ok(_) => shell::say("no advisory concerns the dependencies"),
        Err(error) => shell::say(&advice(&format!("{error:#}"))),
    }
    Ok(())
}

/// Other files that a script reads in are looked at with it; they are named from the script's folder.
const SOURCED_TOO: [&str; 3] = ["--external-sources", "--check-sourced", "--source-path=SCRIPTDIR"];

/// Those that git tracks, and those that it would track were they added.
fn scripts() -> anyhow::Result<()> {
    let linters = provision::ensure_linters(&mut |line: &str| shell::say(line))
        .context("actionlint, hadolint and shellcheck cannot be had")?;
    let tree = Tree::read()?;
    // actionlint runs shellcheck on the steps of a workflow, and finds nothing in them where it does not find shellcheck.
    let shellcheck = linters.shellcheck.to_str().context("the path of shellcheck is not text")?;
    let check = |linter: &Path, options: &[&str], is: fn(&File) -> bool| {
        let files = tree.files().iter().filter(|file| is(file)).map(File::path);
        let mut command = Command::new(linter);
        shell::run(command.current_dir(shell::root()).args(options).arg("--").args(files))
    };
    check(&linters.actionlint, &["-shellcheck", shellcheck], File::is_workflow)?;
    check(&linters.hadolint, &[], File::is_dockerfile)?;
    check(&linters.shellcheck, &SOURCED_TOO, File::is_shell_script)
}

/// What to say of advisories that could not be read, or that concern us.
fn advice(said: &str) -> String {
    if said.contains("failed to fetch advisory database") {
        return "the database of advisories cannot be reached: not checked".to_owned();
    }
    format!("for your information, this fails nothing:\n{said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_network_is_told_apart_from_an_advisory() {
        let offline =
            "ended with 1: [ERROR] failed to fetch advisory database at x\nfatal: no host";
        assert!(advice(offline).ends_with("not checked"));
        assert!(advice("error[vulnerability]: y in z").contains("y in z"));
    }
}
