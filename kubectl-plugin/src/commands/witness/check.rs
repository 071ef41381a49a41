//! `witness check`: what a file is, or what is wrong with it.

use std::path::PathBuf;

use ::witness::{Checked, Fault, Form, Witness};
use anyhow::{Result, bail};
use serde::Serialize;

use super::files::{self, Limit, Seen, words};
use crate::exit::Code;
use crate::output::{Printer, Table, bytes};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Checked is what the leader's reader wants, and that the blocks follow one another on one chain. An
empty array is refused as well: the leader would wait for ever. A wrong balance, a trie that does not
fit, or values that v0.7.0's `rpc --rpc-type native` reads in the wrong byte order are found by the
workers alone. What is odd but would be read is a warning.

It exits with 0 if all files are good, with 3 if only some are, with 1 if none is.

Examples:
  zero witness check b20362228.json
  zero witness check --for v0.7 *.json.zst    refuse those of other provers
  rpc fetch … | zero witness check -
  zero witness check b20362228.json -o json";

/// What can be typed after `witness check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files; `-` is standard input. Of a folder, those whose names end as a witness's.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Refuse what the leader of this release does not read.
    #[arg(long = "for", value_enum, value_name = "RELEASE")]
    reader: Option<Reader>,
    #[command(flatten)]
    limit: Limit,
}

/// Releases of the prover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Reader {
    /// Its blocks may have the fields for blobs, and need not.
    #[value(name = "v0.5")]
    V05,
    /// v0.5's form, and the fields for blobs.
    #[value(name = "v0.6")]
    V06,
    /// A form of its own.
    #[value(name = "v0.7")]
    V07,
}

/// A file as programs read it. Of a file that is refused nothing is known but the fault.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    file: &'a str,
    content: Option<Content<'a>>,
    fault: Option<Place>,
}

/// What is in a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    release: &'static str,
    packing: String,
    bytes: u64,
    sha256: &'a str,
    chain: Option<u64>,
    first_block: Option<u64>,
    last_block: Option<u64>,
    blocks: u64,
    transactions: u64,
    gas_used: u64,
    warnings: Vec<String>,
}

/// What is wrong with a file, and where.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    words: String,
    path: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
}

/// Checks.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<Code> {
    let Args { files, reader, limit } = args;
    let mut seen = files::read(&files::found(files)?, limit, printer);
    for Seen { name, outcome } in &mut seen {
        let fits = outcome.as_ref().map_or(Ok(()), |checked| fits(&checked.witness, *reader));
        if let Err(error) = fits {
            printer.say(&format!("error: {name}: {error:#}"));
            *outcome = Err(error);
        }
    }
    let rows: Vec<Row<'_>> = seen.iter().map(row).collect();
    for Row { file, content, .. } in &rows {
        for warning in content.iter().flat_map(|content| &content.warnings) {
            printer.say(&format!("warning: {file}: {warning}"));
        }
    }
    printer.data(&rows, &table(&rows))?;
    let refused = rows.iter().filter(|row| row.fault.is_some()).count();
    Ok(files::code(rows.len(), refused))
}

/// PURE: whether a leader of a release reads a witness.
fn fits(witness: &Witness, reader: Option<Reader>) -> Result<()> {
    let (wanted, blobs_wanted) = match reader {
        None => return Ok(()),
        Some(Reader::V05) => (Form::V06, false),
        Some(Reader::V06) => (Form::V06, true),
        Some(Reader::V07) => (Form::V07, true),
    };
    if witness.form != wanted || (blobs_wanted && !witness.has_blob_fields) {
        let made_for = witness.release();
        bail!(
            "made for {made_for}: fetch the blocks with the `rpc` of the release that is to prove them"
        );
    }
    Ok(())
}

fn row(seen: &Seen) -> Row<'_> {
    let Seen { name, outcome } = seen;
    let (content, fault) = match outcome {
        Ok(checked) => (Some(content(checked)), None),
        Err(error) => (None, Some(place(error))),
    };
    Row { file: name, content, fault }
}

fn content(checked: &Checked) -> Content<'_> {
    let Checked { witness, packing, bytes, sha256_hex } = checked;
    Content {
        release: witness.release(),
        packing: packing.to_string(),
        bytes: *bytes,
        sha256: sha256_hex,
        chain: witness.chain_id(),
        first_block: witness.range().map(|(first, _)| first),
        last_block: witness.range().map(|(_, last)| last),
        blocks: witness.blocks.len() as u64,
        transactions: witness.transactions(),
        gas_used: witness.gas_used(),
        warnings: witness.warnings().map(|warning| warning.to_string()).collect(),
    }
}

fn place(error: &anyhow::Error) -> Place {
    let fault: Option<&Fault> = error.downcast_ref();
    let position = fault.and_then(|fault| fault.position);
    let path = fault.map(|fault| fault.path.clone()).filter(|path| !path.is_empty());
    Place {
        words: words(error),
        path,
        line: position.map(|position| position.line),
        column: position.map(|position| position.column),
    }
}

fn table(rows: &[Row<'_>]) -> Table {
    let narrow = ["FILE", "FOR", "BLOCKS", "TXNS", "GAS USED", "SIZE"];
    let mut table = Table::new(narrow, ["CHAIN", "PACKING", "SHA256"]);
    for Row { file, content, .. } in rows {
        let Some(content) = content else {
            let unknown = std::iter::repeat_n("-".to_owned(), 7);
            table.row([(*file).to_owned(), "refused".to_owned()].into_iter().chain(unknown));
            continue;
        };
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let (first, last) = (number(content.first_block), number(content.last_block));
        let mut range = [first, last].into_iter().flatten().collect::<Vec<_>>();
        range.dedup();
        table.row([
            (*file).to_owned(),
            content.release.to_owned(),
            range.join("-"),
            content.transactions.to_string(),
            content.gas_used.to_string(),
            bytes(content.bytes),
            number(content.chain).unwrap_or_default(),
            content.packing.clone(),
            content.sha256.to_owned(),
        ]);
    }
    table
}
