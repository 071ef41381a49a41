//! What is insecure in `terraform`.

use std::process::{Command, Stdio};

use ::tests::provision;
use anyhow::{Context, ensure};

use crate::shell;

pub(super) fn run() -> anyhow::Result<()> {
    let python = provision::ensure_checkov(&mut |line: &str| shell::say(line))
        .context("checkov cannot be had")?;
    let mut checkov = Command::new(python);
    checkov.current_dir(shell::root()).args(["-m", "checkov.main", "--directory", "terraform"]);
    checkov.args(["--config-file", "terraform/.checkov.yaml", "--quiet", "--compact"]);
    shell::say(&format!("$ {}", shell::shown(&checkov)));
    let output = checkov.stdin(Stdio::null()).output().context("start checkov")?;
    let found = String::from_utf8_lossy(&output.stdout);
    shell::say(&format!("{}{}", String::from_utf8_lossy(&output.stderr), found.trim()));
    ensure!(
        output.status.success(),
        "checkov found fault: mend it, or pass it over in terraform/.checkov.yaml for a reason"
    );
    // It is content with a folder that has nothing to look at.
    ensure!(passed(&found) > Some(0), "checkov has looked at nothing");
    Ok(())
}

/// How many checks passed, by checkov's own count.
fn passed(found: &str) -> Option<u32> {
    let (_, rest) = found.split_once("Passed checks: ")?;
    rest.split(',').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_nothing_is_told_from_one_without_findings() {
        let said =
            "terraform scan results:\n\nPassed checks: 44, Failed checks: 0, Skipped checks: 0\n";
        assert_eq!(passed(said), Some(44));
        assert_eq!(passed(""), None);
        assert!(passed("Passed checks: 0, Failed checks: 0") <= Some(0));
    }
}
