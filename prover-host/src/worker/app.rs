//! The composition root: reads the world, builds the parts, runs one of the acts.

use std::io::Write as _;
use std::sync::Arc;

use amqp_admin::chain;
use amqp_gateway::{Config, Gateway, Owner};
use anyhow::{Context as _, Result, anyhow};
use prometheus_client::registry::Registry;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::supervisor::{Options, Supervisor};
use super::{init, waiting};
use crate::args::{Act, Cli, LogFormat, TellingArgs};
use crate::books::Books;
use crate::cgroup::Cgroup;
use crate::child::become_child;
use crate::circuits::Circuits;
use crate::cleaning::{Cleaned, clean};
use crate::configuration::Configuration;
use crate::logs::Format;
use crate::meter::Diary;
use crate::reaper::Reaper;
use crate::restarts::Policy;
use crate::serializer::{VARIABLE, serializer};
use crate::signals::Signals;
use crate::telemetry::{Export, PREFIX};
use crate::{http, watching};

/// Filters our own lines.
const LOG_VARIABLE: &str = "ZERO_WORKER_LOG";
/// Our own lines, unless the variable says otherwise.
const LOG_FILTER: &str = "info";

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As asked; no task was in hand.
    Done,
    /// As asked, and a task went back to its queue.
    Interrupted,
    /// What was to be a child did not become it.
    NotStarted,
}

/// Runs what the command line says.
pub async fn run(cli: Cli) -> Result<Outcome> {
    match cli.act {
        Some(Act::BecomeChild { parent, ref command }) => {
            let error = become_child(parent, command);
            let name = command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
            let _ = writeln!(
                std::io::stderr(),
                "error: cannot start `{name}`: {error}; is it in the image, on the PATH, and executable?"
            );
            Ok(Outcome::NotStarted)
        }
        Some(Act::InitCircuits { adopt, ref command }) => {
            start_logging(LOG_VARIABLE, cli.telling.log_format)?;
            let folder = cli.circuits.circuits_dir.clone();
            let folder =
                folder.context("init-circuits needs --circuits-dir: the folder to fill")?;
            let options = init::Options {
                circuits: Circuits::at(folder)?,
                adopt,
                kill_after: cli.child.kill_after,
                format: format(cli.telling.log_format),
            };
            init::run(command, &options).await
        }
        None => {
            start_logging(LOG_VARIABLE, cli.telling.log_format)?;
            work(cli).await
        }
    }
}

async fn work(cli: Cli) -> Result<Outcome> {
    // A child of the same user could else read our environment and memory, credentials and all.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("protect our memory")?;
    let mut signals = Signals::new().context("handle signals")?;
    let reaper = Reaper::new().context("become the parent of orphans")?;
    let (broker, vhost) = cli.broker.endpoints()?;
    let secrets = cli.broker.secrets(&broker);
    let circuits = cli.circuits.circuits_dir.clone().map(Circuits::at).transpose()?;
    let reads = serializer(&cli.command, std::env::var_os(VARIABLE).as_deref());
    let cgroup = cli.telling.cgroup.clone().map(Cgroup::at).or_else(Cgroup::own);
    let diary = Diary::new(host_name(), cgroup.clone());
    let owner: Option<Arc<dyn Owner>> = Some(Arc::new(diary.clone()));
    let pod = cli.telling.pod.clone();
    let broker_config = cli.broker.gateway(broker, vhost)?;
    let config = Config { serializer: reads, owner, pod, ..broker_config };
    let gateway = Gateway::start(config).await;
    let gateway = gateway.context("start the gateway")?;
    let uri = format!("amqp://{}", gateway.address());
    let mut cleaned = clean(&cli.command, std::env::vars_os(), &uri, &secrets)?;
    if let Some(circuits) = &circuits
        && !ready(circuits, &mut cleaned, cli.circuits.wait_for_circuits, &mut signals).await?
    {
        return Ok(Outcome::Done);
    }
    let books = Books::new(cli.telling.metrics_blocks);
    let shutdown = CancellationToken::new();
    let mut parts =
        parts(&cli.telling, &gateway, (&books, &diary), cgroup.clone(), &shutdown).await?;
    let options = options(&cli);
    let supervisor =
        Supervisor { options, cleaned, gateway, reaper, signals, books, diary, cgroup };
    let outcome = tokio::select! {
        outcome = supervisor.run() => outcome,
        error = first_failure(&mut parts) => Err(error),
    };
    shutdown.cancel();
    while parts.join_next().await.is_some() {}
    outcome
}

