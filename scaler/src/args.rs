//! The command line. Values become types here; nothing is opened or asked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::protect::{LeaseName, Target};
use crate::telling::VERSION;

/// Tells KEDA how many prover workers the work in RabbitMQ wants.
///
/// Sums the backlog over all proof queues of a broker and answers KEDA's external scaler calls
/// from memory. Point a ScaledObject's trigger of type `external` or `external-push` here.
#[derive(Debug, Parser)]
#[command(name = "zero-scaler", version = VERSION, after_help = EXIT_CODES)]
pub struct Cli {
    /// The broker of triggers that name none.
    #[command(flatten)]
    pub broker: BrokerArgs,
    /// How this process serves.
    #[command(flatten)]
    pub serve: ServeArgs,
    /// Busy workers are never scaled away.
    #[command(flatten)]
    pub protect: ProtectArgs,
    /// Another way to run.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Examples:
  zero-scaler --amqp-uri amqp://zero@rabbit:5672 --management-url http://rabbit:15672 --password-file /secret/password
  zero-scaler --config brokers.yaml --check
  zero-scaler --amqp-uri amqp://guest:guest@127.0.0.1 --management-url http://127.0.0.1:15672 local --worker 'worker --runtime=amqp' --max 8

Exit codes:
  0  ended as asked, or --check found the configuration usable
  1  something failed; the last line says what, why and what to do
  2  the command line is wrong";

/// Other ways to run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Scale worker processes on this machine, without Kubernetes.
    Local(crate::local::LocalOptions),
}

/// One broker, and the proof service beside it. Credentials may stand in the URIs or, better, in files.
#[derive(Debug, Args)]
pub struct BrokerArgs {
    /// The broker's AMQP URI; its path names the vhost that is watched from the start.
    #[arg(long, env = "ZERO_SCALER_AMQP_URI", hide_env_values = true, value_name = "URI")]
    pub amqp_uri: Option<String>,
    /// The broker's management address. Its user needs the tag `monitoring` and a permission
    /// entry on the vhost (`^$ ^$ ^$` is enough).
    #[arg(long, env = "ZERO_SCALER_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    pub management_url: Option<String>,
    /// A node's Prometheus address; name every node of a cluster. Read above 1 000 queues, where
    /// it costs the broker a quarter of live totals.
    #[arg(
        long,
        env = "ZERO_SCALER_METRICS_URL",
        hide_env_values = true,
        value_name = "URL",
        value_delimiter = ','
    )]
    pub metrics_url: Vec<String>,
    /// The broker's `collect_statistics_interval`: so old are the counts of its metrics port. Set
    /// both to 1s and the port is read above 300 queues, fresher and for less.
    #[arg(
        long,
        env = "ZERO_SCALER_STATISTICS_INTERVAL",
        value_name = "DURATION",
        default_value = "5s",
        value_parser = humantime::parse_duration
    )]
    pub statistics_interval: Duration,
    /// A file that holds the user's name.
    #[arg(long, env = "ZERO_SCALER_USERNAME_FILE", value_name = "FILE")]
    pub username_file: Option<PathBuf>,
    /// A file that holds the password; the user's name may then stand in the URI.
    #[arg(long, env = "ZERO_SCALER_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Certificate authorities to trust besides the system's, PEM.
    #[arg(long, env = "ZERO_SCALER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for a broker that asks for one, PEM.
    #[arg(long, env = "ZERO_SCALER_CLIENT_CERT_FILE", value_name = "FILE")]
    pub client_cert_file: Option<PathBuf>,
    /// The key of our certificate, PEM, PKCS#8.
    #[arg(long, env = "ZERO_SCALER_CLIENT_KEY_FILE", value_name = "FILE")]
    pub client_key_file: Option<PathBuf>,
    /// Where the proof service zero-leader answers: the status page then shows its proofs and
    /// how far they are.
    #[arg(long, env = "ZERO_SCALER_LEADER_URL", hide_env_values = true, value_name = "URL")]
    pub leader_url: Option<String>,
    /// A file that holds the token the proof service asks for.
    #[arg(long, env = "ZERO_SCALER_LEADER_TOKEN_FILE", value_name = "FILE")]
    pub leader_token_file: Option<PathBuf>,
    /// Several brokers by alias, YAML; instead of the options above.
    #[arg(
        long,
        env = "ZERO_SCALER_CONFIG",
        value_name = "FILE",
        conflicts_with_all = ["amqp_uri", "management_url", "metrics_url", "leader_url", "leader_token_file"]
    )]
    pub config: Option<PathBuf>,
}

