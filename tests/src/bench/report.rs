//! The measurements as a page of tables, with the goals beside them.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::calls::Call;
use super::freshness::Freshness;
use super::minute::Minutes;
use super::paced::{KEDA_READS, Paced};
use super::plot;
use super::rpc::Rpc;
use super::scene::{Scene, Subject};
use super::stats::Samples;

/// What stands above the tables.
const INTRODUCTION: &str = include_str!("introduction.md");

/// Everything measured at one number of queues.
#[derive(Debug)]
pub(crate) struct Scale {
    /// What was measured.
    pub(crate) subject: Subject,
    /// Reads one by one.
    pub(crate) calls: Vec<Call>,
    /// CPU by the minute.
    pub(crate) minutes: Option<Minutes>,
    /// CPU by the read, where minutes cannot be compared.
    pub(crate) paced: Option<Paced>,
    /// Publish to value.
    pub(crate) freshness: Freshness,
    /// Publish to push.
    pub(crate) push: Samples,
    /// Call overhead.
    pub(crate) rpc: Rpc,
    /// Resident MiB of the scaler with 100 triggers.
    pub(crate) memory: f64,
}

/// One run.
pub(crate) struct Report {
    /// By number of queues.
    pub(crate) scales: Vec<Scale>,
    /// Seconds of each CPU window.
    pub(crate) window: u64,
    /// Windows of each kind.
    pub(crate) rounds: usize,
    /// Publishes timed for each kind.
    pub(crate) publishes: usize,
}

impl Report {
    /// Writes `README.md` and the plots.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let page = folder.join("README.md");
        let text = self.text().context("cannot format the report")?;
        std::fs::write(&page, text)
            .with_context(|| format!("cannot write `{}`", page.display()))?;
        plot::cpu(&self.scales, &folder.join("broker-cpu.svg"))?;
        plot::freshness(&self.scales, &folder.join("freshness.svg"))
    }

    fn text(&self) -> Result<String> {
        let mut text = INTRODUCTION.to_owned();
        let Self { scales, window, rounds, publishes } = self;
        writeln!(
            text,
            "\nThis run: {}; {rounds} CPU windows of {window} s of each kind in turns, {publishes} publishes of each kind.",
            machine()
        )?;
        goals(&mut text, scales)?;
        for scale in scales {
            calls(&mut text, scale)?;
        }
        minutes(&mut text, scales)?;
        paced(&mut text, scales)?;
        freshness(&mut text, scales)?;
        rest(&mut text, scales)?;
        Ok(text)
    }
}

/// The machine and how busy it is.
pub(super) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = read("/proc/cpuinfo");
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']).to_owned();
    format!(
        "{cpus} cores ({model}), load average {}",
        read("/proc/loadavg").split(' ').next().unwrap_or_default()
    )
}

/// One goal: what it says, what was measured, whether it holds.
struct Goal {
    says: String,
    measured: f64,
    limit: f64,
}

impl Scale {
    fn goals(&self) -> Vec<Goal> {
        let Self { subject, minutes, paced, freshness, push, rpc, memory, .. } = self;
        let queues = subject.queues;
        let goal = |says: &str, measured, limit| Goal {
            says: format!("{subject}: {says}"),
            measured,
            limit,
        };
        let any_queue = if queues > 1_000 { 7.0 } else { 2.0 };
        let ratio = rpc.get_metrics.ms(50) / rpc.nothing.ms(50);
        let mut goals = vec![
            goal("`GetMetrics` p50 ÷ no-op call p50", ratio, 1.3),
            goal("publish to value p99, task queue, s", freshness.task.ms(99) / 1e3, 2.0),
            goal("publish to value p99, any queue, s", freshness.other.ms(99) / 1e3, any_queue),
            goal("publish to push p99, idle vhost, s", push.ms(99) / 1e3, 2.0),
            goal("resident memory with 100 triggers, MiB", *memory, 40.0),
        ];
        if let Some(Minutes { keda, one, many, changing, .. }) = minutes {
            goals.push(goal("broker CPU ÷ KEDA page 500, at rest", one / keda, 1.0));
            goals.push(goal("broker CPU ÷ KEDA page 500, changing", changing / keda, 1.0));
            goals.push(goal("broker CPU for 100 ScaledObjects ÷ for one", many / one, 1.1));
        }
        if let Some(paced) = paced {
            let ratio = |reads| paced.ours(reads) / paced.keda();
            goals.push(goal("broker CPU ÷ KEDA page 500, at rest", ratio(paced.steady), 0.6));
            goals.push(goal("broker CPU ÷ KEDA page 500, changing", ratio(paced.changing), 0.6));
        }
        goals
    }
}

