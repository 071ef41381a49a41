//! A new user: every command of docs/install.md and of the chart's notes, as it stands there, with the chart's own values.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::Value;

use super::Scenario;
use crate::e2e::manual::{commands, goes_on, noted};
use crate::e2e::site::{FOUND, SOON, Site};
use crate::e2e::stage::Stage;
use crate::e2e::terminal::Terminal;
use crate::poll;

const PAGE: &str = include_str!("../../../../docs/install.md");
/// The namespace that the page makes.
const NAMESPACE: &str = "provers";
/// What the notes call a witness of the user's own.
const WITNESS: (&str, &str) = ("WITNESS.json", "witnesses/devnet/v0.7/3.witness.json");
/// What is seen of a command that goes on, before the user ends it.
const SEEN: [(&str, &str); 3] =
    [("get jobs", "1/1"), ("logs -f", "circuits"), ("status --watch", "Workers")];
/// A user's patience with one command.
const PATIENCE: Duration = Duration::from_secs(180);
/// What is interrupted ends within this.
const TO_END: Duration = Duration::from_secs(10);

pub(super) const SCENARIO: Scenario = Scenario {
    name: "new-user",
    about: "a new user, with the chart's own values: each command of docs/install.md and of NOTES.txt as it stands there, from `helm install` to verified proofs in a folder, and `helm uninstall` with nothing left",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::bare(stage, NAMESPACE, stage.broker.access())?;
    let user = User { terminal: Terminal { site } };
    user.terminal.sits_down_with(&["helm", "witnesses"])?;
    let install = commands(PAGE, ("## 2. Install", "## 3."));
    let notes = user.types(install.first().context("the page has no command to install")?)?;
    let page = commands(PAGE, ("## 3.", "## 6. Uninstall"));
    let noted_commands = noted(&notes, "What to type next");
    ensure!(page.len() >= 7 && noted_commands.len() >= 6, "{page:?} {noted_commands:?}");
    for command in &page {
        user.follows(command)?;
    }
    user.has_proofs(11)?;
    for command in &noted_commands {
        user.follows(&command.replace(WITNESS.0, WITNESS.1))?;
    }
    user.leaves(&notes)?;
    user.terminal.site.nobody_was_cut_off()
}

/// Who sits at a terminal, in a copy of the repository.
struct User<'a> {
    terminal: Terminal<'a>,
}

impl User<'_> {
    fn follows(&self, command: &str) -> Result<()> {
        if goes_on(command) { self.watches(command) } else { self.types(command).map(drop) }
    }

    /// Types a command and waits for its end, which is a good one; what it prints.
    fn types(&self, command: &str) -> Result<String> {
        let (status, told) =
            self.terminal.ends(self.terminal.types(command)?, command, PATIENCE)?;
        let looks = command.ends_with(" doctor") && status.code() == Some(FOUND);
        ensure!(status.success() || looks, "`{command}` ended with {status}: {told}");
        Ok(told)
    }

    /// Types a command that goes on, and ends it once it has shown what the user waits for.
    fn watches(&self, command: &str) -> Result<()> {
        let seen = SEEN.iter().find(|(part, _)| command.contains(part));
        let (_, wanted) = seen.with_context(|| format!("what is waited for in `{command}`"))?;
        let mut process = self.terminal.types(command)?;
        let told = poll::until_blocking(&format!("`{command}` to show {wanted}"), PATIENCE, || {
            let told = self.terminal.sees();
            if told.contains(wanted) { Ok(()) } else { Err(told) }
        });
        process.signal(Signal::INT)?;
        let ended = process.wait_gone(TO_END);
        process.signal(Signal::KILL)?;
        told.map_err(Into::into).and(ended)
    }

    /// Verified, and in the folder that was named.
    fn has_proofs(&self, count: usize) -> Result<()> {
        let site = &self.terminal.site;
        let proofs = site.proofs()?;
        let verified = proofs
            .iter()
            .filter(|proof| proof.get("state").and_then(Value::as_str) == Some("verified"));
        ensure!(verified.count() == count, "not all are verified: {proofs:?}");
        let files = std::fs::read_dir(site.folder().join("proofs"))?.count();
        ensure!(files == count, "{files} proofs were fetched");
        Ok(())
    }

    /// Uninstalls, does what the notes say of the volume that stays, and finds nothing.
    fn leaves(&self, notes: &str) -> Result<()> {
        let page = commands(PAGE, ("## 6. Uninstall", "## A fleet"));
        let rid = noted(notes, "helm uninstall keeps");
        ensure!(page.get(1..) == Some(rid.as_slice()), "the notes differ from the page: {rid:?}");
        for command in &page {
            self.types(command)?;
        }
        self.terminal.has_left_nothing()?;
        let site = &self.terminal.site;
        site.until("no volume to be left", SOON, || {
            let volumes = site.stage.api.list("/api/v1/persistentvolumes")?;
            ensure!(volumes.is_empty(), "left are {volumes:?}");
            Ok(())
        })
    }
}
