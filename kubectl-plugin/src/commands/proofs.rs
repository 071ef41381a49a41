//! `proofs`: what the proof service has.

use std::time::Duration;

use anyhow::Result;

use crate::change::now;
use crate::exit::{self, Code};
use crate::leader::{Leader, Which};
use crate::output::{Printer, Table, bytes};
use crate::place::Named;
use crate::proof::{Proof, State, span};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  zero proofs
  zero proofs --watch --state running
  zero proofs --block 20362226
  zero proofs --chain tip -o wide
  zero proofs --state failed -o name";

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// What can be typed after `proofs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Look again every two seconds, until Ctrl-C.
    #[arg(long, short)]
    watch: bool,
    /// Only those in this state.
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,
    /// Only those of this block.
    #[arg(long, value_name = "N")]
    block: Option<u64>,
    /// Only those of this chain of proofs.
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// At most so many, the newest.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
}

/// Lists once, or until Ctrl-C.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let leader = named.leader().await?;
    let Args { state, block, chain, limit, .. } = args;
    let which =
        Which { state: *state, block: *block, chain: chain.clone(), limit: (*limit).max(1) };
    loop {
        look(&leader, &which, printer).await?;
        if !args.watch {
            return Ok(exit::DONE);
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(exit::DONE),
            () = tokio::time::sleep(EVERY) => {}
        }
        printer.next_look()?;
    }
}

async fn look(leader: &Leader, which: &Which, printer: &mut Printer) -> Result<()> {
    let proofs = leader.list(which).await?;
    printer.data(&proofs, &table(&proofs))?;
    if proofs.len() == which.limit as usize {
        printer.say(&format!("the newest {}; --limit shows more", which.limit));
    }
    Ok(())
}

/// PURE apart from the clock: a row for each.
pub(crate) fn table(proofs: &[Proof]) -> Table {
    let now = now();
    let narrow = ["ID", "STATE", "BLOCKS", "TXS", "PROGRESS", "AGE", "ETA", "ATTEMPTS", "WHY"];
    let mut table = Table::new(narrow, ["KIND", "CHAIN", "PRIORITY", "WITNESS", "TOOK", "PROVER"]);
    for proof in proofs {
        let dash = || "-".to_owned();
        table.row([
            proof.id.clone(),
            proof.state.word().to_owned(),
            proof.range(),
            proof.transactions.to_string(),
            proof.done(),
            proof.age(now),
            proof.eta(),
            proof.attempts.to_string(),
            proof.short_why(),
            proof.kind.clone(),
            proof.chain.clone().unwrap_or_else(dash),
            proof.priority.to_string(),
            bytes(proof.witness_bytes),
            proof.took(now).map_or_else(dash, span),
            proof.prover.clone().unwrap_or_else(dash),
        ]);
    }
    table
}
