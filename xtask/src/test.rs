//! `cargo xtask test`: every test, with a real broker that belongs to this run alone.

mod control_plane;
mod slow;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use ::tests::harness::{self, env};
use ::tests::ledger::{self, LEDGER_ENV, Summary};
use ::tests::provision::kubernetes::Programs;
use ::tests::provision::{self, Broker};
use ::tests::rabbitmq::RabbitConfig;
use anyhow::{Context, bail, ensure};

use crate::lint::stand_ins;
use crate::shell;
use control_plane::Preparation;

/// What this run will do, said before it does it.
const PLAN: &str = "\
This runs every test of the workspace and of the stand-in provers.
  1. RabbitMQ is looked for, and installed when it is missing: the tests talk to a real broker.
  2. Chromium, Prometheus, and pika, an AMQP client of Python, are looked for, and installed when they
     are missing: the status page is tested in the first, alerts and dashboards with the second, the
     gateway with the third.
  3. etcd, kube-apiserver, kubectl, KWOK and Helm are built with Go unless an earlier run has built
     them: `kubectl zero` and the chart are tested against a real Kubernetes API server. The first time
     takes fifteen to thirty minutes on two cores; it goes on in the background of step 4. OpenTofu is
     built too where there is no Terraform, for the tests of `terraform`: another five minutes.
  4. The scaler and the stand-in provers are built: the tests start them as processes.
  5. A private broker is started on free loopback ports; it ends with this command, data and all.
  6. The tests run; those that found no broker are counted at the end.";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs the slow tests instead of the fast ones: checkov on `terraform`, the images of `docker`.
    #[arg(long, conflicts_with = "passed_through")]
    slow: bool,
    /// Passed to the tests as they are: a filter, `--nocapture`, …
    #[arg(last = true)]
    passed_through: Vec<String>,
}

impl Args {
    /// What followed the two dashes.
    #[cfg(test)]
    pub(crate) fn passed_through(&self) -> &[String] {
        &self.passed_through
    }
}

/// One run: where things are built and recorded.
struct Run<'a> {
    args: &'a Args,
    target: PathBuf,
    ledger: PathBuf,
    broker: Broker,
    cluster: Option<Programs>,
    terraform: Option<PathBuf>,
}

/// Runs all tests; fails when one fails, and in CI also when one was skipped.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.slow {
        return slow::run();
    }
    shell::say(PLAN);
    let target = shell::target_dir()?;
    let record = tempfile::tempdir().context("make a folder for the record of this run")?;
    let preparation = Preparation::start();
    optional("Chromium", "of the page", provision::ensure_chromium)?;
    optional("Prometheus", "of alerts and dashboards", |say| {
        provision::ensure_prometheus(say).map(|programs| programs.promtool)
    })?;
    optional("pika", "with a client in another language", provision::ensure_pika)?;
    shell::step("build what the tests start");
    build(&target)?;
    shell::step("start a broker");
    let broker =
        provision::own_broker(&RabbitConfig::default(), &mut |line: &str| shell::say(line))?;
    shell::say(&format!("a broker answers at {}", broker.access().amqp));
    shell::step("programs of a Kubernetes control plane");
    let cluster = cluster_programs(preparation)?;
    shell::step("Terraform");
    let terraform = optional("Terraform", "of `terraform`", |say| {
        provision::ensure_terraform(say, &AtomicBool::new(false))
    })?;
    let run =
        Run { args, target, ledger: record.path().join("ledger"), broker, cluster, terraform };
    let outcomes = [run.workspace(), run.stand_ins(), run.judge()];
    drop(run);
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    shell::say("all tests passed");
    Ok(())
}

