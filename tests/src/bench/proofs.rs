//! What the proof service costs, beside what people did without one.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::stats::Samples;
use crate::harness;
use crate::rabbitmq::{PrivateBroker, RabbitConfig};

/// The vhost of everything.
const VHOST: &str = "proofs";
/// Runs of each kind, in turns.
const RUNS: usize = 15;
/// Proofs in the ledger that is listed.
const MANY: usize = 10_000;
/// Times that it is listed.
const LISTS: usize = 200;
/// The first of the made-up blocks.
const FIRST: u64 = 30_000_001;
/// Transactions that make 10 MB of a witness, and 200 MB.
const LARGE: u64 = 7_800;
const HUGE: u64 = 156_000;
/// Longer than any request takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// The service, two workers, and where they live.
struct Stage {
    home: tempfile::TempDir,
    broker: PrivateBroker,
    service: Child,
    url: String,
    workers: Vec<Child>,
}

impl Stage {
    fn set() -> Result<Self> {
        let broker = PrivateBroker::start_new(&RabbitConfig::default())?;
        broker.add_vhost(VHOST)?;
        let home = tempfile::tempdir_in(".").context("a folder on this disk")?;
        let mut service = Command::new(harness::binary("zero-leader").context("no zero-leader")?)
            .args(["--listen", "127.0.0.1:0", "--min-free-mib", "1", "--data-dir"])
            .arg(home.path().join("data"))
            .arg("--leader")
            .arg(program("leader")?)
            .env("ZERO_LEADER_AMQP_URI", broker.amqp_uri(VHOST))
            .stderr(Stdio::piped())
            .spawn()
            .context("start zero-leader")?;
        let lines = BufReader::new(service.stderr.take().context("no output")?).lines();
        let mut lines = lines.map_while(Result::ok);
        let told = lines.find_map(|line| Some(line.split_once("service is on ")?.1.to_owned()));
        // What it says later is nobody's business, but it must not stop for that.
        std::thread::spawn(move || lines.for_each(drop));
        let url = told.context("zero-leader did not start")?;
        Ok(Self { home, broker, service, url, workers: Vec::new() })
    }

    fn worker(&self, number: usize) -> Result<Child> {
        let output = |end| File::create(self.home.path().join(format!("worker-{number}.{end}")));
        let mut command = Command::new(program("worker")?);
        command
            .args(["--runtime=amqp", "--stand-in-ms-per-txn", "0"])
            .env("PALADIN_AMQP_URI", self.broker.amqp_uri(VHOST))
            .stdout(output("out")?)
            .stderr(output("err")?);
        command.spawn().context("start a worker")
    }

    fn post(&self, query: &str, witness: &Path) -> Result<Value> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let mut answer =
            agent.post(format!("{}/v1/proofs{query}", self.url)).send(File::open(witness)?)?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.workers.iter_mut().chain([&mut self.service]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn program(name: &str) -> Result<PathBuf> {
    let name = format!("stand-in-v07-{name}");
    harness::stand_in(&name).with_context(|| format!("`{name}` is not built"))
}

/// A made-up witness of one block.
fn made_up(home: &Path, number: u64, transactions: u64) -> Result<PathBuf> {
    let program = harness::stand_in("stand-in-witness-gen").context("not built")?;
    let (first, sizes) = (number.to_string(), transactions.to_string());
    let mut making = Command::new(program);
    making.arg(home).args(["--form", "v0.7", "--first", &first, "--sizes", &sizes]);
    ensure!(making.status()?.success(), "stand-in-witness-gen failed");
    Ok(home.join(format!("{number}.witness.json")))
}

/// Measures everything, and writes `proofs.md` into the folder.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let stage = Stage::set()?;
    let mut text = include_str!("proofs.md").to_owned();
    writeln!(text, "\nThis run: {}.\n", super::report::machine())?;
    writeln!(text, "| | by hand | service | | goal | met |")?;
    writeln!(text, "| --- | --: | --: | --: | --: | --- |")?;
    super::say("submission");
    submission(&stage, &mut text)?;
    super::say("memory");
    memory(&stage, &mut text)?;
    super::say("listing");
    listing(&stage, &mut text)?;
    super::say("overhead");
    let mut stage = Stage::set()?;
    stage.workers = (0..2).map(|number| stage.worker(number)).collect::<Result<_>>()?;
    overhead(&stage, &mut text)?;
    let page = folder.join("proofs.md");
    std::fs::write(&page, text).with_context(|| format!("cannot write `{}`", page.display()))
}

fn met(holds: bool) -> &'static str {
    if holds { "yes" } else { "**no**" }
}

