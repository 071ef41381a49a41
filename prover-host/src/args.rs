//! The command line of `zero-worker`. Values become types here; nothing is opened or asked.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::broker_args::BrokerArgs;
use crate::child::BECOME;

/// Runs a prover's worker behind a gateway to RabbitMQ: no lost task, no lost work, readable logs.
///
/// The worker, any command after the two dashes, finds the gateway where it would have found the
/// broker. SIGTERM lets it finish its task; a second SIGTERM ends it at once.
#[derive(Debug, Parser)]
#[command(name = "zero-worker", version, after_help = EXIT_CODES, subcommand_negates_reqs = true)]
pub struct Cli {
    /// The broker.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// The worker's process.
    #[command(flatten)]
    pub child: ChildArgs,
    /// What is told of it.
    #[command(flatten)]
    pub telling: TellingArgs,
    /// Its circuits.
    #[command(flatten)]
    pub circuits: CircuitArgs,
    /// The worker's command.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
    /// Something else to do.
    #[command(subcommand)]
    pub act: Option<Act>,
}

const EXIT_CODES: &str = "\
Examples:
  zero-worker --amqp-uri amqps://zero@rabbit:5671/proofs --password-file /secret/password -- worker --runtime=amqp
  zero-worker init-circuits --circuits-dir /data/zk_evm_circuit_cache -- worker --runtime=amqp
  zero-worker --circuits-dir /data/zk_evm_circuit_cache --wait-for-circuits --listen 0.0.0.0:9090 -- worker --runtime=amqp

Exit codes:
  0  ended as asked, the task in hand finished; or the circuits are complete
  1  something failed; the last line says what, why and what to do
  2  the command line is wrong
  3  ended as asked before the task in hand was finished: it is back in its queue";

/// Other things to do.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Makes the circuits once, for all workers that share the folder, and marks it complete.
    InitCircuits {
        /// Take circuits that are there without a marker for ones of this configuration.
        #[arg(long)]
        adopt: bool,
        /// The worker's command, with the options that all workers have.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
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

/// The worker's process.
#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
pub struct ChildArgs {
    /// After SIGTERM, how long the task in hand may take; without it until it is done.
    #[arg(long, env = "ZERO_WORKER_DRAIN_TIMEOUT", value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub drain_timeout: Option<Duration>,
    /// How long the worker may take to end when it is told to; then it is killed.
    #[arg(long, global = true, env = "ZERO_WORKER_KILL_AFTER", value_name = "DURATION", default_value = "5s", value_parser = humantime::parse_duration)]
    pub kill_after: Duration,
    /// Early ends in a row after which the worker is not started again.
    #[arg(long, env = "ZERO_WORKER_MAX_RESTARTS", value_name = "N", default_value_t = 10)]
    pub max_restarts: u32,
    /// The pause after the first early end; each further one doubles it.
    #[arg(long, env = "ZERO_WORKER_RESTART_PAUSE", value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    pub restart_pause: Duration,
    /// The longest pause.
    #[arg(long, env = "ZERO_WORKER_RESTART_PAUSE_MAX", value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    pub restart_pause_max: Duration,
    /// A worker that ran so long did not end early.
    #[arg(long, env = "ZERO_WORKER_STEADY_AFTER", value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    pub steady_after: Duration,
}

/// What is told of the worker.
#[derive(Debug, Args)]
#[command(next_help_heading = "Logs and metrics")]
pub struct TellingArgs {
    /// Logs as text for people or as JSON for machines. `ZERO_WORKER_LOG` filters our own,
    /// `RUST_LOG` the worker's (`info` if it is not set).
    #[arg(long, global = true, env = "ZERO_WORKER_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Where /metrics, /livez and /readyz are served, e.g. 0.0.0.0:9090; nowhere without it.
    #[arg(long, env = "ZERO_WORKER_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// The pod we run in: told to the broker, by which the scaler knows who is busy also where
    /// addresses do not tell pods apart.
    #[arg(long, env = "ZERO_WORKER_POD", value_name = "NAMESPACE/NAME")]
    pub pod: Option<String>,
    /// Blocks whose numbers are told one by one, the most recent; older ones are told together.
    #[arg(long, env = "ZERO_WORKER_METRICS_BLOCKS", value_name = "N", default_value_t = 8)]
    pub metrics_blocks: usize,
    /// The container's folder in cgroup v2, where it is not found by itself.
    #[arg(long, env = "ZERO_WORKER_CGROUP", value_name = "DIR")]
    pub cgroup: Option<PathBuf>,
}

/// The worker's circuits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Circuits")]
pub struct CircuitArgs {
    /// The folder of the circuits. Its name must end in `_circuit_cache` for v0.7, and be `circuits`
    /// for v0.5 and v0.6.
    #[arg(long, global = true, env = "ZERO_WORKER_CIRCUITS_DIR", value_name = "DIR")]
    pub circuits_dir: Option<PathBuf>,
    /// Wait until `init-circuits` has marked the folder complete.
    #[arg(long, env = "ZERO_WORKER_WAIT_FOR_CIRCUITS", requires = "circuits_dir")]
    pub wait_for_circuits: bool,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines as the worker writes them, with fields in place of its ids
    Text,
    /// One JSON object an event
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_an_environment_name() {
        for arg in Cli::command().get_arguments() {
            let id = arg.get_id().as_str();
            if !["help", "version", "command"].contains(&id) {
                let expected = format!("ZERO_WORKER_{}", id.to_uppercase());
                assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
            }
        }
    }

    #[test]
    fn the_workers_own_options_are_its_own() {
        let cli =
            Cli::try_parse_from(["zero-worker", "--", "worker", "--help", "--", "x"]).unwrap();
        assert_eq!(cli.command, ["worker", "--help", "--", "x"].map(OsString::from));
        assert!(Cli::try_parse_from(["zero-worker"]).is_err());
        let init = ["zero-worker", "init-circuits", "--circuits-dir", "d", "--", "worker"];
        let cli = Cli::try_parse_from(init).unwrap();
        assert!(matches!(cli.act, Some(Act::InitCircuits { adopt: false, .. })));
        assert_eq!(cli.circuits.circuits_dir, Some("d".into()));
    }
}