/// The name of this machine; in a cluster it is the pod's.
fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (!name.is_empty()).then_some(name)
}

/// Whether the circuits are there; false: asked to end before they were.
async fn ready(
    circuits: &Circuits,
    cleaned: &mut Cleaned,
    wait: bool,
    signals: &mut Signals,
) -> Result<bool> {
    cleaned.env.push(circuits.variable());
    let wanted = Configuration::of(cleaned);
    if !wait {
        circuits.is_complete(&wanted)?;
        return Ok(true);
    }
    waiting::for_circuits(circuits, &wanted, signals).await
}

fn options(cli: &Cli) -> Options {
    let child = &cli.child;
    Options {
        format: format(cli.telling.log_format),
        restarts: Policy {
            first_pause: child.restart_pause,
            longest_pause: child.restart_pause_max,
            steady_after: child.steady_after,
            most: child.max_restarts,
        },
        drain_timeout: child.drain_timeout,
        kill_after: child.kill_after,
        reconnect_for: cli.broker.reconnect_for,
    }
}

/// What runs beside the worker.
async fn parts(
    telling: &TellingArgs,
    gateway: &Gateway,
    (books, diary): (&Books, &Diary),
    cgroup: Option<Cgroup>,
    shutdown: &CancellationToken,
) -> Result<JoinSet<Result<()>>> {
    let mut parts = JoinSet::new();
    if let Some(address) = telling.listen {
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen on {address} for HTTP"))?;
        tracing::info!("metrics are on http://{}/metrics", listener.local_addr()?);
        let mut registry = Registry::with_prefix(PREFIX);
        let (activity, books) = (gateway.activity(), books.clone());
        let export =
            Export { books: books.clone(), activity: activity.clone(), cgroup: cgroup.clone() };
        registry.register_collector(Box::new(export));
        let shared = http::Shared { registry: Arc::new(registry), activity, books };
        parts.spawn(http::serve(listener, shared, shutdown.clone()));
    }
    let following = watching::follow(gateway.activity(), books.clone(), cgroup, diary.clone());
    let stopped = shutdown.clone().cancelled_owned();
    parts.spawn(async move {
        tokio::select! {
            () = following => {}
            () = stopped => {}
        }
        Ok(())
    });
    Ok(parts)
}

/// The first part that failed; never, while none does.
async fn first_failure(parts: &mut JoinSet<Result<()>>) -> anyhow::Error {
    while let Some(ended) = parts.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(error) => return anyhow::Error::from(error).context("a part of zero-worker died"),
        }
    }
    std::future::pending().await
}

fn format(format: LogFormat) -> Format {
    match format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    }
}

/// Starts our own log, filtered as the variable says.
pub fn start_logging(variable: &str, format: LogFormat) -> Result<()> {
    let filter = match std::env::var(variable) {
        Ok(words) => {
            EnvFilter::try_new(words).with_context(|| format!("cannot read {variable}"))?
        }
        Err(_) => EnvFilter::try_new(LOG_FILTER)?,
    };
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let outcome = match format {
        LogFormat::Text => logs.with_ansi(false).with_target(false).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    outcome.map_err(|error| anyhow!("cannot start logging: {error}"))
}

/// One line for the last word of a failed run.
#[must_use]
pub fn last_word(error: &anyhow::Error) -> String {
    format!("error: {}", chain(error.as_ref()))
}
