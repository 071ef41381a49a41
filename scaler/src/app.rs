//! The composition root: builds the clients, starts the parts, and ends them in order.

use std::sync::Arc;
use std::time::Duration;

use amqp_admin::{Management, MetricsScrape, chain};
use anyhow::{Context, Result, anyhow};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::answers::{Answers, Beside};
use crate::args::{Cli, Command, LogFormat, ProtectArgs, ServeArgs};
use crate::broker_state::BrokerState;
use crate::check::check;
use crate::cluster::Cluster;
use crate::config::{self, BrokerConfig, Config};
use crate::keeper::Keeper;
use crate::local::{self, LocalOptions, LocalStatus};
use crate::poller::Poller;
use crate::proof_service::ProofService;
use crate::protector::Protector;
use crate::source::Source;
use crate::status::KeepAliveStatus;
use crate::task_depths::TaskDepths;
use crate::telemetry::Telemetry;
use crate::telling::VERSION;
use crate::tls::{Tls, TlsFiles};
use crate::triggers::Triggers;
use crate::{http, server, trigger};

/// Runs until a signal, a failure, or the end of the check.
pub async fn run(cli: Cli) -> Result<()> {
    let Cli { broker, serve, protect, command } = cli;
    start_logging(serve.log_format)?;
    let config = config::read(broker)?;
    if serve.check {
        return check(&config, &protect, &serve).await;
    }
    let (scaling, local) = match command {
        None => (None, None),
        Some(Command::Local(options)) => {
            let told = watch::Sender::new(LocalStatus::default());
            let broker = local_broker(&options, &config.brokers)?;
            let management = Management::new(broker.management.clone(), serve.read_timeout)?;
            let options = options.on_vhost(&broker.home);
            let shown = told.subscribe();
            (Some((options, management, told)), Some(shown))
        }
    };
    let started = start(&serve, &config, protect, local).await?;
    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    if let Some((options, management, told)) = scaling {
        let answers = started.answers.clone();
        workers.spawn(local::run(options, answers, management, told, stop.clone()));
    }
    started.until_signal(serve.shutdown_grace, workers, stop).await
}

/// The broker of the embedded autoscaler's trigger: it is also asked which worker is busy.
fn local_broker<'a>(
    options: &LocalOptions,
    brokers: &'a [BrokerConfig],
) -> Result<&'a BrokerConfig> {
    let alias = trigger::parse(&options.metadata())?.broker;
    let broker = brokers.iter().find(|broker| broker.alias == alias);
    broker.with_context(|| format!("--trigger broker: no broker `{alias}` is configured"))
}

fn start_logging(format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new("info,lapin=error"))
        .context("cannot read RUST_LOG")?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let outcome = match format {
        LogFormat::Text => logs.with_target(false).try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    outcome.map_err(|error| anyhow!("cannot start logging: {error}"))
}

/// The clients of one broker; nothing is sent yet.
pub(crate) fn source(broker: &BrokerConfig, timeout: Duration) -> Result<Source> {
    let management = Management::new(broker.management.clone(), timeout)?;
    let metrics = match broker.metrics.as_slice() {
        [] => None,
        nodes => Some(MetricsScrape::new(nodes.to_vec(), timeout)?),
    };
    let statistics_interval = broker.statistics_interval;
    Ok(Source { management, metrics, statistics_interval })
}

/// The running parts.
struct Started {
    answers: Answers,
    tasks: JoinSet<Result<()>>,
    shutdown: CancellationToken,
}

async fn start(
    serve: &ServeArgs,
    config: &Config,
    protect: ProtectArgs,
    local: Option<watch::Receiver<LocalStatus>>,
) -> Result<Started> {
    let shutdown = CancellationToken::new();
    let triggers = Arc::new(Triggers::default());
    let tick = watch::Sender::new(0);
    let mut registry = Registry::with_prefix("zero_scaler");
    let telemetry = Telemetry::register(&mut registry);
    let mut tasks = JoinSet::new();
    let mut states = Vec::new();
    for broker in &config.brokers {
        let keep_alive = KeepAliveStatus {
            enabled: !serve.no_keep_alive,
            every_seconds: serve.lease_interval.as_secs(),
            kept: Vec::new(),
            error: None,
        };
        let address = broker.management.to_string();
        let state =
            Arc::new(BrokerState::new(broker.alias.clone(), address, keep_alive, tick.clone()));
        read((serve, &telemetry), broker, &state, &triggers, (&mut tasks, &shutdown))?;
        states.push(state);
    }
    let mut proofs = None;
    if let Some(leader) = &config.leader {
        let service = ProofService::new(leader.clone(), tick.clone())?;
        proofs = Some(service.known());
        tasks.spawn(ended(service.run(shutdown.clone())));
    }
    let mut protection = None;
    if !protect.protect.is_empty() {
        let protector = protector(protect, serve.read_timeout, config, (&states, &tick)).await?;
        protection = Some(protector.known());
        tasks.spawn(ended(protector.run(shutdown.clone())));
    }
    let beside = Beside { local, proofs, protect: protection };
    let answers = Answers::new(states, triggers, serve.max_age, tick, beside);
    listen(serve, &answers, (registry, telemetry), (&mut tasks, &shutdown)).await?;
    Ok(Started { answers, tasks, shutdown })
}

