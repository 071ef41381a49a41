//! `rpc` of v0.7: prints witnesses from a directory.

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};

use crate::{fetch, identity::VERSION, logging};

/// Prints witnesses from the directory in `STAND_IN_WITNESS_DIR`; asks no node
#[derive(Parser, Debug)]
#[command(version = VERSION, propagate_version = true)]
struct Cli {
    /// The RPC URL (accepted, never asked)
    #[arg(long, short = 'u', env = "ZERO_BIN_RPC_URL")]
    rpc_url: String,

    /// The RPC Tracer Type (accepted, without effect)
    #[arg(long, short = 't', env = "ZERO_BIN_RPC_TYPE", default_value = "jerigon")]
    #[arg(value_parser = ["jerigon", "native"])]
    rpc_type: String,

    /// Backoff in milliseconds for request retries (accepted, without effect)
    #[arg(long, env = "ZERO_BIN_BACKOFF", default_value_t = 0)]
    backoff: u64,

    /// The maximum number of retries (accepted, without effect)
    #[arg(long, env = "ZERO_BIN_MAX_RETRIES", default_value_t = 0)]
    max_retries: u32,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Prints the witnesses of a range of blocks
    Fetch {
        /// Starting block of interval to fetch
        #[arg(long, short)]
        start_block: u64,
        /// End block of interval to fetch
        #[arg(long, short)]
        end_block: u64,
        /// Accepted, without effect: each witness keeps its own checkpoint
        #[arg(long, short)]
        checkpoint_block_number: Option<u64>,
    },
    /// Would extract one transaction; the stand-in cannot and says so
    Extract {
        /// Transaction hash
        #[arg(long, short, env = "ZERO_BIN_TX")]
        tx: String,
        /// Number of transactions in a batch to process at once
        #[arg(long, short, env = "ZERO_BIN_BATCH_SIZE", default_value_t = 1)]
        batch_size: usize,
    },
}

/// Runs the program.
#[expect(clippy::unused_async, reason = "all four programs start the same way")]
pub async fn run() -> Result<()> {
    logging::init()?;
    match Cli::parse().command {
        Command::Fetch { start_block, end_block, checkpoint_block_number: _ } => {
            fetch::print(start_block..=end_block)
        }
        Command::Extract { .. } => bail!("{}", fetch::NO_CHAIN),
    }
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
