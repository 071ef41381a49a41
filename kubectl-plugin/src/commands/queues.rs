//! `queues`: every queue with its role, or one of them in full.

use std::collections::{BTreeMap, BTreeSet};

use amqp_admin::{Queue, QueueDetail, QueueName, QueueRole, Survey, plural};
use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::broker::Broker;
use crate::change::now;
use crate::complete::queue_names;
use crate::exit::{self, Code, NotFound, Usage};
use crate::facts::Facts;
use crate::output::{Printer, Table, bytes, count};
use crate::survey::survey;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  zero queues                          every queue of the vhost
  zero queues -o wide                  with who consumes
  zero queues show task-ipc-routing-key
  zero queues show BmXij --tasks       whose tasks answer to it, and how many wait
  zero queues -o name | grep proof-";

/// What can be typed after `queues`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    show: Option<Show>,
}

/// One queue.
#[derive(Debug, clap::Subcommand)]
enum Show {
    /// One queue in full.
    Show {
        /// Its name.
        #[arg(add = ArgValueCompleter::new(queue_names))]
        queue: QueueName,
        /// Of a result queue: look for the tasks that answer to it. The messages of all task queues
        /// are looked at and given back to their places, marked as redelivered; no worker gets them
        /// meanwhile.
        #[arg(long)]
        tasks: bool,
    },
}

/// A queue as programs read it. What the broker did not say is `null`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    name: &'a QueueName,
    role: &'static str,
    kind: String,
    ready: Option<u64>,
    unacked: Option<u64>,
    consumers: Vec<String>,
}

/// One queue in full, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Full<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    durable: Option<bool>,
    policy: Option<String>,
    expires_ms: Option<u64>,
    expires_in_ms: Option<i64>,
    ready_bytes: Option<u64>,
    dead_letter_exchange: Option<String>,
    /// Only where they were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<Tasks>,
}

/// Ready tasks that answer to a result queue.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tasks {
    ready: u64,
    blocks: BTreeSet<u64>,
    proofs: BTreeSet<String>,
    /// Messages that do not say whose they are.
    untold: u64,
}

/// Lists, or shows one.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let facts = Facts::read(broker).await?;
    match &args.show {
        None => list(&facts, printer)?,
        Some(Show::Show { queue, tasks }) => {
            show((queue, *tasks), &facts, broker, printer).await?;
        }
    }
    Ok(exit::DONE)
}

fn list(facts: &Facts, printer: &mut Printer) -> Result<()> {
    let mut table = Table::new(["NAME", "ROLE", "READY", "UNACKED", "CONSUMERS"], ["KIND", "WHO"]);
    let rows: Vec<Row<'_>> = facts.queues.iter().map(|queue| row(queue, facts)).collect();
    for row in &rows {
        let consumers = row.consumers.len().to_string();
        let (ready, unacked) = (count(row.ready), count(row.unacked));
        let cells = [row.name.to_string(), row.role.to_owned(), ready, unacked, consumers];
        table.row(cells.into_iter().chain([row.kind.clone(), row.consumers.join(" ")]));
    }
    printer.data(&rows, &table)
}

async fn show(
    (name, with_tasks): (&QueueName, bool),
    facts: &Facts,
    broker: &Broker,
    printer: &mut Printer,
) -> Result<()> {
    let Some(queue) = facts.queue(name) else {
        return Err(no_such_queue(name, broker).into());
    };
    if with_tasks && queue.role != QueueRole::Result {
        let words = "--tasks is for result queues; `zero peek` shows what is in any other";
        return Err(Usage(words.to_owned()).into());
    }
    let detail = broker.management.queue(&broker.vhost, name).await?;
    let tasks = if with_tasks {
        let surveys = survey(broker, facts.work_queues()).await?;
        printer.say("the task queues were looked into, everything was given back to its place");
        Some(Tasks::of(name, &surveys))
    } else {
        None
    };
    let expires_in_ms = expires_in(&detail, now()).map(|left| left.as_millis());
    let full = Full {
        row: row(queue, facts),
        durable: detail.durable,
        policy: detail.policy,
        expires_ms: detail.expires_ms,
        expires_in_ms: expires_in_ms.and_then(|left| i64::try_from(left).ok()),
        ready_bytes: detail.ready_bytes,
        dead_letter_exchange: detail.dead_letter_exchange,
        tasks,
    };
    printer.data(&full, &full.table())
}

