//! Measures what the scaler costs a real broker and how fresh it is, side by side with what KEDA's
//! built-in RabbitMQ scaler sends, in one run. Writes the table and the plots to a folder.
//!
//! Unlike a test, a measurement lets time pass: at phases that do not follow the scaler's pace.

mod calls;
mod forwarder;
mod freshness;
mod gateway;
mod minute;
mod paced;
mod plot;
mod proofs;
mod report;
mod rpc;
mod scaling;
mod scene;
mod stats;
mod surgery;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use report::{Report, Scale};
use scene::{Scene, Subject};

/// Fewer queues cost the broker less than it burns by itself from one minute to the next.
const CPU_FROM: usize = 1_000;
/// With so many queues its own collectors drown whatever a reader costs in a minute.
const PACED_FROM: usize = 10_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum What {
    /// What the scaler costs a broker and how fresh it is: `README.md`.
    Scaler,
    /// What taking messages out of queues costs: `queues.md`.
    Queues,
    /// What the gateway costs the messages that go through it: `gateway.md`.
    Gateway,
    /// What the proof service costs: `proofs.md`.
    Proofs,
    /// How soon workers wake and what a day of load costs, in a cluster with KEDA, which `cargo xtask e2e --bench`
    /// prepares: `scaling.md`.
    Scaling,
}

/// Measures our programs against private RabbitMQ nodes.
#[derive(Debug, Parser)]
pub struct Options {
    /// Where the table and the plots go.
    #[arg(long, default_value = "docs/benchmarks")]
    out: PathBuf,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [What::Scaler, What::Queues, What::Gateway, What::Proofs])]
    what: Vec<What>,
    /// Numbers of queues to measure at.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 1_000, 10_000])]
    queues: Vec<usize>,
    /// The broker's `collect_statistics_interval`, in seconds; 5 is RabbitMQ's default.
    #[arg(long, value_delimiter = ',', default_values_t = [5, 1])]
    statistics: Vec<u64>,
    /// Seconds of each window in which the broker's CPU is counted.
    #[arg(long, default_value_t = 40)]
    window: u64,
    /// Windows of each kind, in turns.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Pairs of windows, with and without a read, where a minute is too noisy.
    #[arg(long, default_value_t = 20)]
    pairs: usize,
    /// Publishes timed for each kind of queue.
    #[arg(long, default_value_t = 40)]
    publishes: usize,
    /// Seconds over which workers are woken from zero.
    #[arg(long, default_value_t = 360)]
    wake: u64,
    /// Seconds into which a day of load is pressed.
    #[arg(long, default_value_t = 600)]
    day: u64,
    /// Be the forwarder that the gateway is compared with, and nothing else.
    #[arg(long, hide = true)]
    forward: Option<SocketAddr>,
}

/// Measures at each number of queues, then writes.
pub async fn run(options: Options) -> anyhow::Result<()> {
    let out = options.out.clone();
    if let Some(server) = options.forward {
        return forwarder::serve(server).await;
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a second TLS provider is linked in"))?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make `{}`", options.out.display()))?;
    if options.what.contains(&What::Scaler) {
        scaler(&options).await?;
    }
    if options.what.contains(&What::Queues) {
        Box::pin(surgery::run(&options.out)).await?;
    }
    if options.what.contains(&What::Gateway) {
        Box::pin(gateway::run(&options.out)).await?;
    }
    if options.what.contains(&What::Proofs) {
        let out = out.clone();
        tokio::task::spawn_blocking(move || proofs::run(&out)).await??;
    }
    if options.what.contains(&What::Scaling) {
        let [wake, day] = [options.wake, options.day].map(Duration::from_secs);
        let lengths = scaling::Lengths { wake, day };
        tokio::task::spawn_blocking(move || scaling::run(&out, lengths)).await??;
    }
    say(&format!("written to {}", options.out.display()));
    Ok(())
}

async fn scaler(options: &Options) -> anyhow::Result<()> {
    let mut scales = Vec::new();
    for &queues in &options.queues {
        // A few queues are read live, whatever the interval.
        let intervals = if queues < CPU_FROM { 1 } else { options.statistics.len() };
        for &statistics in options.statistics.iter().take(intervals) {
            let subject = Subject { queues, statistics };
            say(&format!("== {subject}"));
            scales.push(Box::pin(measure(subject, options)).await?);
        }
    }
    let &Options { window, rounds, publishes, .. } = options;
    Report { scales, window, rounds, publishes }.write(&options.out)
}

async fn measure(subject: Subject, options: &Options) -> anyhow::Result<Scale> {
    let mut scene = Scene::new(subject).await?;
    let window = Duration::from_secs(options.window);
    say("reads of the broker, one by one");
    let calls = calls::measure(&scene).await?;
    let (mut minutes, mut paced) = (None, None);
    if subject.queues >= PACED_FROM {
        say("broker CPU by the read");
        scene.stop_scaler();
        paced = Some(paced::measure(&scene, subject, &calls, options.pairs).await?);
        scene.start_scaler()?;
    } else if subject.queues >= CPU_FROM {
        say("broker CPU by the minute");
        let measured = Box::pin(minute::measure(&mut scene, window, options.rounds)).await?;
        minutes = Some(measured);
    }
    say("publish to GetMetrics");
    let freshness = freshness::measure(&scene, options.publishes).await?;
    say("GetMetrics against a no-op call");
    let rpc = rpc::measure(&scene).await?;
    let push = freshness::push(&scene, options.publishes).await?;
    Ok(Scale { subject, calls, minutes, paced, freshness, push, rpc, memory: scene.memory()? })
}

/// Progress, for whoever waits.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
