//! Running scenarios one after the other, and telling of them.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use super::scenarios::{ALL, Scenario};
use super::stage::Stage;

/// Runs the whole product on a real control plane with the real KEDA, scenario by scenario.
#[derive(Debug, Parser)]
#[command(name = "zero-e2e")]
pub struct Options {
    /// Only this scenario; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// Leave everything running after the last scenario until Enter is pressed or standard input ends.
    #[arg(long)]
    pub keep: bool,
    /// Tell the scenarios and run none.
    #[arg(long)]
    pub list: bool,
    /// Run the scenarios so many times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub times: u32,
    /// Run a scenario that failed once more after the others, and fail only if it fails again.
    #[arg(long)]
    pub second_go: bool,
    /// Where logs go when a scenario fails.
    #[arg(long, value_name = "DIR", default_value = "target/e2e")]
    pub logs: PathBuf,
}

/// What became of one scenario.
struct Told {
    scenario: &'static Scenario,
    took: Duration,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Good,
    /// It had failed at the first.
    GoodAtSecond,
    Failed,
}

impl End {
    fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::GoodAtSecond => "good at the second go",
            Self::Failed => "FAILED",
        }
    }
}

/// Runs what the options say; the exit code is a failure when one scenario failed.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.list {
        let lines = ALL.iter().map(|one| format!("{:<24} {}\n", one.name, one.about));
        std::io::stdout().write_all(lines.collect::<String>().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let chosen = chosen(&options.only)?;
    let mut stage = Stage::start(&mut |line: &str| say(line))?;
    let mut told = Vec::new();
    let played = play_all(&chosen, options, &mut stage, &mut told);
    tell(&told);
    played?;
    if options.keep {
        wait_for_enter(&stage);
    }
    let failed = count(&told, End::Failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn count(told: &[Told], end: End) -> usize {
    told.iter().filter(|one| one.end == end).count()
}

fn play_all(
    chosen: &[&'static Scenario],
    options: &Options,
    stage: &mut Stage,
    told: &mut Vec<Told>,
) -> Result<()> {
    for scenario in chosen {
        clear(&options.logs.join(scenario.name))?;
    }
    for scenario in chosen.iter().cycle().take(chosen.len() * options.times as usize) {
        told.push(play(scenario, stage, &options.logs)?);
    }
    if options.second_go {
        for one in told.iter_mut().filter(|one| one.end == End::Failed) {
            again(one, stage, &options.logs)?;
        }
    }
    Ok(())
}

/// Removes the logs of an earlier run.
fn clear(logs: &Path) -> Result<()> {
    if logs.exists() {
        fs::remove_dir_all(logs).with_context(|| format!("remove {}", logs.display()))?;
    }
    Ok(())
}

fn again(one: &mut Told, stage: &mut Stage, logs: &Path) -> Result<()> {
    if play(one.scenario, stage, logs)?.end == End::Good {
        one.end = End::GoodAtSecond;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(ALL.iter().collect());
    }
    let find = |name: &String| ALL.iter().find(|scenario| scenario.name == *name);
    names
        .iter()
        .map(|name| {
            find(name).with_context(|| format!("there is no scenario `{name}`; --list tells them"))
        })
        .collect()
}

/// Plays it. An error: the stage itself is broken, and no other scenario could be played.
#[expect(clippy::disallowed_methods, reason = "how long a scenario took is told, not decided on")]
fn play(scenario: &'static Scenario, stage: &mut Stage, logs: &Path) -> Result<Told> {
    say(&format!("== {}: {}", scenario.name, scenario.about));
    let started = Instant::now();
    let outcome = (scenario.run)(stage);
    let took = started.elapsed();
    let Err(why) = outcome else {
        say(&format!("   good, {} s", took.as_secs()));
        return Ok(Told { scenario, took, end: End::Good });
    };
    say(&format!("   FAILED after {} s: {why:#}", took.as_secs()));
    let kept = keep_logs(stage, &logs.join(scenario.name));
    say(&kept.map_or_else(
        |error| format!("   not all logs were kept: {error:#}"),
        |to| format!("   the logs of every process are in {}", to.display()),
    ));
    let died = stage.plane.ended()?;
    ensure!(died.is_none(), "a program of the control plane or of KEDA has ended: {died:?}");
    Ok(Told { scenario, took, end: End::Failed })
}

fn tell(all: &[Told]) {
    say("");
    for Told { scenario, took, end } in all {
        say(&format!("{:<24} {:>4} s  {}", scenario.name, took.as_secs(), end.words()));
    }
    let (failed, second) = (count(all, End::Failed), count(all, End::GoodAtSecond));
    let passed = all.len() - failed;
    say(&format!("{passed} passed, {second} of them at the second go; {failed} failed"));
}

/// The logs of the control plane, of every pod, and of the brokers, in a folder for each failure.
fn keep_logs(stage: &Stage, folder: &Path) -> Result<PathBuf> {
    let mut places = (1..).map(|number: u32| folder.join(number.to_string()));
    let to = places.find(|place| !place.exists()).context("a place for logs")?;
    copy_logs(stage.plane.home(), &to)?;
    fs::copy(stage.broker.log(), to.join("rabbitmq.log"))?;
    fs::canonicalize(to).context("find the logs")
}

fn copy_logs(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { bail!("a file without a name") };
        let pods = name == "pods" || from.file_name().is_some_and(|folder| folder == "pods");
        if path.is_dir() && pods {
            copy_logs(&path, &to.join(name))?;
        } else if path.extension().is_some_and(|end| end == "log") {
            fs::create_dir_all(to)?;
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

fn wait_for_enter(stage: &Stage) {
    say(&format!("export KUBECONFIG={}", stage.plane.kubeconfig().display()));
    say(&format!("export PATH={}:$PATH", stage.images().display()));
    say("everything keeps running; press Enter to end it");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
