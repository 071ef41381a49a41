//! The measurements as a page, with the goals beside them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::picture;
use super::race::{Day, Outcome};
use super::wake::{Way, Woken};
use crate::bench::stats::Samples;

/// What stands above the tables.
const INTRODUCTION: &str = include_str!("../scaling.md");
/// How many times faster ours is to be at the median.
const FASTER: f64 = 5.0;

/// All that the page tells.
pub(crate) struct Measured {
    /// The machine, and how busy it was before.
    pub(crate) machine: String,
    /// From zero to a pod.
    pub(crate) woken: Woken,
    /// A day of load.
    pub(crate) day: Day,
}

/// Writes the page and its plot.
pub(crate) fn write(folder: &Path, measured: &Measured) -> Result<()> {
    let page = folder.join("scaling.md");
    let text = text(measured).context("cannot format the page")?;
    std::fs::write(&page, text).with_context(|| format!("cannot write `{}`", page.display()))?;
    picture::draw(&folder.join("scaling-day.svg"), &measured.day)
}

fn text(Measured { machine, woken, day }: &Measured) -> Result<String> {
    let mut text = INTRODUCTION.to_owned();
    writeln!(text, "\nThis run: {machine} before it began.\n")?;
    self::woken(&mut text, woken)?;
    self::day(&mut text, day)?;
    Ok(text)
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Push => "ours, push".to_owned(),
            Self::Polled(seconds) => format!("KEDA, poll every {seconds} s"),
        }
    }
}

fn woken(text: &mut String, woken: &Woken) -> Result<()> {
    writeln!(text, "## From zero to a worker\n")?;
    writeln!(text, "| from a task on the broker to a worker's pod, s | n | p50 | p90 | longest |")?;
    writeln!(text, "| --- | --: | --: | --: | --: |")?;
    for (way, times) in woken {
        let [p50, p90, longest] = [50, 90, 100].map(|percent| times.ms(percent) / 1e3);
        writeln!(
            text,
            "| {} | {} | {p50:.2} | {p90:.2} | {longest:.2} |",
            way.name(),
            times.len()
        )?;
    }
    writeln!(
        text,
        "\n| goal, at the median | limit | measured | met |\n| --- | --: | --: | --- |"
    )?;
    let Some(((_, ours), others)) = woken.split_first() else { return Ok(()) };
    for (way, times) in others {
        let faster = times.ms(50) / ours.ms(50);
        let met = if faster >= FASTER { "yes" } else { "**no**" };
        writeln!(text, "| {} ÷ ours | ≥ {FASTER} | {faster:.1} | {met} |", way.name())?;
    }
    Ok(())
}

fn day(text: &mut String, day: &Day) -> Result<()> {
    let Day { length, tasks, outcomes, busy, .. } = day;
    writeln!(text, "\n## A day of load\n\n![replicas over the day](scaling-day.svg)\n")?;
    writeln!(
        text,
        "{tasks} tasks in {} s; the machine's processors were busy {:.0} % of that time.\n",
        length.as_secs(),
        busy * 100.0
    )?;
    writeln!(
        text,
        "| | worker-hours of the day | ÷ ideal | tasks killed in flight | delivered again | waiting p50, s | p95, s | most replicas |"
    )?;
    writeln!(text, "| --- | --: | --: | --: | --: | --: | --: | --: |")?;
    let ideal = outcomes.first().map_or(f64::NAN, |ideal| ideal.worker_seconds);
    for outcome in outcomes {
        let Outcome { name, wanted, worker_seconds, waits, back, killed } = outcome;
        let (hours, ratio) = (day.worker_hours(*worker_seconds), worker_seconds / ideal);
        let [p50, p95] = [50, 95].map(|percent| seconds(waits, percent));
        let most = wanted.most();
        writeln!(
            text,
            "| {name} | {hours:.1} | {ratio:.2} | {killed} | {back} | {p50:.1} | {p95:.1} | {most} |"
        )?;
    }
    Ok(())
}

fn seconds(samples: &Samples, percent: usize) -> f64 {
    samples.ms(percent) / 1e3
}
