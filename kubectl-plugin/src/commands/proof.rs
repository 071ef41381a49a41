//! `proof`: one proof, or some, by their ids.

mod change;
mod download;
mod log;
mod show;

use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;

use crate::complete::proof_ids;
use crate::exit::Code;
use crate::output::Printer;
use crate::place::Named;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
`zero proofs` lists the ids.

Examples:
  zero proof show 20362226-3f9a1c
  zero proof log 20362226-3f9a1c --follow
  zero proof download 20362226-3f9a1c --out proofs
  zero proof cancel 20362226-3f9a1c --reason 'reorg'
  zero proof retry 20362226-3f9a1c";

/// What can be typed after `proof`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

/// Which proofs.
#[derive(Debug, clap::Args)]
pub(super) struct Ids {
    /// The proofs.
    #[arg(required = true, value_name = "ID", add = ArgValueCompleter::new(proof_ids))]
    ids: Vec<String>,
}

/// What about them.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Show all that is known of proofs.
    #[command(after_help = show::EXAMPLES)]
    Show(Ids),
    /// Show what a proof's leader wrote.
    #[command(after_help = log::EXAMPLES)]
    Log(log::Args),
    /// Download the files of proofs, and check their SHA-256.
    #[command(after_help = download::EXAMPLES)]
    Download(download::Args),
    /// Try again what failed or was called off.
    #[command(after_help = change::RETRY_EXAMPLES)]
    Retry(change::Args),
    /// Call proofs off: their leaders end, their tasks leave the queues, nobody else's do.
    #[command(after_help = change::CANCEL_EXAMPLES)]
    Cancel(change::Args),
}

/// Does it.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let leader = named.leader().await?;
    match &args.act {
        Act::Show(ids) => show::run(ids, &leader, printer).await,
        Act::Log(args) => log::run(args, &leader, printer).await,
        Act::Download(args) => download::run(args, &leader, printer).await,
        Act::Retry(args) => change::run(change::Act::Retry, args, &leader, printer).await,
        Act::Cancel(args) => change::run(change::Act::Cancel, args, &leader, printer).await,
    }
}
