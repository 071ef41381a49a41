//! `verify`: whether proofs are good, asked of the proof service or of a verifier here.

mod local;

use std::path::Path;

use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use crate::complete::proof_ids;
use crate::exit::{self, Code, Usage};
use crate::leader::Leader;
use crate::output::{Printer, Table};
use crate::place::Named;
use crate::proof::{Verdict, Word};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
The verdict is read from the verifier's words: its exit code is 0 for a bad proof too, and it calls
an empty file verified, so such a file is refused here. Exits with 0 only if all are verified.

Examples:
  zero verify 20362226-3f9a1c
  zero verify proofs/20362226-3f9a1c.zkproof --verifier verifier";

/// What can be typed after `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Proofs of the proof service; with --verifier, files of proofs.
    #[arg(required = true, value_name = "ID|FILE", add = ArgValueCompleter::new(proof_ids))]
    proofs: Vec<String>,
    /// Verify files here, with this program and the circuit sizes of the workers in its environment.
    #[arg(long, value_name = "COMMAND")]
    verifier: Option<String>,
}

/// A verdict, as programs read it.
#[derive(Debug, Serialize)]
struct Row {
    proof: String,
    verdict: Word,
    /// The verifier's words, or why there is no verdict.
    words: Option<String>,
}

/// Asks, and tells.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let mut rows = Vec::new();
    if let Some(verifier) = &args.verifier {
        let verifier = local::Verifier::of(verifier)?;
        for file in &args.proofs {
            rows.push(row(file, verifier.verdict(Path::new(file))?));
        }
    } else {
        if let Some(file) = args.proofs.iter().find(|name| Path::new(name).is_file()) {
            let words =
                format!("`{file}` is a file: say which program verifies it with --verifier");
            return Err(Usage(words).into());
        }
        let leader = named.leader().await?;
        for id in &args.proofs {
            rows.push(row(id, asked(&leader, id).await?));
        }
    }
    tell(&rows, printer)
}

async fn asked(leader: &Leader, id: &str) -> Result<Verdict> {
    let silent = || Verdict { word: Word::Unknown, words: None };
    Ok(leader.verify(id).await?.verdict.unwrap_or_else(silent))
}

fn row(proof: &str, Verdict { word, words }: Verdict) -> Row {
    Row { proof: proof.to_owned(), verdict: word, words }
}

fn tell(rows: &[Row], printer: &mut Printer) -> Result<Code> {
    let mut table = Table::new(["PROOF", "VERDICT", "WORDS"], []);
    for row in rows {
        let words = row.words.clone().unwrap_or_default().replace('\n', " ");
        table.row([row.proof.clone(), row.verdict.word().to_owned(), words]);
    }
    printer.data(&rows, &table)?;
    let bad: Vec<&Row> = rows.iter().filter(|row| row.verdict != Word::Verified).collect();
    if bad.is_empty() {
        return Ok(exit::DONE);
    }
    let named: Vec<&str> = bad.iter().map(|row| row.proof.as_str()).collect();
    printer.say(&format!("error: not verified: {}", named.join(", ")));
    Ok(exit::FAILED)
}
