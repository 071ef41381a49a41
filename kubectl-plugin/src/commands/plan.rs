//! `plan`: how many workers a load needs, on which machines, and what they cost. Nobody is asked.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use crate::exit::{self, Code, Usage};
use crate::output::{Format, Printer};
use crate::plan::machines::{self, Machines};
use crate::plan::worker::{self, Basis, Known, Worker};
use crate::plan::{self, Impossible, Load, Plan};
use crate::report::Report;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Nothing is asked of a cluster. What a worker proves in an hour is a measurement of others unless
reports of your own proofs are given; every number is told with where it comes from, and ranges stay
ranges. Prices are in a file of this program, each with its day and source; --machines reads another.

Examples:
  zero plan --txs-per-hour 500 --deadline 1h
  zero report 20362226-3f9a1c -o json > one.json
  zero report 20362227-a01b22 -o json > other.json
  zero plan --txs-per-hour 500 --deadline 30m --report one.json --report other.json
  zero plan --txs-per-hour 500 --deadline 1h --machines ours.yaml -o csv
  zero plan --txs-per-hour 500 --deadline 1h -o json | jq '.machines[0]'";

/// What stands for the standard input.
const STDIN: &str = "-";

/// What can be typed after `plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Transactions that are to be proved in an hour, in the mean.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    txs_per_hour: f64,
    /// How long a block may take from its arrival to its proof.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    deadline: Duration,
    /// Transactions of the largest block that has to be in time.
    #[arg(long, value_name = "N", default_value_t = 279, value_parser = clap::value_parser!(u64).range(1..))]
    block_txs: u64,
    /// The share of their time in which workers may be busy, in percent; what is left absorbs bursts.
    #[arg(long, value_name = "PERCENT", default_value_t = 80, value_parser = clap::value_parser!(u8).range(1..=99))]
    busy: u8,
    /// A report of a proof (`zero report ID -o json`) to take the seconds of tasks from; `-` is the
    /// standard input. May be repeated.
    #[arg(long, value_name = "FILE|-")]
    report: Vec<PathBuf>,
    /// Machines and prices of your own, YAML or JSON.
    #[arg(long, value_name = "FILE")]
    machines: Option<PathBuf>,
    /// vCPUs that one worker has to itself.
    #[arg(long, value_name = "N", value_parser = above_zero)]
    worker_vcpus: Option<f64>,
    /// Memory that one worker has to itself, in GiB.
    #[arg(long, value_name = "GIB", value_parser = above_zero)]
    worker_memory: Option<f64>,
}

/// Calculates, and tells.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<Code> {
    let Args {
        txs_per_hour,
        deadline,
        block_txs,
        busy,
        report,
        machines,
        worker_vcpus,
        worker_memory,
    } = args;
    let load = Load {
        txs_per_hour: *txs_per_hour,
        deadline_seconds: deadline.as_secs_f64(),
        block_txs: *block_txs,
        busy: f64::from(*busy) / 100.0,
    };
    let mut worker = measured(report)?;
    give(&mut worker, *worker_vcpus, *worker_memory);
    let plan = plan::plan(&load, worker, &offered(machines.as_deref())?);
    let plan = plan.map_err(|Impossible(words)| Usage(words))?;
    tell(&plan, printer)?;
    Ok(exit::DONE)
}

/// What one worker does: as our reports say, or as others measured.
fn measured(paths: &[PathBuf]) -> Result<Worker> {
    if paths.is_empty() {
        return Ok(worker::as_others_measured());
    }
    if paths.iter().filter(|path| path.as_path() == Path::new(STDIN)).count() > 1 {
        return Err(Usage("only one --report can be the standard input".into()).into());
    }
    let reports = paths.iter().map(|path| read_report(path)).collect::<Result<Vec<_>>>()?;
    worker::of_reports(&reports).map_err(|words| anyhow!("cannot plan with --report: {words}"))
}

fn read_report(path: &Path) -> Result<Report> {
    let (name, text) = read(path)?;
    serde_json::from_str(&text).with_context(|| {
        format!("`{name}` is no report of a proof: `zero report ID -o json` writes one")
    })
}

fn read(path: &Path) -> Result<(String, String)> {
    if path == Path::new(STDIN) {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(("standard input".to_owned(), text));
    }
    let name = path.display().to_string();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    Ok((name, text))
}

fn offered(path: Option<&Path>) -> Result<Machines> {
    let (name, text) = match path {
        None => ("the program's own list of machines".to_owned(), machines::OURS.to_owned()),
        Some(path) => read(path)?,
    };
    machines::read(&text).map_err(|words| anyhow!("cannot use `{name}`: {words}"))
}

/// What the command line says goes before what was measured.
fn give(worker: &mut Worker, vcpus: Option<f64>, memory: Option<f64>) {
    if let Some(vcpus) = vcpus {
        worker.vcpus = vcpus;
        given(worker, "vCPUs", vcpus.to_string(), "--worker-vcpus");
    }
    if let Some(memory) = memory {
        worker.memory_gib = memory;
        given(worker, "memory", format!("{memory} GiB"), "--worker-memory");
    }
}

fn given(worker: &mut Worker, what: &'static str, value: String, by: &str) {
    worker.basis.retain(|basis| basis.what != what);
    worker.basis.push(Basis { what, value, known: Known::Given, source: by.to_owned() });
}

fn tell(plan: &Plan, printer: &mut Printer) -> Result<()> {
    let format = printer.format();
    let table = plan.table(format);
    match format {
        Format::Json | Format::Yaml | Format::Csv | Format::Name => printer.data(plan, &table),
        Format::Table | Format::Wide => {
            printer.text(&format!("{}\n\n", plan.headline()))?;
            printer.data(plan, &table)?;
            let left_out =
                plan.left_out.iter().map(|out| format!("{} is left out: {}", out.machine, out.why));
            let notes: Vec<String> = left_out.chain(plan.notes.iter().cloned()).collect();
            printer.text(&format!("\n{}\n{}\n", plan.basis(), notes.join("\n")))
        }
    }
}

/// A number that can be divided by.
fn above_zero(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("a number above 0 is wanted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_be_meant_is_refused() {
        assert_eq!(above_zero("0.5"), Ok(0.5));
        for text in ["0", "-3", "nan", "inf", "many"] {
            assert!(above_zero(text).is_err(), "{text}");
        }
    }
}
