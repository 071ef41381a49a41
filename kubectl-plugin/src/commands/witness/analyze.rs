//! `witness analyze`: what there is to prove, block by block.

use std::path::PathBuf;

use ::witness::Block;
use anyhow::Result;
use serde::Serialize;

use super::files::{self, Limit, Seen, words};
use crate::exit::Code;
use crate::output::{Format, Printer, Table, bytes};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Blocks are listed in their order, whatever files they are in; the last line has all of them together.
A file that is refused is named and left out, and the exit code is 3. Sizes are those of the JSON,
unpacked.

Examples:
  zero witness analyze witnesses/
  zero witness analyze b2036*.json.zst -o wide
  zero witness analyze witnesses/ -o csv > blocks.csv
  zero witness analyze witnesses/ -o json | jq .largest";

/// What can be typed after `witness analyze`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files and folders; `-` is standard input. Of a folder, the files whose names end as a
    /// witness's; folders in it are passed over.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    limit: Limit,
}

/// All of it, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Analysis<'a> {
    blocks: Vec<Row<'a>>,
    total: Total,
    largest: Option<Largest>,
    refused: Vec<Refused<'a>>,
}

/// A block.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    block: u64,
    transactions: u64,
    gas_used: u64,
    gas_limit: u64,
    gas_used_percent: f64,
    bytes: u64,
    withdrawals: u64,
    timestamp: u64,
    release: &'static str,
    file: &'a str,
}

/// All blocks together.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Total {
    files: u64,
    blocks: u64,
    transactions: u64,
    gas_used: u64,
    gas_limit: u64,
    gas_used_percent: f64,
    bytes: u64,
}

/// The numbers of the blocks with the most.
#[derive(Debug, Serialize)]
struct Largest {
    #[serde(rename = "byTransactions")]
    transactions: u64,
    #[serde(rename = "byGasUsed")]
    gas_used: u64,
    #[serde(rename = "byBytes")]
    bytes: u64,
}

/// A file that is left out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused<'a> {
    file: &'a str,
    words: String,
}

/// Analyses.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<Code> {
    let Args { paths, limit } = args;
    let seen = files::read(&files::found(paths)?, limit, printer);
    let analysis = analysis(&seen);
    printer.data(&analysis, &analysis.table(printer.format()))?;
    if let Some(Largest { transactions, gas_used, bytes }) = &analysis.largest {
        printer.say(&format!(
            "most transactions: block {transactions}; most gas: block {gas_used}; \
             largest: block {bytes}"
        ));
    }
    for doubled in analysis.blocks.windows(2) {
        if let [one, other] = doubled
            && one.block == other.block
        {
            let (block, one, other) = (one.block, one.file, other.file);
            printer.say(&format!("warning: block {block} counts twice: in {one} and in {other}"));
        }
    }
    Ok(files::code(seen.len(), analysis.refused.len()))
}

/// PURE: the blocks of all files in order, and what they come to.
fn analysis(seen: &[Seen]) -> Analysis<'_> {
    let (mut blocks, mut refused) = (Vec::new(), Vec::new());
    for Seen { name, outcome } in seen {
        match outcome {
            Err(error) => refused.push(Refused { file: name, words: words(error) }),
            Ok(checked) => {
                let release = checked.witness.release();
                blocks.extend(checked.witness.blocks.iter().map(|block| row(block, release, name)));
            }
        }
    }
    // A stable order: the same block of two files stays in the order of the files.
    blocks.sort_by_key(|row| row.block);
    let mut total = Total { files: (seen.len() - refused.len()) as u64, ..Total::default() };
    for row in &blocks {
        total.blocks += 1;
        total.transactions = total.transactions.saturating_add(row.transactions);
        total.gas_used = total.gas_used.saturating_add(row.gas_used);
        total.gas_limit = total.gas_limit.saturating_add(row.gas_limit);
        total.bytes = total.bytes.saturating_add(row.bytes);
    }
    total.gas_used_percent = percent(total.gas_used, total.gas_limit);
    let largest = largest(&blocks);
    Analysis { blocks, total, largest, refused }
}

fn row<'a>(block: &Block, release: &'static str, file: &'a str) -> Row<'a> {
    Row {
        block: block.number,
        transactions: block.transactions,
        gas_used: block.gas_used,
        gas_limit: block.gas_limit,
        gas_used_percent: percent(block.gas_used, block.gas_limit),
        bytes: block.bytes,
        withdrawals: block.withdrawals,
        timestamp: block.timestamp,
        release,
        file,
    }
}

/// The first of those with the most.
fn largest(blocks: &[Row<'_>]) -> Option<Largest> {
    let most = |of: fn(&Row<'_>) -> u64| {
        blocks.iter().rev().max_by_key(|row| of(row)).map(|row| row.block)
    };
    Some(Largest {
        transactions: most(|row| row.transactions)?,
        gas_used: most(|row| row.gas_used)?,
        bytes: most(|row| row.bytes)?,
    })
}

/// PURE: rounded to a tenth, so that every machine writes the same digits.
#[expect(clippy::cast_precision_loss, reason = "a tenth of a percent is told, not the gas")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

impl Analysis<'_> {
    /// Programs get numbers, and no line that is not a block.
    fn table(&self, format: Format) -> Table {
        let people = matches!(format, Format::Table | Format::Wide);
        let size = |size: u64| if people { bytes(size) } else { size.to_string() };
        let gas = |percent: f64| format!("{percent:.1}");
        let narrow = ["BLOCK", "TXNS", "GAS USED", "GAS %", "SIZE", "FILE"];
        let mut table = Table::new(narrow, ["FOR", "GAS LIMIT", "WITHDRAWALS", "TIMESTAMP"]);
        for row in &self.blocks {
            table.row([
                row.block.to_string(),
                row.transactions.to_string(),
                row.gas_used.to_string(),
                gas(row.gas_used_percent),
                size(row.bytes),
                row.file.to_owned(),
                row.release.to_owned(),
                row.gas_limit.to_string(),
                row.withdrawals.to_string(),
                row.timestamp.to_string(),
            ]);
        }
        if people && self.blocks.len() > 1 {
            let Total { files, transactions, gas_used, gas_limit, gas_used_percent, bytes, .. } =
                &self.total;
            let cells = [transactions.to_string(), gas_used.to_string(), gas(*gas_used_percent)];
            let cells = ["total".to_owned()].into_iter().chain(cells);
            let files = amqp_admin::plural(*files, "file");
            let rest = [size(*bytes), files, String::new(), gas_limit.to_string()];
            table.row(cells.chain(rest).chain([String::new(), String::new()]));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert!(percent(5, 0).abs() < f64::EPSILON);
        assert_eq!(percent(1, 3).to_string(), "33.3");
        assert_eq!(percent(u64::MAX, u64::MAX).to_string(), "100");
    }
}
