//! Installing a Debian package without letting it start a service.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::{Say, require_program};

/// Debian asks this program whether a package may start its service; 101 is "no".
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_TEXT: &str =
    "#!/bin/sh\n# No service is started while a test run installs a package.\nexit 101\n";
/// Another installation may be under way; waiting beats failing.
const LOCK_TIMEOUT: &str = "DPkg::Lock::Timeout=300";

/// Installs one package and what it depends on, if we may.
pub(super) fn install(package: &str, say: Say<'_>) -> anyhow::Result<()> {
    require_program("apt-get")
        .with_context(|| format!("`{package}` is missing: install it by hand (no apt-get here)"))?;
    let rights = Rights::find()
        .with_context(|| format!("`{package}` is missing and may only be installed by root"))?;
    say(&format!("Installing the Debian package `{package}`; its service will not be started."));
    let _policy = Policy::forbid_services(rights)?;
    run(rights.apt().args(["update", "-q"]), say)?;
    run(
        rights.apt().args([
            "install",
            "-q",
            "--yes",
            "--no-install-recommends",
            "-o",
            LOCK_TIMEOUT,
            package,
        ]),
        say,
    )
}

/// How we may change the system.
#[derive(Clone, Copy)]
enum Rights {
    Root,
    Sudo,
}

impl Rights {
    fn find() -> anyhow::Result<Self> {
        if rustix::process::geteuid().is_root() {
            return Ok(Self::Root);
        }
        let asked = Command::new("sudo").args(["-n", "true"]).stdin(Stdio::null()).output();
        ensure!(asked.is_ok_and(|out| out.status.success()), "not root, and sudo wants a password");
        Ok(Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.args(["-n", program]);
                command
            }
        }
    }

    /// `apt-get` that asks no questions; through `env`, because sudo does not pass variables on.
    fn apt(self) -> Command {
        let mut command = self.command("env");
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        command
    }
}

/// A ban on starting services, lifted when this value goes; one that was there before stays as it is.
struct Policy {
    ours: Option<Rights>,
}

impl Policy {
    fn forbid_services(rights: Rights) -> anyhow::Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: None });
        }
        let text = tempfile::NamedTempFile::new()?;
        fs::write(text.path(), POLICY_TEXT)?;
        fs::set_permissions(text.path(), fs::Permissions::from_mode(0o755))?;
        let placed = rights.command("install").arg("-m755").arg(text.path()).arg(POLICY).status();
        ensure!(
            placed?.success(),
            "could not forbid the start of services during the installation"
        );
        Ok(Self { ours: Some(rights) })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if let Some(rights) = self.ours {
            let _ = rights.command("rm").args(["-f", POLICY]).status();
        }
    }
}

fn run(command: &mut Command, say: Say<'_>) -> anyhow::Result<()> {
    let shown = format!("{command:?}").replace('"', "");
    say(&format!("$ {shown}"));
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {shown}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`{shown}` failed: {}", said.trim());
    Ok(())
}
