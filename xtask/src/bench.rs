//! `cargo xtask bench`: what the scaler costs a broker and how fresh it is, into `docs/benchmarks`.

use ::tests::harness::env;
use ::tests::provision;

use crate::shell;

/// What this run will do, said before it does it.
const PLAN: &str = "\
This measures the release build against private RabbitMQ nodes, one after the other: the scaler with
10, 1 000 and 10 000 queues, then what taking messages out of queues costs, then what the gateway
costs the messages that go through it. It writes docs/benchmarks and takes about an hour; let the machine do nothing else meanwhile.";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Passed to the measuring program; `-- --help` tells what it takes.
    #[arg(last = true)]
    passed_through: Vec<String>,
}

/// Builds, then measures.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    shell::say(PLAN);
    provision::ensure_rabbitmq(&mut |line: &str| shell::say(line))?;
    let ours = ["scaler", "kubectl-plugin", "prover-host", "tests"].map(|name| ["--package", name]);
    let build = [&["build", "--release", "--locked", "--bins"][..], ours.as_flattened()].concat();
    shell::run(&mut shell::cargo(&[&build[..], &["--features", "bench"]].concat()))?;
    let binaries = shell::target_dir()?.join("release");
    let mut bench = std::process::Command::new(binaries.join("zero-bench"));
    bench.args(&args.passed_through).current_dir(shell::root()).env(env::BIN_DIR, binaries);
    shell::run(&mut bench)
}