fn goals(text: &mut String, scales: &[Scale]) -> Result<()> {
    let mebibytes = f64::from(u32::try_from(Scene::binary_bytes()?)?) / f64::from(1 << 20);
    let says = "release binary, stripped, MiB".to_owned();
    let binary = Goal { says, measured: mebibytes, limit: 15.0 };
    writeln!(text, "\n## Goals\n\n| goal | limit | measured | met |\n| --- | --: | --: | --- |")?;
    for Goal { says, measured, limit } in scales.iter().flat_map(Scale::goals).chain([binary]) {
        let met = if measured <= limit { "yes" } else { "**no**" };
        writeln!(text, "| {says} | ≤ {limit} | {measured:.2} | {met} |")?;
    }
    Ok(())
}

fn calls(text: &mut String, scale: &Scale) -> Result<()> {
    writeln!(text, "\n## One read of the broker: {}\n", scale.subject)?;
    writeln!(
        text,
        "| read | n | p50 ms | p99 ms | broker CPU ms |\n| --- | --: | --: | --: | --: |"
    )?;
    for Call { name, latency, cpu_ms } in &scale.calls {
        let (p50, p99) = (latency.ms(50), latency.ms(99));
        writeln!(text, "| {name} | {} | {p50:.2} | {p99:.2} | {cpu_ms:.1} |", latency.len())?;
    }
    Ok(())
}

fn minutes(text: &mut String, scales: &[Scale]) -> Result<()> {
    writeln!(
        text,
        "\n## Broker CPU, seconds in a minute above its own\n\n![broker CPU](broker-cpu.svg)\n"
    )?;
    writeln!(
        text,
        "| broker | broker alone | KEDA page 500 | ours, one ScaledObject | ours, 100 | ours, one, counts changing |"
    )?;
    writeln!(text, "| --- | --: | --: | --: | --: | --: |")?;
    for Scale { subject, minutes, .. } in scales {
        let Some(Minutes { alone, keda, one, many, changing }) = minutes else { continue };
        writeln!(
            text,
            "| {subject} | {alone:.2} | {keda:.2} | {one:.2} | {many:.2} | {changing:.2} |"
        )?;
    }
    Ok(())
}

fn paced(text: &mut String, scales: &[Scale]) -> Result<()> {
    writeln!(text, "\n## Broker CPU by the read, where minutes cannot be compared\n")?;
    writeln!(
        text,
        "| broker | reader | one read, ms | reads in a minute | seconds in a minute |\n| --- | --- | --: | --: | --: |"
    )?;
    for Scale { subject, paced, .. } in scales {
        let Some(paced) = paced else { continue };
        let rows = [
            ("KEDA page 500", paced.keda_ms, KEDA_READS, paced.keda()),
            ("ours, changing", paced.ours_ms, paced.changing, paced.ours(paced.changing)),
            ("ours, at rest", paced.ours_ms, paced.steady, paced.ours(paced.steady)),
        ];
        for (reader, read, reads, minute) in rows {
            writeln!(text, "| {subject} | {reader} | {read:.0} | {reads:.1} | {minute:.2} |")?;
        }
    }
    Ok(())
}

fn freshness(text: &mut String, scales: &[Scale]) -> Result<()> {
    writeln!(
        text,
        "\n## From a confirmed publish to KEDA's view, ms\n\n![freshness](freshness.svg)\n"
    )?;
    writeln!(
        text,
        "| broker | path | n | p50 | p99 | longest |\n| --- | --- | --: | --: | --: | --: |"
    )?;
    for scale in scales {
        let paths = [
            ("task queue → `GetMetrics`", &scale.freshness.task),
            ("per-proof queue → `GetMetrics`", &scale.freshness.other),
            ("idle vhost → `StreamIsActive`", &scale.push),
        ];
        for (path, samples) in paths {
            let (p50, p99, longest) = (samples.ms(50), samples.ms(99), samples.ms(100));
            writeln!(
                text,
                "| {} | {path} | {} | {p50:.0} | {p99:.0} | {longest:.0} |",
                scale.subject,
                samples.len()
            )?;
        }
    }
    Ok(())
}

fn rest(text: &mut String, scales: &[Scale]) -> Result<()> {
    writeln!(text, "\n## Calls and memory\n")?;
    writeln!(
        text,
        "| broker | no-op call p50 µs | `GetMetrics` p50 µs | no-op p99 | `GetMetrics` p99 | resident MiB |"
    )?;
    writeln!(text, "| --- | --: | --: | --: | --: | --: |")?;
    for Scale { subject, rpc: Rpc { nothing, get_metrics }, memory, .. } in scales {
        let us = |samples: &Samples, percent| samples.ms(percent) * 1e3;
        writeln!(
            text,
            "| {subject} | {:.0} | {:.0} | {:.0} | {:.0} | {memory:.1} |",
            us(nothing, 50),
            us(get_metrics, 50),
            us(nothing, 99),
            us(get_metrics, 99)
        )?;
    }
    Ok(())
}