/// How this process serves.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where KEDA reaches us.
    #[arg(
        long,
        env = "ZERO_SCALER_GRPC_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:50051"
    )]
    pub grpc_listen: SocketAddr,
    /// Where probes, metrics and the status page are served.
    #[arg(
        long,
        env = "ZERO_SCALER_HTTP_LISTEN",
        value_name = "ADDR",
        default_value = "0.0.0.0:8080"
    )]
    pub http_listen: SocketAddr,
    /// Counts older than this are an error to KEDA, never a number. Above KEDA's polling interval
    /// a short broker restart goes unnoticed.
    #[arg(long, env = "ZERO_SCALER_MAX_AGE", value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub max_age: Duration,
    /// Between two renewals of the leases of queues that hold work and have no consumer; well
    /// below the queues' `x-expires`, which paladin sets to 30 minutes.
    #[arg(long, env = "ZERO_SCALER_LEASE_INTERVAL", value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub lease_interval: Duration,
    /// Let queues without a consumer expire with the work they hold.
    #[arg(long, env = "ZERO_SCALER_NO_KEEP_ALIVE")]
    pub no_keep_alive: bool,
    /// Bounds each read of the broker.
    #[arg(long, env = "ZERO_SCALER_READ_TIMEOUT", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub read_timeout: Duration,
    /// After SIGTERM, how long calls and streams may take to end.
    #[arg(long, env = "ZERO_SCALER_SHUTDOWN_GRACE", value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    pub shutdown_grace: Duration,
    /// After so long a gRPC connection takes no new calls; KEDA connects anew, to new replicas too.
    #[arg(long, env = "ZERO_SCALER_GRPC_CONNECTION_AGE", value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub grpc_connection_age: Duration,
    /// Serve gRPC over TLS alone, with this certificate and its chain, PEM. Like its key and the
    /// authorities of callers it is read again when it changes; connections live on.
    #[arg(long, env = "ZERO_SCALER_GRPC_TLS_CERT", value_name = "FILE", requires = "grpc_tls_key")]
    pub grpc_tls_cert: Option<PathBuf>,
    /// The key of the certificate for gRPC, PEM.
    #[arg(long, env = "ZERO_SCALER_GRPC_TLS_KEY", value_name = "FILE", requires = "grpc_tls_cert")]
    pub grpc_tls_key: Option<PathBuf>,
    /// Serve only callers that show a certificate of one of these authorities, PEM.
    #[arg(
        long,
        env = "ZERO_SCALER_GRPC_TLS_CLIENT_CA",
        value_name = "FILE",
        requires = "grpc_tls_cert"
    )]
    pub grpc_tls_client_ca: Option<PathBuf>,
    /// Serve the contract to clients that ask for it (`grpcurl list`).
    #[arg(long, env = "ZERO_SCALER_REFLECTION", value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub reflection: bool,
    /// Logs as text for people or as JSON for machines. `RUST_LOG` filters them.
    #[arg(long, env = "ZERO_SCALER_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Check the configuration, reach each broker once, say what is wrong, and exit.
    #[arg(long)]
    pub check: bool,
    /// With `--check`: the zero-scaler that runs at this address has to be ready too.
    #[arg(long, env = "ZERO_SCALER_CHECK_SCALER", value_name = "URL", requires = "check")]
    pub check_scaler: Option<String>,
}

/// Which workers are protected while they hold a task.
#[derive(Debug, Args)]
pub struct ProtectArgs {
    /// Give these pods a deletion cost while they hold a task, so that idle ones are scaled away
    /// first. May be given several times; in the environment separated by `;`. Needs the tag
    /// `monitoring` at the broker, and rights in the cluster that docs/operations.md lists.
    #[arg(
        long,
        env = "ZERO_SCALER_PROTECT",
        value_name = "NAMESPACE/SELECTOR",
        value_delimiter = ';'
    )]
    pub protect: Vec<Target>,
    /// The Lease by which replicas agree on the one that does it: a name of its own for each
    /// scaler of a namespace. Without a namespace it is in the scaler's own.
    #[arg(
        long,
        env = "ZERO_SCALER_PROTECT_LEASE",
        value_name = "[NAMESPACE/]NAME",
        default_value = "zero-scaler"
    )]
    pub protect_lease: LeaseName,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One line of text an event.
    Text,
    /// One JSON object an event.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_long_option_that_serves_has_an_environment_name() {
        for arg in Cli::command().get_arguments() {
            let id = arg.get_id().as_str();
            if !["help", "version", "check"].contains(&id) {
                let expected = format!("ZERO_SCALER_{}", id.to_uppercase());
                assert_eq!(arg.get_env().and_then(|env| env.to_str()), Some(expected.as_str()));
            }
        }
    }
}
