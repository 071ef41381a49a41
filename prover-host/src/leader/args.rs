//! The command line of `zero-leader`. Values become types here; nothing is opened or asked.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::args::LogFormat;
use crate::broker_args::BrokerArgs;
use crate::child::BECOME;

/// How the shared options' variables begin, and how they do here.
const PREFIXES: (&str, &str) = ("ZERO_WORKER_", "ZERO_LEADER_");

/// A proof service: takes witnesses over HTTP, runs a leader for each, keeps the proofs.
///
/// Each leader finds a gateway where it would have found the broker. Proofs, their progress and their
/// files outlive the service; what it was proving when it was killed it begins again.
#[derive(Debug, Parser)]
#[command(name = "zero-leader", version, after_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct Cli {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// The programs.
    #[command(flatten)]
    pub programs: ProgramArgs,
    /// The service.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The runs.
    #[command(flatten)]
    pub runs: RunArgs,
    /// What is kept.
    #[command(flatten)]
    pub keeping: KeepingArgs,
    /// Something else to do.
    #[command(subcommand)]
    pub act: Option<Act>,
}

const EXAMPLES: &str = "\
Examples:
  zero-leader --amqp-uri amqps://zero@rabbit:5671/proofs --password-file /secret/password \\
      --data-dir /data --listen 0.0.0.0:8080 --leader 'leader --batch-size 10' --verifier verifier
  curl --data-binary @20362226.json 'http://localhost:8080/v1/proofs?chain=tip'
  curl http://localhost:8080/v1/proofs/20362226-3f9a1c

Exit codes:
  0  ended as asked; what was being proved waits for the next start
  1  something failed; the last line says what, why and what to do
  2  the command line is wrong";

/// Other things to do.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// What a child begins as.
    #[command(name = BECOME, hide = true)]
    BecomeChild {
        /// The process it ends with.
        parent: i32,
        /// What it becomes.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

/// The upstream programs. Each is a command line, split as a shell would.
#[derive(Debug, Args)]
#[command(next_help_heading = "Programs")]
pub struct ProgramArgs {
    /// The leader, with its own options; `stdio` and where proofs go are added.
    #[arg(long, env = "ZERO_LEADER_LEADER", value_name = "COMMAND", required = true)]
    pub leader: Option<String>,
    /// A leader of v0.5 or v0.6 that is built to simulate only (`test_only`).
    #[arg(long, env = "ZERO_LEADER_TEST_ONLY_LEADER", value_name = "COMMAND")]
    pub test_only_leader: Option<String>,
    /// The verifier, with the circuit sizes of the workers; without it no proof is verified.
    #[arg(long, env = "ZERO_LEADER_VERIFIER", value_name = "COMMAND")]
    pub verifier: Option<String>,
}

/// The service itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Service")]
pub struct ServiceArgs {
    /// The folder of ledger, witnesses, proofs and logs; one service works on it at a time.
    #[arg(long, env = "ZERO_LEADER_DATA_DIR", value_name = "DIR", required = true)]
    pub data_dir: Option<PathBuf>,
    /// Where the service is found. Without --token-file it asks nobody who they are: keep it inside
    /// the cluster.
    #[arg(long, env = "ZERO_LEADER_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// A file that holds a token: only who sends it may ask. It is read each time. Probes and metrics
    /// are everybody's.
    #[arg(long, env = "ZERO_LEADER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// The longest witness, unpacked, in MiB.
    #[arg(long, env = "ZERO_LEADER_WITNESS_MAX_MIB", value_name = "MIB", default_value_t = 1024)]
    pub witness_max_mib: u64,
    /// Our log as text for people or as JSON for machines. `ZERO_LEADER_LOG` filters it.
    #[arg(long, env = "ZERO_LEADER_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// How proofs are run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Runs")]
pub struct RunArgs {
    /// Leaders at once.
    #[arg(long, env = "ZERO_LEADER_PARALLEL", value_name = "N", default_value = "4")]
    pub parallel: NonZeroUsize,
    /// Leaders for one proof, one after the other, before it has failed.
    #[arg(long, env = "ZERO_LEADER_PROOF_ATTEMPTS", value_name = "N", default_value_t = 3)]
    pub proof_attempts: u32,
    /// The pause after a failed attempt; each further one doubles it.
    #[arg(long, env = "ZERO_LEADER_RETRY_PAUSE", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub retry_pause: Duration,
    /// The longest pause.
    #[arg(long, env = "ZERO_LEADER_RETRY_PAUSE_MAX", value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub retry_pause_max: Duration,
    /// A leader is given up when for so long no task was published and none answered.
    #[arg(long, env = "ZERO_LEADER_STALL_AFTER", value_name = "DURATION", default_value = "2h", value_parser = humantime::parse_duration)]
    pub stall_after: Duration,
    /// A leader is given up when for so long it had no task out at all.
    #[arg(long, env = "ZERO_LEADER_IDLE_AFTER", value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    pub idle_after: Duration,
    /// A verifier that takes longer is given up, and the verdict is unknown.
    #[arg(long, env = "ZERO_LEADER_VERIFY_LIMIT", value_name = "DURATION", default_value = "30m", value_parser = humantime::parse_duration)]
    pub verify_limit: Duration,
}

/// What is kept, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping")]
pub struct KeepingArgs {
    /// Room that stays free on the disk, in MiB: nothing is begun with less.
    #[arg(long, env = "ZERO_LEADER_MIN_FREE_MIB", value_name = "MIB", default_value_t = 1024)]
    pub min_free_mib: u64,
    /// Finished proofs that are kept, with their witnesses and logs; without it all of them. One of a
    /// chain stays until the one after it is good.
    #[arg(long, env = "ZERO_LEADER_KEEP", value_name = "N")]
    pub keep: Option<u32>,
    /// How long finished proofs are kept.
    #[arg(long, env = "ZERO_LEADER_KEEP_FOR", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub keep_for: Option<Duration>,
}

impl Cli {
    /// Reads the command line; on a fault or for help the process ends.
    #[must_use]
    pub fn read() -> Self {
        let matches = Self::command_here().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command with the variables of the shared options under this program's name.
    fn command_here() -> clap::Command {
        Self::command().mut_args(|arg| {
            let shared = arg.get_env().and_then(|name| name.to_str());
            let shared = shared.and_then(|name| name.strip_prefix(PREFIXES.0));
            match shared.map(|name| format!("{}{name}", PREFIXES.1)) {
                Some(name) => arg.env(name),
                None => arg,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent_and_every_option_has_an_environment_name() {
        Cli::command_here().debug_assert();
        for arg in Cli::command_here().get_arguments() {
            let id = arg.get_id().as_str();
            if !["help", "version"].contains(&id) {
                let expected = format!("ZERO_LEADER_{}", id.to_uppercase());
                assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
            }
        }
    }
}
