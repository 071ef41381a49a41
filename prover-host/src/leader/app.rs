//! The composition root of `zero-leader`: reads the world, builds the parts, runs them.

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::Arc;

use amqp_admin::chain;
use amqp_gateway::QueuePolicy;
use anyhow::{Context as _, Result, bail};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::args::{Act, Cli, RunArgs};
use crate::api::{self, Guard, Service};
use crate::attempt::Patience;
use crate::child::become_child;
use crate::generation::Generation;
use crate::ledger::{Ledger, digests};
use crate::proofs::{Options, Proofs};
use crate::prover::{Prover, examine};
use crate::reaper::Reaper;
use crate::signals::Signals;
use crate::store::Store;
use crate::sweep::Sweeper;
use crate::wards::Wards;
use crate::worker::start_logging;

/// Runs what the command line says; false: what was to be a child did not become it.
pub async fn run(cli: Cli) -> Result<bool> {
    if let Some(Act::BecomeChild { parent, command }) = &cli.act {
        let error = become_child(*parent, command);
        let name = command.first().map(|name| name.to_string_lossy()).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "error: cannot start `{name}`: {error}");
        return Ok(false);
    }
    start_logging("ZERO_LEADER_LOG", cli.service.log_format)?;
    // A child of the same user could else read our environment and memory, credentials and all.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("protect our memory")?;
    let mut signals = Signals::new().context("handle signals")?;
    let reaper = Reaper::new().context("become the parent of orphans")?;
    let shutdown = CancellationToken::new();
    let wards = Wards::default();
    let working = async {
        let guard = Guard::new(cli.service.token_file.clone())?;
        let proofs = proofs(&cli, wards.clone()).await?;
        serve(&cli, guard, proofs, &shutdown).await
    };
    let asked = async {
        signals.end().await;
        tracing::info!(
            "asked to end: leaders are ended, and what they proved waits for the next start"
        );
        shutdown.cancel();
        // A second time: at once. The ledger bears it.
        signals.end().await;
    };
    tokio::select! {
        outcome = working => outcome.map(|()| true),
        () = wards.watch(reaper) => bail!("the reaper ended"),
        () = asked => Ok(true),
    }
}

/// The proofs in their folder, and the programs that make them.
async fn proofs(cli: &Cli, wards: Wards) -> Result<Arc<Proofs>> {
    let folder = cli.service.data_dir.clone().context("give --data-dir")?;
    let store = Store::open(&folder)?;
    let ledger = Ledger::open(&store.ledger())
        .with_context(|| format!("open `{}`", store.ledger().display()))?;
    let known = ledger.with(|c| digests(c)).await?;
    let strays = store.drop_strays(&known).context("look through the witnesses")?;
    if strays > 0 {
        tracing::info!("{strays} witnesses that no proof has are removed");
    }
    let (broker, vhost) = cli.broker.endpoints()?;
    let secrets = cli.broker.secrets(&broker);
    let first = broker.first().cloned().context("no broker is named")?;
    let gateway = cli.broker.gateway(broker, vhost.clone())?;
    let policy: QueuePolicy = gateway.policy;
    let programs = &cli.programs;
    let leader = words("--leader", programs.leader.as_deref())?.context("give --leader")?;
    let mut prover = Prover {
        generation: Generation::V07,
        version: None,
        leader,
        simulator: words("--test-only-leader", programs.test_only_leader.as_deref())?,
        verifier: words("--verifier", programs.verifier.as_deref())?,
        verify_limit: cli.runs.verify_limit,
        gateway,
        secrets,
        wards,
    };
    examine(&mut prover).await?;
    let (generation, version) = (prover.generation.word(), prover.version.as_deref());
    tracing::info!(prover = version, "the leader is of {generation}");
    let sweeper = Sweeper::new(first, vhost, policy);
    Ok(Proofs::new((ledger, store), prover, sweeper, options(cli)))
}

fn options(cli: &Cli) -> Options {
    let RunArgs { parallel, proof_attempts, retry_pause, retry_pause_max, .. } = cli.runs;
    Options {
        parallel: parallel.get(),
        attempts: proof_attempts.max(1),
        pause: retry_pause,
        pause_max: retry_pause_max,
        patience: Patience { stall: cli.runs.stall_after, idle: cli.runs.idle_after },
        min_free: cli.keeping.min_free_mib << 20,
        keep: cli.keeping.keep,
        keep_for: cli.keeping.keep_for,
    }
}

async fn serve(
    cli: &Cli,
    guard: Guard,
    proofs: Arc<Proofs>,
    shutdown: &CancellationToken,
) -> Result<()> {
    let unjudged = proofs.resume().await.map_err(|error| anyhow::Error::msg(chain(&error)))?;
    let address = cli.service.listen;
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for HTTP"))?;
    tracing::info!("the proof service is on http://{}", listener.local_addr()?);
    let witness_max = cli.service.witness_max_mib << 20;
    let (proofs_of, shutdown_of) = (Arc::clone(&proofs), shutdown.clone());
    let service = Service { proofs: proofs_of, witness_max, guard, shutdown: shutdown_of };
    let running = async {
        let ended = proofs.run(unjudged, shutdown.clone()).await;
        shutdown.cancel();
        ended.map_err(|error| anyhow::Error::msg(chain(&error)))
    };
    let serving = async {
        let ended = api::serve(listener, service).await;
        shutdown.cancel();
        ended
    };
    let (ran, served) = tokio::join!(running, serving);
    ran.and(served)
}

/// A command line as words.
fn words(option: &str, line: Option<&str>) -> Result<Option<Vec<OsString>>> {
    let Some(line) = line else { return Ok(None) };
    let words = shell_words::split(line).with_context(|| format!("{option}: `{line}`"))?;
    let Some((program, args)) = words.split_first() else {
        bail!("{option} is empty: give a command");
    };
    // A leader runs in a folder of its own, where a relative path leads elsewhere.
    let here = if program.contains('/') { std::fs::canonicalize(program).ok() } else { None };
    let program = here.map_or_else(|| OsString::from(program), OsString::from);
    Ok(Some(std::iter::once(program).chain(args.iter().map(OsString::from)).collect()))
}
