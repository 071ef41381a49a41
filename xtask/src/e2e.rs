//! `cargo xtask e2e`: the whole product on a real control plane with the real KEDA.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use ::tests::harness::env;
use ::tests::provision::{self, helm, keda, kubernetes};

use crate::{shell, test};

/// What this run will do, said before it does it.
const PLAN: &str = "\
This runs the whole product on this machine: a real control plane, the real KEDA, a real RabbitMQ, our programs.
  1. RabbitMQ is looked for, and installed when it is missing.
  2. etcd, kube-apiserver, kubectl, KWOK, kube-controller-manager, kube-scheduler, KEDA and Helm are built with Go unless
     an earlier run has built them. The first time takes twenty minutes to half an hour on two cores.
  3. Our programs and the stand-in prover are built.
  4. The scenarios run one after the other, each in a namespace and a vhost of its own. Everything listens on the
     loopback interface alone and ends with this command. `--list` tells the scenarios, `--only NAME` runs one.
     With `--bench` two measurements run in their place, for some 20 minutes, and write docs/benchmarks/scaling.md;
     let the machine do nothing else meanwhile.";

/// What the command takes.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "options that are given or not, each by itself")]
pub(crate) struct Args {
    /// Only this scenario; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave everything running after the last scenario until Enter is pressed.
    #[arg(long)]
    keep: bool,
    /// Tell the scenarios and run none.
    #[arg(long)]
    list: bool,
    /// Run the scenarios so many times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    times: u32,
    /// Run a scenario that failed once more after the others, and fail only if it fails again; the end tells which.
    #[arg(long)]
    second_go: bool,
    /// Measure instead: how soon workers wake, and a day of load, beside KEDA's own scaler.
    #[arg(long, conflicts_with_all = ["only", "keep", "list", "times", "second_go"])]
    bench: bool,
}

/// Builds what is missing, then runs the scenarios or the measurements.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let target = shell::target_dir()?;
    let mut e2e = runner(args, &target);
    if args.list {
        build_runner(false)?;
        return shell::run(e2e.arg("--list"));
    }
    shell::say(PLAN);
    let mut say = |line: &str| shell::say(line);
    provision::ensure_rabbitmq(&mut say)?;
    shell::step("programs of the control plane, KEDA and Helm");
    let for_ever = AtomicBool::new(false);
    let kubernetes = kubernetes::ensure_programs(&mut say, &for_ever)?;
    let keda = keda::ensure_programs(&mut say, &for_ever)?;
    // Found again where they were put.
    helm::ensure_programs(&mut say, &for_ever)?;
    shell::step("our programs");
    test::build(&target)?;
    build_runner(args.bench)?;
    shell::step(if args.bench { "measurements" } else { "scenarios" });
    e2e.env(env::CLUSTER_DIR, kubernetes.folder()).env(env::KEDA_DIR, keda.folder());
    tell_programs(&mut e2e, &target);
    if args.keep { shell::run_with_input(&mut e2e) } else { shell::run(&mut e2e) }
}

fn runner(args: &Args, target: &Path) -> Command {
    let program = if args.bench { "zero-bench" } else { "zero-e2e" };
    let mut e2e = Command::new(target.join("debug").join(program));
    e2e.current_dir(shell::root());
    if args.bench {
        e2e.arg("--what=scaling");
        return e2e;
    }
    e2e.arg("--logs").arg(target.join("e2e"));
    e2e.args(args.only.iter().map(|name| format!("--only={name}")));
    e2e.args(["--times", &args.times.to_string()]);
    e2e.args(args.keep.then_some("--keep"));
    e2e.args(args.second_go.then_some("--second-go"));
    e2e
}

fn build_runner(bench: bool) -> anyhow::Result<()> {
    let (feature, program) = if bench { ("bench", "zero-bench") } else { ("e2e", "zero-e2e") };
    let build =
        ["build", "--locked", "--package", "tests", "--features", feature, "--bin", program];
    shell::run(&mut shell::cargo(&build))
}

fn tell_programs(e2e: &mut Command, target: &Path) {
    e2e.env(env::BIN_DIR, target.join("debug"));
    e2e.env(env::STAND_IN_DIR, target.join("stand-in").join("debug"));
}