/// Without it some tests are skipped; in CI that is a failure.
fn optional(
    what: &str,
    tests: &str,
    ensure: impl FnOnce(provision::Say<'_>) -> anyhow::Result<PathBuf>,
) -> anyhow::Result<Option<PathBuf>> {
    match ensure(&mut |line: &str| shell::say(line)) {
        Err(error) if !is_ci() => {
            shell::say(&format!("no {what}, the tests {tests} will be skipped: {error:#}"));
            Ok(None)
        }
        outcome => outcome.map(Some),
    }
}

/// Without them the tests in a cluster are skipped; in CI that is a failure.
fn cluster_programs(preparation: Preparation) -> anyhow::Result<Option<Programs>> {
    match preparation.wait() {
        Err(error) if !is_ci() => {
            shell::say(&format!("the tests in a cluster will be skipped: {error:#}"));
            Ok(None)
        }
        outcome => {
            let programs = outcome?;
            shell::say(&format!("they are in {}", programs.folder().display()));
            Ok(Some(programs))
        }
    }
}

fn is_ci() -> bool {
    std::env::var("CI").as_deref() == Ok("true")
}

/// Builds the product's binary and the stand-in provers, where they are there yet.
pub(crate) fn build(target: &Path) -> anyhow::Result<()> {
    shell::run(&mut shell::cargo(&["build", "--locked", "--workspace", "--bins"]))?;
    for manifest in stand_ins() {
        shell::run(&mut stand_in("build", &manifest, target))?;
    }
    Ok(())
}

impl Run<'_> {
    fn workspace(&self) -> anyhow::Result<()> {
        shell::step("tests of the workspace");
        let mut command = shell::cargo(&["test", "--workspace", "--locked", "--no-fail-fast"]);
        self.finish(&mut command)
    }

    fn stand_ins(&self) -> anyhow::Result<()> {
        for manifest in stand_ins() {
            shell::step(&format!("tests of {}", name_of(&manifest)));
            self.finish(&mut stand_in("test", &manifest, &self.target))?;
        }
        Ok(())
    }

    /// Adds what every test run is told.
    fn finish(&self, command: &mut Command) -> anyhow::Result<()> {
        command
            .envs(harness::broker_variables(self.broker.access()))
            .env(LEDGER_ENV, &self.ledger)
            .env(env::BIN_DIR, self.target.join("debug"))
            .env(env::STAND_IN_DIR, self.target.join("stand-in").join("debug"))
            .arg("--")
            .args(&self.args.passed_through);
        if let Some(programs) = &self.cluster {
            command.env(env::CLUSTER_DIR, programs.folder());
        }
        if let Some(terraform) = &self.terraform {
            command.env(env::TERRAFORM, terraform);
        }
        shell::run(command)
    }

    fn judge(&self) -> anyhow::Result<()> {
        shell::step("summary");
        let summary = ledger::read(&self.ledger)?;
        shell::say(&summary.to_string());
        verdict(summary, is_ci(), self.args.passed_through.is_empty())
    }
}

/// A run in CI in which broker tests did not run has tested less than it says.
fn verdict(summary: Summary, strict: bool, everything: bool) -> anyhow::Result<()> {
    if !strict {
        return Ok(());
    }
    if summary.skipped > 0 {
        bail!("{} tests were skipped for want of a broker", summary.skipped);
    }
    ensure!(summary.ran > 0 || !everything, "not one test with a broker was recorded");
    Ok(())
}

/// Cargo on a stand-in prover, which is a workspace of its own.
pub(crate) fn stand_in(act: &str, manifest: &Path, target: &Path) -> Command {
    let mut command = shell::cargo(&[act, "--locked", "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(target.join("stand-in"));
    command
}

fn name_of(manifest: &Path) -> String {
    let folder = manifest.parent().and_then(Path::file_name);
    format!("the stand-in prover {}", folder.unwrap_or_default().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_test_fails_a_strict_run_only() {
        let summary = Summary { ran: 3, skipped: 1, unfit: 0 };
        assert!(verdict(summary, true, true).is_err());
        assert!(verdict(summary, false, true).is_ok());
    }

    #[test]
    fn a_strict_run_of_everything_must_have_had_a_broker() {
        let none = Summary::default();
        assert!(verdict(none, true, true).is_err());
        assert!(verdict(none, true, false).is_ok(), "a filter may leave out every broker test");
        assert!(verdict(Summary { ran: 1, skipped: 0, unfit: 0 }, true, true).is_ok());
    }
}
