//! `cargo xtask demo`: the whole product on one machine in about a minute, with a stand-in prover.

mod blocks;
mod course;
mod leaders;
mod logs;
mod look;
mod notice;
mod programs;
mod progress;
mod screen;
mod signals;
mod stage;
mod summary;
mod view;
mod withdrawal;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::shell;
use blocks::{BLOCKS, Block, MISTAKE};
use course::{Course, now};
use leaders::{Desk, Leaders};
use notice::Notice;
use programs::Programs;
use progress::Progress;
use screen::Screen;
use signals::Stop;
use stage::{Plan, Stage};
use summary::HONESTY;
use withdrawal::Withdrawal;

/// Longer than a signal takes to reach us when it has just ended one of our processes.
const SIGNAL_ARRIVES: Duration = Duration::from_millis(200);
/// How often a stage that is kept is looked at.
const KEPT_LOOK: Duration = Duration::from_secs(1);

/// What this run will do, said before it does it.
const INTENT: &str = "\
This shows zero-scaler, zero-worker and zero at work on this machine, without Kubernetes and without a real prover.
  1. These programs and a stand-in prover are built; the first time that takes some minutes.
  2. A broker: the one that AMQP_URI names, on which the demo uses a vhost of its own; else a
     private RabbitMQ node on free loopback ports. Where rabbitmq-server is missing it is installed
     with apt-get, if that may be, its service left off; else Docker is tried.
  3. The scaler starts with its autoscaler: no worker as long as there is no work.
  4. Blocks of this repository go to the broker, workers come, prove, and go; proofs are checked.
     One block too many is among them: `zero remove` takes it back while the others go on. One
     worker is told to go while it holds a task: it finishes first, and nothing is proved twice.
Everything it starts ends with it, and nothing but an installed package stays. Ctrl-C ends it.
";

const EXIT_CODES: &str = "\
Environment:
  AMQP_URI             a broker to use instead of starting one; its user must be an administrator
  AMQP_MANAGEMENT_URL  its management API, when not on the same host at port 15672
  AMQP_METRICS_URL     its Prometheus endpoint, when not on the same host at port 15692
  NO_COLOR             no colours

Exit codes:
  0    every proof was checked and the last worker has ended
  1    something failed; the last lines say what, and where the logs are
  130  ended by Ctrl-C (129 by a closed terminal, 143 by SIGTERM)";

/// What the command takes.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Leave everything running after the summary, until Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// How many blocks to prove.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=8))]
    blocks: u8,
    /// The most workers at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=32))]
    max: u32,
    /// The command of a worker, instead of the stand-in's. It runs behind `zero-worker`; its
    /// environment holds `PALADIN_AMQP_URI`.
    #[arg(long, value_name = "COMMAND")]
    worker: Option<String>,
}

impl Args {
    fn blocks(&self) -> Vec<Block> {
        BLOCKS.iter().copied().take(usize::from(self.blocks)).collect()
    }
}

/// Runs the demo; a signal is an exit code, not a failure.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let stop = Stop::listen()?;
    let outcome = perform(args, &stop);
    if let Some(code) = stop.exit_code() {
        shell::say("\nStopped: everything that the demo started has ended.");
        return Ok(ExitCode::from(code));
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

fn perform(args: &Args, stop: &Stop) -> anyhow::Result<()> {
    let started = now();
    shell::say(INTENT);
    shell::say(HONESTY);
    let target = shell::target_dir()?;
    shell::step("build our programs and the stand-in prover");
    let programs = Programs::build(&target, stop)?;
    shell::step("find or start a broker");
    let broker = stage::broker(stop)?;
    stop.check()?;
    shell::step("start the scaler with its autoscaler");
    let worker = worker(&programs, args.worker.as_deref());
    let mut stage = Stage::set(broker, &Plan { worker, max: args.max })?;
    shell::say(&format!("status page: {}", stage.page()));
    let outcome = on(&mut stage, args, stop, (&programs, started));
    outcome.map_err(|error| explained(error, &stage, stop))
}

/// The worker's command behind `zero-worker`, which finds the broker in the environment.
fn worker(programs: &Programs, command: Option<&str>) -> String {
    let quoted = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
    let command = command.map_or_else(|| quoted(&programs.worker), str::to_owned);
    format!("{} -- {command}", quoted(&programs.host))
}

/// What happens on a stage that is set.
fn on(
    stage: &mut Stage,
    args: &Args,
    stop: &Stop,
    (programs, started): (&Programs, Instant),
) -> anyhow::Result<()> {
    let blocks = args.blocks();
    shell::step(&format!("prove {} blocks", blocks.len()));
    let tasks = blocks.iter().map(Block::tasks).sum::<u64>() + MISTAKE.first_tasks();
    let programs = programs.clone();
    let desk = Desk { programs, home: stage.home().to_owned(), amqp_uri: stage.amqp_uri() };
    let course = Course {
        leaders: Leaders::new(desk, &blocks, MISTAKE),
        progress: Progress::new(now(), tasks),
        withdrawal: Withdrawal::of(MISTAKE),
        notice: Notice::default(),
        screen: Screen::open(),
        blocks: u64::try_from(blocks.len())?,
        max: args.max,
        misses: 0,
        asked_at: None,
        stop,
        stage,
    };
    let summary = course.run()?;
    shell::step("summary");
    shell::say(&format!("{}\n\n{HONESTY}", summary.text(now().duration_since(started))));
    if args.keep { keep(stage, stop) } else { Ok(()) }
}

/// Waits for Ctrl-C with everything running.
fn keep(stage: &mut Stage, stop: &Stop) -> anyhow::Result<()> {
    shell::step("kept running; Ctrl-C ends it");
    let uri = stage.write_secret("amqp-uri", &stage.amqp_uri())?;
    let password = stage.write_secret("password", &stage.access().password)?;
    let leader = shell::target_dir()?.join("stand-in/debug/stand-in-v07-leader");
    let witness = shell::root().join("witnesses/synthetic/v0.7/1174.witness.json");
    shell::say(&format!(
        "status page        {}\n\
         broker management  {} (user `{}`, password in {})\n\
         proofs and logs    {}\n\n\
         Hand in another block, of 174 transactions, and watch the page:\n  \
         PALADIN_AMQP_URI=\"$(cat {})\" {} -k -o {}/proofs stdio < {}\n\
         What the scaler knows, as JSON:\n  \
         curl -s {}.json",
        stage.page(),
        stage.access().management_url,
        stage.access().user,
        password.display(),
        stage.home().display(),
        uri.display(),
        leader.display(),
        stage.home().display(),
        witness.display(),
        stage.page(),
    ));
    loop {
        stop.pause(KEPT_LOOK)?;
        stage.check()?;
    }
}

/// Adds to a failure what the scaler said, and where all logs are.
fn explained(error: anyhow::Error, stage: &Stage, stop: &Stop) -> anyhow::Error {
    if stop.pause(SIGNAL_ARRIVES).is_err() {
        return error;
    }
    let words = logs::end_of(&stage.scaler_log());
    let kept = shell::target_dir().and_then(|target| {
        Ok(logs::keep(stage.home(), &target.join("demo-logs"))?.display().to_string())
    });
    let kept = kept.unwrap_or_else(|error| format!("lost: {error:#}"));
    anyhow!("{error:#}\nThe scaler's last lines:{words}\nAll logs: {kept}")
}
