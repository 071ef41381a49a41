//! I/O: one block too many is taken back while the others go on, by `zero remove`.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ::tests::access::Access;
use anyhow::{Context, ensure};
use serde_json::Value;

use super::blocks::Block;
use crate::shell;

/// Workers are seen at work on it before it is taken back.
const AFTER: Duration = Duration::from_secs(6);

/// The command as an operator would type it.
pub(crate) struct Zero<'a> {
    /// Where it is.
    pub(crate) program: &'a Path,
    /// The folder it works in.
    pub(crate) home: &'a Path,
    /// The broker.
    pub(crate) access: &'a Access,
    /// The vhost, with credentials.
    pub(crate) uri: &'a str,
}

impl Zero<'_> {
    /// Runs it, shows what it says, and gives the messages that it took out.
    fn run(&self, args: &[&str]) -> anyhow::Result<u64> {
        shell::step(&format!("zero {}", args.join(" ")));
        let output = Command::new(self.program)
            .env_clear()
            .env("HOME", self.home)
            // Credentials stand in the environment: a command line can be read by every user.
            .env("ZERO_AMQP_URI", self.uri)
            .env("ZERO_MANAGEMENT_URL", &self.access.management_url)
            .current_dir(self.home)
            .args(args)
            .args(["-o", "json"])
            .stdin(Stdio::null())
            .output()
            .context("start kubectl-zero")?;
        shell::say(String::from_utf8_lossy(&output.stderr).trim_end());
        ensure!(output.status.success(), "`zero {}` ended with {}", args.join(" "), output.status);
        if output.stdout.is_empty() {
            return Ok(0);
        }
        let done = serde_json::from_slice(&output.stdout).context("read its report")?;
        Ok(removed_by(&done))
    }
}

/// The block that is to go, and what became of it.
#[derive(Debug)]
pub(crate) struct Withdrawal {
    block: Block,
    removed: Option<u64>,
    cleared: bool,
}

impl Withdrawal {
    /// Still to come.
    pub(crate) fn of(block: Block) -> Self {
        Self { block, removed: None, cleared: false }
    }

    /// Tasks that were taken back, once they were.
    pub(crate) fn removed(&self) -> Option<u64> {
        self.removed
    }

    /// Whether it is time.
    pub(crate) fn is_due(&self, first_worker: Option<Instant>, now: Instant) -> bool {
        let seen = first_worker.is_some_and(|at| now.duration_since(at) >= AFTER);
        self.removed.is_none() && seen
    }

    /// Takes the block back; its leader ends.
    pub(crate) fn perform(&mut self, zero: &Zero<'_>) -> anyhow::Result<()> {
        let block = self.block.number.to_string();
        let removed = zero.run(&["remove", "--block", &block, "--yes"])?;
        shell::say(&format!(
            "{removed} tasks of block {block} are out of the queue; the others go on"
        ));
        self.removed = Some(removed);
        Ok(())
    }

    /// Whether its last traces are gone.
    pub(crate) fn is_cleared(&self) -> bool {
        self.cleared
    }

    /// What workers had in hand they finished for nobody: the queues of those results go.
    pub(crate) fn clear(&mut self, zero: &Zero<'_>) -> anyhow::Result<()> {
        zero.run(&["orphans", "--reclaim", "--yes"])?;
        self.cleared = true;
        Ok(())
    }
}

/// The messages that a report says were taken out.
fn removed_by(done: &Value) -> u64 {
    let outcomes = done.pointer("/report/outcomes").and_then(Value::as_array);
    let wanted = |outcome: &Value| outcome.pointer("/end/wanted").and_then(Value::as_u64);
    outcomes.into_iter().flatten().filter_map(wanted).sum()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_removed_is_read_from_the_report() {
        let done = json!({"report": {"outcomes": [
            {"end": {"state": "sifted", "wanted": 80}},
            {"end": {"state": "told"}},
        ]}});
        assert_eq!(removed_by(&done), 80);
    }

    #[test]
    fn it_waits_until_workers_were_seen_and_happens_once() {
        let now = Instant::now();
        let mut withdrawal = Withdrawal::of(super::super::blocks::MISTAKE);
        assert!(!withdrawal.is_due(None, now));
        assert!(!withdrawal.is_due(Some(now), now));
        assert!(withdrawal.is_due(Some(now), now + AFTER));
        withdrawal.removed = Some(1);
        assert!(!withdrawal.is_due(Some(now), now + AFTER));
    }
}