/// One block's proof by hand and by the service, in turns.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn overhead(stage: &Stage, text: &mut String) -> Result<()> {
    let witness = Path::new("witnesses/devnet/v0.7/6.witness.json");
    let (mut bare, mut ours) = (Samples::default(), Samples::default());
    for run in 0..=RUNS {
        let started = Instant::now();
        let mut leader = Command::new(program("leader")?);
        leader.args(["-k", "-o"]).arg(stage.home.path().join("by-hand")).arg("stdio");
        leader.env("PALADIN_AMQP_URI", stage.broker.amqp_uri(VHOST));
        leader.stdin(File::open(witness)?).stdout(Stdio::null()).stderr(Stdio::null());
        ensure!(leader.status()?.success(), "the leader failed");
        let by_hand = started.elapsed();
        let started = Instant::now();
        let proof = stage.post("?force=true", witness)?;
        let id = proof.get("id").and_then(Value::as_str).context("no id")?;
        let file = stage.home.path().join(format!("data/proofs/{id}.zkproof"));
        while !file.exists() && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let by_service = started.elapsed();
        // The first of each warms caches.
        if run > 0 {
            bare.push(by_hand);
            ours.push(by_service);
        }
    }
    let (bare, ours) = (bare.ms(50), ours.ms(50));
    let (more, holds) = (ours - bare, met(ours - bare <= 50.0));
    writeln!(
        text,
        "| overhead, p50 of {RUNS}, ms | {bare:.0} | {ours:.0} | +{more:.0} | ≤ 50 | {holds} |"
    )?;
    Ok(())
}

/// A witness of 10 MB to its place, in turns.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn submission(stage: &Stage, text: &mut String) -> Result<()> {
    let witness = made_up(stage.home.path(), FIRST, LARGE)?;
    let copy = stage.home.path().join("copy");
    let (mut bare, mut ours) = (Samples::default(), Samples::default());
    for run in 0..=RUNS {
        let started = Instant::now();
        let script = "cat \"$0\" > \"$1\" && sync \"$1\" && sha256sum \"$1\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).args([&witness, &copy]).stdout(Stdio::null());
        ensure!(shell.status()?.success(), "cat and sha256sum failed");
        let by_hand = started.elapsed();
        let started = Instant::now();
        // Nobody works yet, and a chain's second waits for its first.
        stage.post("?chain=large&kind=test-only", &witness)?;
        let by_service = started.elapsed();
        if run > 0 {
            bare.push(by_hand);
            ours.push(by_service);
        }
    }
    let (bare, ours) = (bare.ms(50), ours.ms(50));
    let (ratio, holds) = (ours / bare, met(ours / bare <= 1.5));
    writeln!(
        text,
        "| submission of 10 MB, p50 of {RUNS}, ms | {bare:.0} | {ours:.0} | {ratio:.2} × | ≤ 1.5 × | {holds} |"
    )?;
    Ok(())
}

fn memory(stage: &Stage, text: &mut String) -> Result<()> {
    let witness = made_up(stage.home.path(), FIRST + 1, HUGE)?;
    let bytes = std::fs::metadata(&witness)?.len() >> 20;
    stage.post("?chain=large&kind=test-only", &witness)?;
    let status = std::fs::read_to_string(format!("/proc/{}/status", stage.service.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("no VmHWM")?;
    let peak = kib.parse::<f64>()? / 1024.0;
    let holds = met(peak <= 60.0);
    writeln!(text, "| peak memory after {bytes} MiB, MiB | | {peak:.1} | | ≤ 60 | {holds} |")?;
    Ok(())
}

/// Many proofs: the same block, told apart by white space at its end.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn listing(stage: &Stage, text: &mut String) -> Result<()> {
    let block = std::fs::read_to_string("witnesses/devnet/v0.7/2.witness.json")?;
    let other = stage.home.path().join("other.json");
    for number in 0..MANY {
        std::fs::write(&other, format!("{block}{}", " \n".repeat(number + 1)))?;
        // Nobody is to prove them.
        stage.post("?kind=test-only&priority=-1", &other)?;
    }
    let mut times = Samples::default();
    for _ in 0..LISTS {
        let started = Instant::now();
        let (code, _) = crate::scaler::http_get(&format!("{}/v1/proofs", stage.url))?;
        ensure!(code == 200, "the list was refused: {code}");
        times.push(started.elapsed());
    }
    let (p50, p99) = (times.ms(50), times.ms(99));
    let holds = met(p99 <= 20.0);
    writeln!(
        text,
        "| list with {MANY} proofs, p50 / p99 of {LISTS}, ms | | {p50:.1} / {p99:.1} | | p99 ≤ 20 | {holds} |"
    )?;
    Ok(())
}