/// Starts what reads one broker: over HTTP for counts, over AMQP for leases and fresh depths.
fn read(
    (serve, telemetry): (&ServeArgs, &Telemetry),
    broker: &BrokerConfig,
    state: &Arc<BrokerState>,
    triggers: &Arc<Triggers>,
    (tasks, shutdown): (&mut JoinSet<Result<()>>, &CancellationToken),
) -> Result<()> {
    let source = source(broker, serve.read_timeout)?;
    let management = source.management.clone();
    let (triggers_of, home) = (triggers.clone(), broker.home.clone());
    let poller = Poller::new(state.clone(), source, triggers_of, home, telemetry.clone());
    tasks.spawn(ended(Arc::new(poller).run(shutdown.clone())));
    let depths = TaskDepths::new(state.clone(), management, broker.amqp.clone());
    tasks.spawn(ended(depths.run(shutdown.clone())));
    if !serve.no_keep_alive {
        let (endpoint, every) = (broker.amqp.clone(), serve.lease_interval);
        let keeper = Keeper::new(state.clone(), endpoint, triggers.clone(), every);
        tasks.spawn(ended(keeper.run(shutdown.clone())));
    }
    Ok(())
}

/// What protects busy workers; asks neither broker nor cluster yet.
async fn protector(
    args: ProtectArgs,
    timeout: Duration,
    config: &Config,
    (states, tick): (&[Arc<BrokerState>], &watch::Sender<u64>),
) -> Result<Protector> {
    let cluster = Cluster::log_in().await.context("--protect")?;
    let managements = config.brokers.iter().map(|broker| {
        Management::new(broker.management.clone(), timeout).map_err(anyhow::Error::from)
    });
    let managements: Vec<Management> = managements.collect::<Result<_>>()?;
    let brokers = states.iter().cloned().zip(managements).collect();
    let ProtectArgs { protect, protect_lease } = args;
    Ok(Protector::new(cluster, (protect, protect_lease), brokers, tick.clone()))
}

async fn ended(part: impl Future<Output = ()>) -> Result<()> {
    part.await;
    Ok(())
}

async fn listen(
    serve: &ServeArgs,
    answers: &Answers,
    (registry, telemetry): (Registry, Telemetry),
    (tasks, shutdown): (&mut JoinSet<Result<()>>, &CancellationToken),
) -> Result<()> {
    let tls = grpc_tls(serve)?;
    let bind = |name, address| async move {
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| format!("cannot listen on {address} for {name}"))
    };
    let grpc = bind("gRPC", serve.grpc_listen).await?;
    let page = bind("HTTP", serve.http_listen).await?;
    tracing::info!(
        grpc = %grpc.local_addr()?, http = %page.local_addr()?,
        "zero-scaler {VERSION} answers KEDA on {} and shows http://{}/status", grpc.local_addr()?, page.local_addr()?
    );
    let options = server::Options {
        reflection: serve.reflection,
        connection_age: serve.grpc_connection_age,
        tls,
    };
    tasks.spawn(server::serve(grpc, answers.clone(), telemetry, options, shutdown.clone()));
    tasks.spawn(http::serve(page, answers.clone(), registry, shutdown.clone()));
    Ok(())
}

/// Told of before anything listens: a port without the TLS that was asked for must not open.
fn grpc_tls(serve: &ServeArgs) -> Result<Option<Tls>> {
    let Some((cert, key)) = serve.grpc_tls_cert.clone().zip(serve.grpc_tls_key.clone()) else {
        return Ok(None);
    };
    let files = TlsFiles { cert, key, client_ca: serve.grpc_tls_client_ca.clone() };
    Tls::load(files).map(Some).context("TLS for gRPC")
}

impl Started {
    /// Serves until the first signal. Workers of our own are seen off first, while everything
    /// still runs: that can take as long as a task does. The rest then ends within the grace. A
    /// part that ends by itself is a failure of the whole.
    async fn until_signal(
        mut self,
        grace: Duration,
        mut workers: JoinSet<Result<()>>,
        stop: CancellationToken,
    ) -> Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let died = tokio::select! {
            _ = terminate.recv() => None,
            _ = interrupt.recv() => None,
            Some(ended) = self.tasks.join_next() => Some(died("a part of the scaler", ended)),
            Some(ended) = workers.join_next() => Some(died("the embedded autoscaler", ended)),
        };
        tracing::info!("ending");
        stop.cancel();
        while let Some(ended) = workers.join_next().await {
            ended.context("the embedded autoscaler died")??;
        }
        if let Some(error) = died {
            return Err(error);
        }
        self.end(grace).await
    }

    /// Ends every part. A peer that never closes its connection cannot hold us up for longer.
    async fn end(mut self, grace: Duration) -> Result<()> {
        self.shutdown.cancel();
        let ending = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.context("a part of the scaler died")??;
            }
            anyhow::Ok(())
        };
        if let Ok(outcome) = tokio::time::timeout(grace, ending).await {
            return outcome;
        }
        tracing::warn!("some peers did not close within {} s", grace.as_secs());
        Ok(())
    }
}

/// Nothing ends by itself: why something did.
fn died(what: &'static str, ended: Result<Result<()>, JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("{what} ended by itself"),
        Ok(Err(error)) => error.context(format!("{what} failed")),
        Err(error) => anyhow::Error::from(error).context(format!("{what} died")),
    }
}

/// One line for the last word of a failed run.
#[must_use]
pub fn last_word(error: &anyhow::Error) -> String {
    format!("error: {}", chain(error.as_ref()))
}
