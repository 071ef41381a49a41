//! `status`: the whole on one screen, and what is wrong with the command that cures it.

mod health;
mod proving;
mod scaling;

use std::collections::BTreeSet;
use std::time::Duration;

use amqp_admin::{NodeHealth, Overview, QueueRole, agree, plural};
use anyhow::{Context as _, Result};
use reqwest::Url;
use serde::Serialize;

use crate::broker::Broker;
use crate::exit::{self, Code};
use crate::facts::{Facts, Unwatched};
use crate::leader::{Leader, LeaderArgs, Manner};
use crate::output::{Format, Printer, Table, count};
use crate::scaler::Scaler;
use health::{Warning, warnings};
use proving::{Proofs, Proving};
use scaling::Scaling;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Counts are live; who consumes is up to 5 s old: before a leader is called gone, it is looked for twice.
Exits with 0 when healthy and 6 when not.

Examples:
  zero status
  zero status --watch
  zero status -o json | jq .warnings";

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// What can be typed after `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Look again every two seconds, until Ctrl-C.
    #[arg(long, short)]
    watch: bool,
    /// Where the scaler serves its status page; in a cluster the release says it.
    #[arg(long, env = "ZERO_SCALER_URL", value_name = "URL")]
    scaler_url: Option<Url>,
}

/// The whole, as programs read it. What the broker did not say is `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// The release in the cluster, if it was found in one.
    release: Option<ReleaseName>,
    vhost: String,
    broker: String,
    nodes: Option<usize>,
    queues: Vec<RoleSum>,
    workers: Workers,
    /// Result queues on which a leader waits.
    awaited_results: usize,
    /// Connections on which leaders wait.
    leaders: usize,
    /// The proofs of the proof service; `null` where there is none to ask.
    proofs: Option<Proofs>,
    warnings: Vec<Warning>,
}

/// A release, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReleaseName {
    namespace: String,
    name: String,
}

/// The queues of one role.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleSum {
    role: &'static str,
    queues: usize,
    ready: Option<u64>,
    unacked: Option<u64>,
}

/// Who takes tasks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Workers {
    connected: usize,
    busy: Option<u64>,
    /// Connected and not busy, at one task for each.
    idle: Option<u64>,
    /// As many as the scaler asks KEDA for; `null` where there is no scaler to ask.
    wanted: Option<u64>,
}

/// Looks once, or until Ctrl-C.
pub(crate) async fn run(
    args: &Args,
    named: &LeaderArgs,
    broker: &Broker,
    printer: &mut Printer,
) -> Result<Code> {
    let scaler = match (&args.scaler_url, &broker.place) {
        (Some(url), _) => {
            Ok(Some(Scaler { url: url.clone(), forward: None, limit: broker.timeout }))
        }
        (None, Some(place)) => place.scaler(broker.timeout).await,
        (None, None) => Ok(None),
    };
    let manner = Manner {
        ca: broker.endpoints.management.tls.ca.clone(),
        ..Manner::of(named, None, broker.timeout)?
    };
    let leader = match (&named.leader_url, &broker.place) {
        (Some(url), _) => Leader::at(url.clone(), &manner, None).map(Some),
        (None, Some(place)) => place.leader(manner).await,
        (None, None) => Ok(None),
    };
    let others = (scaler.as_ref(), leader.as_ref());
    if !args.watch {
        return look(broker, None, others, printer).await;
    }
    let mut unwatched = Unwatched::default();
    loop {
        let code = look(broker, Some(&mut unwatched), others, printer).await?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(code),
            () = tokio::time::sleep(EVERY) => {}
        }
        printer.next_look()?;
    }
}

/// Somebody else to ask: there is one, there is none, or there is no way to it.
type Asked<'a, T> = Result<&'a Option<T>, &'a anyhow::Error>;

async fn look(
    broker: &Broker,
    unwatched: Option<&mut Unwatched>,
    (scaler, leader): (Asked<'_, Scaler>, Asked<'_, Leader>),
    printer: &mut Printer,
) -> Result<Code> {
    let overview = broker.management.overview().await;
    let overview = overview.context("cannot ask the broker what it is")?;
    let facts = match unwatched {
        Some(unwatched) => Facts::next(broker, unwatched).await?,
        None => Facts::settled(broker, printer).await?,
    };
    let (nodes, scaling, proving) = tokio::join!(
        broker.management.nodes(),
        Scaling::read(broker, scaler),
        Proving::read(leader)
    );
    // Nodes are for users with the tag `monitoring`; without it alarms cannot be seen.
    let mut status = Status::of(broker, &facts, &overview, nodes.ok().as_deref());
    status.workers.wanted = scaling.wanted;
    status.warnings.extend_from_slice(&scaling.warnings);
    status.warnings.extend(proving.warning);
    status.proofs = proving.proofs;
    for note in &scaling.notes {
        printer.say(note);
    }
    print(&status, printer)?;
    Ok(if status.warnings.is_empty() { exit::DONE } else { exit::UNHEALTHY })
}

