//! `witness`: what is in files for the prover, without a cluster.

mod analyze;
mod check;
mod files;

use anyhow::Result;

use crate::exit::Code;
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
A witness is what `leader stdio` reads: a JSON array of blocks, as `rpc fetch` prints them. No
cluster and no broker is needed. Files compressed by gzip, zstd or xz are read as they are.

Examples:
  zero witness check b20362228.json.zst       what is it, and would the leader read it?
  zero witness analyze witnesses/             the blocks of all files in a folder";

/// What can be typed after `witness`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What to do with the files.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// Tell what a witness is and which prover it is for, or what is wrong with it and where.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Args),
    /// Transactions, gas and size of each block, and of all together.
    #[command(after_help = analyze::EXAMPLES)]
    Analyze(analyze::Args),
}

/// Does it.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<Code> {
    match &args.what {
        What::Check(args) => check::run(args, printer),
        What::Analyze(args) => analyze::run(args, printer),
    }
}
