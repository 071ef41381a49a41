//! Command line of the v0.5 and v0.6 leader.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{
    generation_args::{GenerationCircuitArgs, PaladinArgs, TestOnlyArgs},
    identity::VERSION,
    results::LeaderFaults,
};

/// Cuts blocks into tasks and collects the results, as zero-bin's leader does
#[derive(Parser, Debug)]
#[command(version = VERSION)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How to reach the broker.
    #[command(flatten)]
    pub paladin: PaladinArgs,

    /// Ignored.
    #[command(flatten)]
    pub circuits: GenerationCircuitArgs,

    /// Prove or simulate.
    #[command(flatten)]
    pub test_only: TestOnlyArgs,

    /// What goes wrong.
    #[command(flatten)]
    pub faults: LeaderFaults,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Reads input from stdin and writes output to stdout
    Stdio {
        /// The previous proof output
        #[arg(long, short = 'f')]
        previous_proof: Option<PathBuf>,
        /// Sent along, without effect
        #[arg(long, short)]
        save_inputs_on_error: bool,
    },
    /// Would read input from a node; the stand-in cannot and says so
    Rpc(RpcArgs),
    /// Reads input from HTTP and writes output to a directory
    Http {
        /// The port on which to listen
        #[arg(long, short, default_value_t = 8080)]
        port: u16,
        /// The directory to which output should be written
        #[arg(long, short)]
        output_dir: PathBuf,
        /// Sent along, without effect
        #[arg(long, short)]
        save_inputs_on_error: bool,
    },
}

/// Upstream's options of `leader rpc`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "accepted so that a command line can be tried, and unused")]
pub struct RpcArgs {
    #[arg(long, short = 'u')]
    pub rpc_url: String,
    #[arg(long, short = 't', default_value = "jerigon", value_parser = ["jerigon", "native"])]
    pub rpc_type: String,
    #[arg(long, short = 'i')]
    pub block_interval: String,
    #[arg(long, short, default_value_t = 0)]
    pub checkpoint_block_number: u64,
    #[arg(long, short = 'f')]
    pub previous_proof: Option<PathBuf>,
    #[arg(long, short = 'o')]
    pub proof_output_dir: Option<PathBuf>,
    #[arg(long, short)]
    pub save_inputs_on_error: bool,
    #[arg(long, short, env = "ZERO_BIN_BLOCK_TIME", default_value_t = 2000)]
    pub block_time: u64,
    #[arg(long, short, env = "ZERO_BIN_KEEP_INTERMEDIATE_PROOFS")]
    pub keep_intermediate_proofs: bool,
    #[arg(long, default_value_t = 0)]
    pub backoff: u64,
    #[arg(long, default_value_t = 0)]
    pub max_retries: u32,
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
