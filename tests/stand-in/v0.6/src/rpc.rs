//! `rpc` of v0.5 and v0.6: prints witnesses from a directory.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{fetch, identity::VERSION, logging};

/// Prints witnesses from the directory in `STAND_IN_WITNESS_DIR`; asks no node
#[derive(Parser, Debug)]
#[command(version = VERSION)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Prints the witnesses of a range of blocks
    Fetch {
        /// First block
        #[arg(long, short)]
        start_block: u64,
        /// Last block
        #[arg(long, short)]
        end_block: u64,
        /// The RPC URL (accepted, never asked)
        #[arg(long, short = 'u')]
        rpc_url: String,
        /// The RPC Tracer Type (accepted, without effect)
        #[arg(long, short = 't', default_value = "jerigon", value_parser = ["jerigon", "native"])]
        rpc_type: String,
        /// Accepted, without effect: each witness keeps its own checkpoint
        #[arg(long, short)]
        checkpoint_block_number: Option<u64>,
        /// Backoff in milliseconds for request retries (accepted, without effect)
        #[arg(long, default_value_t = 0)]
        backoff: u64,
        /// The maximum number of retries (accepted, without effect)
        #[arg(long, default_value_t = 0)]
        max_retries: u32,
    },
}

/// Runs the program.
#[expect(clippy::unused_async, reason = "all four programs start the same way")]
pub async fn run() -> Result<()> {
    logging::init()?;
    let Command::Fetch { start_block, end_block, .. } = Cli::parse().command;
    fetch::print(start_block..=end_block)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
