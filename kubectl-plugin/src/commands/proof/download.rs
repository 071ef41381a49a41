//! `proof download`: the files of proofs.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use super::Ids;
use crate::exit::{self, Code};
use crate::leader::Leader;
use crate::output::{Printer, Table};
use crate::save::save;

/// What `--help` ends with.
pub(super) const EXAMPLES: &str = "\
A file is there whole, with the SHA-256 that the service names, or not at all. A file of the same
name is replaced.

Examples:
  zero proof download 20362226-3f9a1c
  zero proof download 20362226-3f9a1c 20362227-77b0aa --out proofs";

/// What can be typed after `proof download`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    ids: Ids,
    /// The folder they go into.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// A file, as programs read it.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    file: Option<String>,
    error: Option<String>,
}

/// Downloads.
pub(super) async fn run(args: &Args, leader: &Leader, printer: &mut Printer) -> Result<Code> {
    let ids = &args.ids.ids;
    let (mut rows, mut last) = (Vec::new(), None);
    for id in ids {
        let (file, error) = match save(leader, id, &args.out).await {
            Ok(path) => (Some(path.display().to_string()), None),
            Err(error) => {
                let words = format!("{error:#}");
                last = Some(error);
                (None, Some(words))
            }
        };
        rows.push(Row { id: id.clone(), file, error });
    }
    let saved = rows.iter().filter(|row| row.file.is_some()).count();
    match last {
        Some(error) if saved == 0 && ids.len() == 1 => return Err(error),
        _ => {}
    }
    let mut table = Table::new(["ID", "FILE"], []);
    for Row { id, file, error } in &rows {
        let failed = error.as_ref().map(|why| format!("failed: {why}"));
        table.row([id.clone(), file.clone().or(failed).unwrap_or_default()]);
    }
    printer.data(&rows, &table)?;
    Ok(exit::of(saved, ids.len()))
}
