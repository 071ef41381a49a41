//! A terminal in a site's folder: somebody types a command there, and sees what it says.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;

use super::site::{SOON, Site};
use crate::poll;
use crate::process::Process;
use crate::repository;

/// What the command at hand has printed, in the folder.
const SCREEN: &str = "terminal";

/// Who sits at one, with a namespace that the commands typed make and take away.
pub(super) struct Terminal<'a> {
    pub(super) site: Site<'a>,
}

impl Terminal<'_> {
    /// Waits until an earlier run's namespace is gone.
    pub(super) fn sits_down(&self) -> Result<()> {
        let path = format!("/api/v1/namespaces/{}", self.site.name);
        self.site.until("an earlier run's namespace to be gone", SOON, || {
            ensure!(self.site.stage.api.find(&path)?.is_none(), "it is there");
            Ok(())
        })?;
        self.site.stage.kubelet.forget(&self.site.name);
        Ok(())
    }

    /// The same, in a folder with these parts of the repository and nothing else.
    pub(super) fn sits_down_with(&self, parts: &[&str]) -> Result<()> {
        self.sits_down()?;
        let folder = self.site.folder();
        std::fs::remove_dir_all(folder)?;
        std::fs::create_dir_all(folder)?;
        for part in parts {
            symlink(repository::root().join(part), folder.join(part))?;
        }
        Ok(())
    }

    /// Begins what is typed, as a shell reads it.
    pub(super) fn types(&self, command: &str) -> Result<Process> {
        // One process: what ends it ends the command.
        self.begins(Path::new("sh"), &["-c", &format!("exec {command}")])
    }

    /// Begins a program with these arguments.
    pub(super) fn begins(&self, program: &Path, args: &[&str]) -> Result<Process> {
        let mut command: Command = self.site.program(program);
        command.args(args);
        let screen = self.site.folder().join(SCREEN);
        std::fs::write(&screen, "")?;
        Process::spawn(command, self.site.folder(), &screen)
    }

    /// Waits for its end, and kills what is left of it; what it printed.
    pub(super) fn ends(
        &self,
        mut process: Process,
        name: &str,
        patience: Duration,
    ) -> Result<(ExitStatus, String)> {
        let ended = poll::until_blocking(&format!("`{name}` to end"), patience, || {
            let status = process.exited().map_err(|error| format!("{error:#}"))?;
            status.ok_or_else(|| self.sees())
        });
        process.signal(Signal::KILL)?;
        Ok((ended?, self.sees()))
    }

    /// What is on the screen.
    pub(super) fn sees(&self) -> String {
        std::fs::read_to_string(self.site.folder().join(SCREEN)).unwrap_or_default()
    }

    /// Waits until nothing is left of the namespace's objects but what the cluster makes in each.
    pub(super) fn has_left_nothing(&self) -> Result<()> {
        self.site.until("nothing to be left", SOON, || {
            let left = self.site.objects()?;
            let own = left.iter().all(|object| object == "serviceaccount/default");
            ensure!(own, "left are {left:?}");
            Ok(())
        })
    }
}
