//! `cargo xtask matrix`: the same whole-product tests against one series of RabbitMQ after the other.

mod page;
mod tally;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ::tests::harness::{self, env};
use ::tests::ledger::{self, LEDGER_ENV};
use ::tests::provision;
use ::tests::rabbitmq::{PrivateBroker, RabbitConfig, Series};
use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{shell, test};
use page::{Column, Page};
use tally::Tally;

/// What this run will do, said before it does it.
const PLAN: &str = "\
This runs the whole-product tests against each series of RabbitMQ in turn.
  1. Series that the machine does not have are installed into a folder of the user's cache: the first
     time some minutes and 250 MB for each release of Debian, as root.
  2. The product and the stand-in provers are built: the tests start them as processes.
  3. A private broker of each series is started, and the tests run against it and others like it.
  4. A table tells which passed where.";
/// What of the test binary is run, unless told otherwise: all that writes to a broker.
const FILTERS: [&str; 8] = [
    "queues::",
    "cli::",
    "prover::",
    "gateway::",
    "stand_in::",
    "denied::",
    "hazards::",
    "chaos::",
];
/// The test binary.
const TESTS: [&str; 5] = ["test", "--workspace", "--locked", "--test", "it"];
/// Where the table goes that is kept.
const PAGE: &str = "docs/brokers.md";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Series to run, with commas between them; all by default.
    #[arg(long, value_delimiter = ',', default_values_t = Series::ALL)]
    series: Vec<Series>,
    /// Writes the table to docs/brokers.md.
    #[arg(long)]
    write: bool,
    /// Passed to the tests as they are: a filter, `--nocapture`, …
    #[arg(last = true)]
    passed_through: Vec<String>,
}

impl Args {
    /// What the test binary is told: filters, and whatever else was given.
    fn for_tests(&self) -> Vec<String> {
        match self.passed_through.as_slice() {
            [] => FILTERS.map(str::to_owned).to_vec(),
            given => given.to_vec(),
        }
    }
}

/// Runs the tests on every series asked for; fails when one fails on any.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    shell::say(PLAN);
    shell::step("find or install each series");
    for series in &args.series {
        provision::ensure_series(*series, &mut |line: &str| shell::say(line))?;
    }
    let target = shell::target_dir()?;
    shell::step("build what the tests start");
    test::build(&target)?;
    shell::run(shell::cargo(&TESTS).arg("--no-run"))?;
    let columns: anyhow::Result<Vec<Column>> =
        args.series.iter().map(|series| column(*series, args, &target)).collect();
    let page = Page { columns: columns?, filters: args.for_tests(), date: today()? };
    shell::step("table");
    shell::say(&page.table());
    shell::say(&page.causes());
    if args.write {
        let path = shell::root().join(PAGE);
        fs::write(&path, page.markdown()).with_context(|| format!("write {PAGE}"))?;
        shell::say(&format!("written to {PAGE}"));
    }
    let failed = page.failed();
    ensure!(failed == 0, "{failed} tests failed");
    Ok(())
}

/// The tests on one series.
#[expect(clippy::disallowed_methods, reason = "how long the tests took is told, not decided on")]
fn column(series: Series, args: &Args, target: &Path) -> anyhow::Result<Column> {
    shell::step(&format!("RabbitMQ {series}"));
    let server = provision::ensure_series(series, &mut |line: &str| shell::say(line))?;
    let broker = PrivateBroker::start_from(&server, &RabbitConfig::default())?;
    let overview = broker.access().management().get("/api/overview")?;
    let told = |key: &str| overview.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    let (rabbitmq, erlang) = (told("rabbitmq_version"), told("erlang_version"));
    series.check(&rabbitmq)?;
    shell::say(&format!("RabbitMQ {rabbitmq} on Erlang {erlang} at {}", broker.access().amqp));
    let record = tempfile::tempdir().context("make a folder for the record of this run")?;
    let ledger = record.path().join("ledger");
    let mut command = tests_of(args, target, &broker);
    command.env(env::RABBITMQ, series.name()).env(LEDGER_ENV, &ledger);
    let started = Instant::now();
    let said = shown_and_kept(&mut command)?;
    let tally = Tally::read(&said, &ledger::lines(&ledger)?);
    ensure!(tally.is_whole(), "the tests did not end as tests do");
    Ok(Column { series, rabbitmq, erlang, tally, took: whole_seconds(started.elapsed()) })
}

fn tests_of(args: &Args, target: &Path, broker: &PrivateBroker) -> Command {
    let mut command = shell::cargo(&TESTS);
    command
        .arg("--")
        .args(args.for_tests())
        .envs(harness::broker_variables(broker.access()))
        .env(env::BIN_DIR, target.join("debug"))
        .env(env::STAND_IN_DIR, stand_ins(target));
    command
}

fn stand_ins(target: &Path) -> PathBuf {
    target.join("stand-in").join("debug")
}

/// Runs it; what it prints is shown line by line, and given back when it has ended.
fn shown_and_kept(command: &mut Command) -> anyhow::Result<String> {
    let line = shell::shown(command);
    shell::say(&format!("$ {line}"));
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = started.with_context(|| format!("start `{line}`"))?;
    let output = child.stdout.take().context("the tests have no output")?;
    let mut said = String::new();
    for line in BufReader::new(output).lines() {
        let line = line.context("read what the tests say")?;
        shell::say(&line);
        said.push_str(&line);
        said.push('\n');
    }
    // Failed tests are told by what was said.
    child.wait()?;
    Ok(said)
}

fn today() -> anyhow::Result<String> {
    let date = shell::read(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    Ok(date.trim().to_owned())
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}