/// The words for a queue that is not there.
pub(crate) fn no_such_queue(name: &QueueName, broker: &Broker) -> NotFound {
    let vhost = &broker.vhost;
    NotFound(format!("there is no queue `{name}` in vhost `{vhost}`: `zero queues` lists them"))
}

fn row<'a>(queue: &'a Queue, facts: &Facts) -> Row<'a> {
    let clients = facts.consumers_of(&queue.name).map(|consumer| match &consumer.client {
        Some(client) => client.to_string(),
        None => "unknown".to_owned(),
    });
    Row {
        name: &queue.name,
        role: queue.role.name(),
        kind: format!("{:?}", queue.kind).to_lowercase(),
        ready: queue.reading.ready,
        unacked: queue.reading.unacked,
        consumers: clients.collect(),
    }
}

/// What is left of an idle queue's lease.
fn expires_in(detail: &QueueDetail, now: Timestamp) -> Option<SignedDuration> {
    let lease = SignedDuration::from_millis(i64::try_from(detail.expires_ms?).ok()?);
    let since: Timestamp = detail.idle_since.as_ref()?.parse().ok()?;
    Some(lease - now.duration_since(since))
}

impl Tasks {
    /// PURE: what the task queues hold for a result queue.
    fn of(name: &QueueName, surveys: &BTreeMap<QueueName, Survey>) -> Self {
        let mut tasks = Self::default();
        for survey in surveys.values() {
            tasks.untold += survey.unreadable + survey.untold;
            if let Some(job) = survey.jobs.get(name) {
                tasks.ready += job.tasks;
                tasks.blocks.extend(&job.blocks);
                tasks.proofs.extend(job.proofs.iter().cloned());
            }
        }
        tasks
    }
}

impl Full<'_> {
    fn table(&self) -> Table {
        let mut table = Table::new(["FIELD", "VALUE"], []);
        let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
        let unknown = || "?".to_owned();
        line("name", self.row.name.to_string());
        line("role", self.row.role.to_owned());
        line("kind", self.row.kind.clone());
        line("ready", count(self.row.ready));
        line("ready bytes", self.ready_bytes.map_or_else(unknown, bytes));
        line("unacked", count(self.row.unacked));
        line("consumers", self.row.consumers.join(" "));
        line("durable", self.durable.map_or_else(unknown, |durable| durable.to_string()));
        line("policy", self.policy.clone().unwrap_or_else(|| "none".to_owned()));
        line("expires", self.expiry());
        let dead_letters = self.dead_letter_exchange.clone();
        line("dead letters", dead_letters.unwrap_or_else(|| "none".to_owned()));
        if let Some(tasks) = &self.tasks {
            let blocks: Vec<String> = tasks.blocks.iter().map(ToString::to_string).collect();
            let proofs: Vec<String> = tasks.proofs.iter().cloned().collect();
            line("ready tasks", tasks.ready.to_string());
            line("of blocks", blocks.join(" "));
            line("of proofs", proofs.join(" "));
            line("untold", plural(tasks.untold, "message"));
        }
        table
    }

    fn expiry(&self) -> String {
        let minutes =
            |ms: i64| format!("{:.1} min", SignedDuration::from_millis(ms).as_secs_f64() / 60.0);
        match (self.expires_ms.and_then(|ms| i64::try_from(ms).ok()), self.expires_in_ms) {
            (None, _) => "never".to_owned(),
            (Some(lease), None) => format!("{} after its last use; it is in use", minutes(lease)),
            (Some(lease), Some(left)) => {
                format!("in {} of {} unless it is used", minutes(left.max(0)), minutes(lease))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_lease_is_told_from_the_last_use() {
        let detail = QueueDetail {
            durable: Some(false),
            policy: None,
            expires_ms: Some(1_800_000),
            idle_since: Some("2026-01-01T00:00:00.000+00:00".into()),
            consumers: Some(0),
            ready_bytes: Some(0),
            dead_letter_exchange: None,
        };
        let now = "2026-01-01T00:20:00Z".parse().unwrap();
        assert_eq!(expires_in(&detail, now), Some(SignedDuration::from_mins(10)));
        let in_use = QueueDetail { idle_since: None, ..detail };
        assert_eq!(expires_in(&in_use, now), None);
    }
}
