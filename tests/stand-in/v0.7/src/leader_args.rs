//! Command line of the v0.7 leader.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    generation_args::{GenerationCircuitArgs, PaladinArgs},
    identity::VERSION,
    results::LeaderFaults,
};

/// Cuts blocks into tasks and collects the results, as zero-bin's leader does
#[derive(Parser, Debug)]
#[command(version = VERSION, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How to reach the broker.
    #[command(flatten)]
    pub paladin: PaladinArgs,

    /// How to prove.
    #[command(flatten)]
    pub prover: ProverArgs,

    /// Where proofs go.
    #[command(flatten)]
    pub output: OutputArgs,

    /// Ignored.
    #[command(flatten)]
    pub circuits: GenerationCircuitArgs,

    /// Which queues take which tasks
    #[arg(long, value_enum, default_value = "default", help_heading = "Worker Config options")]
    pub worker_run_mode: WorkerRunMode,

    /// What goes wrong.
    #[command(flatten)]
    pub faults: LeaderFaults,
}

/// Where proofs go.
#[derive(Args, Clone, Debug)]
pub struct OutputArgs {
    /// Directory where the generated proofs will be written
    #[arg(long, short = 'o', env = "ZERO_BIN_PROOF_OUTPUT_DIR", default_value = "./proofs")]
    pub proof_output_dir: PathBuf,

    /// Keep the proofs of all blocks, not only of every batch of blocks
    #[arg(long, short = 'k', env = "ZERO_BIN_KEEP_INTERMEDIATE_PROOFS")]
    pub keep_intermediate_proofs: bool,

    /// Number of blocks in a batch: one proof file for each batch
    #[arg(long, env = "ZERO_BIN_BLOCK_BATCH_SIZE", default_value_t = 8)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub block_batch_size: u64,
}

/// How to prove.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Prover options")]
pub struct ProverArgs {
    /// The log of the max number of CPU cycles per proof (sent along, without effect)
    #[arg(long, short, env = "ZERO_BIN_MAX_CPU_LEN_LOG", default_value_t = 19)]
    pub max_cpu_len_log: usize,

    /// Number of transactions in a batch to process at once
    #[arg(long, short, env = "ZERO_BIN_BATCH_SIZE", default_value_t = 10)]
    pub batch_size: usize,

    /// Sent along, without effect
    #[arg(long, short = 'i', env = "ZERO_BIN_SAVE_INPUTS_ON_ERROR")]
    pub save_inputs_on_error: bool,

    /// Only simulate, without generating a proof
    #[arg(long, env = "ZERO_BIN_TEST_ONLY")]
    pub test_only: bool,

    /// The maximum number of blocks proved in parallel
    #[arg(long, env = "ZERO_BIN_BLOCK_POOL_SIZE", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub block_pool_size: u32,

    /// Not upstream's: segments of each batch (the real number depends on its cycles)
    #[arg(long = "stand-in-segments-per-batch", env = "STAND_IN_SEGMENTS_PER_BATCH")]
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub segments_per_batch: u64,
}

/// Which queues take which tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WorkerRunMode {
    /// Segment proofs on `heavy-proof`, all else on `light-proof`
    Affinity,
    /// Everything on one queue
    Default,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Deletes cached circuits upstream; the stand-in has none
    Clean,
    /// Reads input from stdin and writes output to a directory
    Stdio {
        /// The previous proof output
        #[arg(long, short = 'f', env = "ZERO_BIN_PREVIOUS_PROOF")]
        previous_proof: Option<PathBuf>,
    },
    /// Would read input from a node; the stand-in cannot and says so
    Rpc(RpcArgs),
    /// Reads input from HTTP and writes output to a directory
    Http {
        /// The port on which to listen
        #[arg(long, short, env = "ZERO_BIN_PORT", default_value_t = 8080)]
        port: u16,
        /// The directory to which output should be written
        #[arg(long, short, env = "ZERO_BIN_OUTPUT_DIR")]
        output_dir: PathBuf,
    },
}

/// Upstream's options of `leader rpc`.
#[derive(Args, Debug)]
#[expect(missing_docs, reason = "accepted so that a command line can be tried, and unused")]
pub struct RpcArgs {
    #[arg(long, short = 'u', env = "ZERO_BIN_RPC_URL")]
    pub rpc_url: String,
    #[arg(long, short = 'T', env = "ZERO_BIN_RPC_TYPE", default_value = "jerigon")]
    #[arg(value_parser = ["jerigon", "native"])]
    pub rpc_type: String,
    #[arg(long, short = 's', env = "ZERO_BIN_START_BLOCK")]
    pub start_block: String,
    #[arg(long, short = 'e', env = "ZERO_BIN_END_BLOCK")]
    pub end_block: Option<String>,
    #[arg(long, short = 'c', env = "ZERO_BIN_CHECKPOINT_BLOCK", default_value = "0")]
    pub checkpoint_block: String,
    #[arg(long, short = 'f', env = "ZERO_BIN_PREVIOUS_PROOF")]
    pub previous_proof: Option<PathBuf>,
    #[arg(long, short = 'b', env = "ZERO_BIN_BLOCK_TIME", default_value_t = 2000)]
    pub block_time: u64,
    #[arg(long, env = "ZERO_BIN_BACKOFF", default_value_t = 0)]
    pub backoff: u64,
    #[arg(long, env = "ZERO_BIN_MAX_RETRIES", default_value_t = 0)]
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
