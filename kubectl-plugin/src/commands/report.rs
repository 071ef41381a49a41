//! `report`: where a proof's time went.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap_complete::engine::ArgValueCompleter;

use crate::complete::proof_ids;
use crate::exit::{self, Code, Usage};
use crate::output::{Format, Printer};
use crate::place::Named;
use crate::report::Report;
use crate::save::beside;
use crate::timeline;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Times of phases and tasks are those that the proof service's gateway saw; what a task has used is
told by the worker's own gateway with its result. What is not known is `?`, in CSV nothing, in JSON
null. A proof that runs is told as far as it has come.

Examples:
  zero report 20362226-3f9a1c
  zero report 20362226-3f9a1c --svg timeline.svg --csv tasks.csv
  zero report 20362226-3f9a1c --csv - | sort -t, -k10 -n | tail    the tasks that took the most CPU
  zero report 20362226-3f9a1c -o json | jq '.attempts[-1].kinds'";

/// What stands for the standard output.
const STDOUT: &str = "-";

/// What can be typed after `report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The proof.
    #[arg(value_name = "ID", add = ArgValueCompleter::new(proof_ids))]
    id: String,
    /// Write each task, as comma-separated values, here; `-` is the standard output.
    #[arg(long, value_name = "FILE|-")]
    csv: Option<PathBuf>,
    /// Draw a timeline here; `-` is the standard output.
    #[arg(long, value_name = "FILE|-")]
    svg: Option<PathBuf>,
}

/// Asks, and tells.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let Args { id, csv, svg } = args;
    let files = [csv, svg].into_iter().flatten();
    let streams = files.filter(|path| path.as_path() == Path::new(STDOUT)).count();
    if streams > 1 {
        return Err(Usage("only one of --csv and --svg can be the standard output".into()).into());
    }
    let report = named.leader().await?.report(id).await?;
    if let Some(path) = csv {
        written(path, &report.tasks().csv(), printer)?;
    }
    if let Some(path) = svg {
        written(path, &timeline::svg(&report), printer)?;
    }
    if streams == 0 {
        tell(&report, printer)?;
    }
    Ok(exit::DONE)
}

/// Whole or not at all, so that no reader finds half a picture.
fn written(path: &Path, text: &str, printer: &mut Printer) -> Result<()> {
    if path == Path::new(STDOUT) {
        return printer.text(text);
    }
    let unwritten = || format!("cannot write `{}`", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = beside(folder.unwrap_or(Path::new("."))).with_context(unwritten)?;
    file.write_all(text.as_bytes()).with_context(unwritten)?;
    file.persist(path).with_context(unwritten)?;
    printer.say(&format!("`{}` is written", path.display()));
    Ok(())
}

fn tell(report: &Report, printer: &mut Printer) -> Result<()> {
    match printer.format() {
        Format::Json | Format::Yaml | Format::Csv => printer.data(report, &report.tasks()),
        Format::Name => printer.text(&format!("{}\n", report.id)),
        Format::Table | Format::Wide => {
            printer.text(&format!("{}\n\n", report.headline()))?;
            printer.data(report, &report.phases())?;
            printer.text("\n")?;
            printer.data(report, &report.kinds())?;
            let notes = report.notes();
            if !notes.is_empty() {
                printer.text(&format!("\n{}\n", notes.join("\n")))?;
            }
            Ok(())
        }
    }
}