impl Status {
    fn of(
        broker: &Broker,
        facts: &Facts,
        overview: &Overview,
        nodes: Option<&[NodeHealth]>,
    ) -> Self {
        let is_task = |role| matches!(role, QueueRole::Task(_));
        let sums = [
            RoleSum::of("task", facts, is_task),
            RoleSum::of("other", facts, |role| role == QueueRole::Other),
            RoleSum::of("result", facts, |role| role == QueueRole::Result),
            RoleSum::of("control", facts, |role| role == QueueRole::Control),
            RoleSum::of("deadLetter", facts, |role| role == QueueRole::DeadLetter),
        ];
        let consumers = |wanted: &dyn Fn(QueueRole) -> bool| -> Vec<_> {
            let of_role = |consumer: &&amqp_admin::QueueConsumer| {
                facts.queue(&consumer.queue).is_some_and(|queue| wanted(queue.role))
            };
            facts.consumers.iter().filter(of_role).collect()
        };
        let awaited = consumers(&|role| role == QueueRole::Result);
        let leaders: BTreeSet<_> = awaited.iter().filter_map(|c| c.client.as_ref()).collect();
        let busy = sums.first().and_then(|tasks| tasks.unacked);
        let connected = consumers(&is_task).len();
        let idle = busy.map(|busy| (connected as u64).saturating_sub(busy));
        let release = broker.place.as_ref().map(|place| ReleaseName {
            namespace: place.release.namespace.clone(),
            name: place.release.name.clone(),
        });
        let cluster = overview.cluster_name.as_deref().unwrap_or("?");
        Self {
            release,
            vhost: broker.vhost.to_string(),
            broker: format!("RabbitMQ {} · {cluster}", overview.version),
            nodes: nodes.map(<[NodeHealth]>::len),
            queues: sums.into(),
            workers: Workers { connected, busy, idle, wanted: None },
            awaited_results: awaited.len(),
            leaders: leaders.len(),
            proofs: None,
            warnings: warnings(facts, nodes),
        }
    }
}

impl RoleSum {
    fn of(name: &'static str, facts: &Facts, wanted: impl Fn(QueueRole) -> bool) -> Self {
        let queues: Vec<_> = facts.queues.iter().filter(|queue| wanted(queue.role)).collect();
        let sum = |part: fn(&amqp_admin::Reading) -> Option<u64>| {
            queues.iter().map(|queue| part(&queue.reading)).sum()
        };
        let (ready, unacked) = (sum(|reading| reading.ready), sum(|reading| reading.unacked));
        Self { role: name, queues: queues.len(), ready, unacked }
    }
}

fn print(status: &Status, printer: &mut Printer) -> Result<()> {
    if !matches!(printer.format(), Format::Table | Format::Wide) {
        return printer.data(status, &Table::default());
    }
    let nodes = status
        .nodes
        .map_or_else(String::new, |nodes| format!(" · {}", plural(nodes as u64, "node")));
    let (vhost, broker) = (&status.vhost, &status.broker);
    if let Some(ReleaseName { namespace, name }) = &status.release {
        printer.text(&format!("Release   {name} in namespace {namespace}\n"))?;
    }
    let Workers { connected, busy, idle, wanted } = &status.workers;
    let (busy, idle) = (count(*busy), count(*idle));
    let wanted = wanted.map_or_else(String::new, |wanted| format!(", {wanted} wanted"));
    printer.text(&format!(
        "Broker    {broker}{nodes} · vhost `{vhost}`\nWorkers   {connected} connected, {busy} busy, {idle} idle{wanted}\nLeaders   {} {} on {}\n\n",
        plural(status.leaders as u64, "connection"),
        agree(status.leaders as u64, "waits", "wait"),
        plural(status.awaited_results as u64, "result queue")
    ))?;
    let mut table = Table::new(["QUEUES", "NUMBER", "READY", "UNACKED"], []);
    for sum in &status.queues {
        let (ready, unacked) = (count(sum.ready), count(sum.unacked));
        table.row([sum.role.to_owned(), sum.queues.to_string(), ready, unacked]);
    }
    printer.data(status, &table)?;
    if let Some(proofs) = &status.proofs {
        proofs.print(printer)?;
    }
    for warning in &status.warnings {
        printer.text(&format!("\n! {}\n  → {}\n", warning.what, warning.cure))?;
    }
    Ok(())
}
