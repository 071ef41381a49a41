//! `orphans`: tasks and result queues whose leader is gone.

use std::collections::{BTreeMap, BTreeSet};

use amqp_admin::{Act, Plan, QueueName, Survey, TaskFilter, VhostName, Wanted};
use anyhow::{Context, Result};
use serde::Serialize;

use crate::ask::Approval;
use crate::broker::Broker;
use crate::change::{ChangeArgs, carry_out};
use crate::exit::{self, Code};
use crate::facts::Facts;
use crate::output::{Printer, Table, count};
use crate::survey::survey;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
A task whose result queue is gone, or has nobody who waits on it, is proved at full cost for nobody.
Before anything is reclaimed each result queue is asked once more whether somebody waits.

Examples:
  zero orphans
  zero orphans --reclaim --dry-run
  zero orphans --reclaim --yes --reason 'leader evicted'";

/// What can be typed after `orphans`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Remove the tasks, and delete the result queues.
    #[arg(long)]
    reclaim: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// One result queue without a leader, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Orphan {
    result_queue: QueueName,
    /// Whether the queue is still there.
    exists: bool,
    /// Results in it that nobody will read.
    results: Option<u64>,
    /// Ready tasks that answer to it.
    tasks: u64,
    blocks: BTreeSet<u64>,
}

/// Finds, and reclaims if asked to.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let before = Facts::read(broker).await?;
    broker.management.sees_everyone().await.context("cannot tell who has a leader")?;
    let surveys = survey(broker, before.work_queues()).await?;
    // Read again: a leader that began meanwhile has its queue by now.
    let facts = Facts::settled(broker, printer).await?;
    let mut orphans = find(&facts, &surveys);
    if !args.reclaim {
        list(&orphans, printer)?;
        return Ok(exit::DONE);
    }
    still_without_leader(broker, &mut orphans).await?;
    let plan = plan(&orphans, &facts, &surveys, broker.vhost.clone());
    carry_out(broker, &plan, &args.change, ("orphans", Approval::Yes), printer).await
}

fn list(orphans: &[Orphan], printer: &mut Printer) -> Result<()> {
    let mut table = Table::new(["RESULT QUEUE", "QUEUE", "RESULTS", "TASKS", "BLOCKS"], []);
    for orphan in orphans {
        let blocks: Vec<String> = orphan.blocks.iter().map(ToString::to_string).collect();
        let queue = if orphan.exists { "there" } else { "gone" };
        let results = if orphan.exists { count(orphan.results) } else { "-".to_owned() };
        let cells = [orphan.result_queue.to_string(), queue.to_owned(), results];
        table.row(cells.into_iter().chain([orphan.tasks.to_string(), blocks.join(" ")]));
    }
    printer.data(&orphans, &table)?;
    if orphans.is_empty() {
        printer.say("no task and no result queue is without its leader");
    } else {
        printer.say("`zero orphans --reclaim` removes them");
    }
    Ok(())
}

/// PURE: result queues that nobody consumes from, and those that only tasks speak of.
fn find(facts: &Facts, surveys: &BTreeMap<QueueName, Survey>) -> Vec<Orphan> {
    let mut orphans: BTreeMap<QueueName, Orphan> = BTreeMap::new();
    for queue in facts.deserted() {
        let orphan = Orphan::new(&queue.name, true, queue.reading.ready);
        orphans.insert(queue.name.clone(), orphan);
    }
    for (name, job) in surveys.values().flat_map(|survey| &survey.jobs) {
        if facts.has_no_leader(name) {
            let orphan =
                orphans.entry(name.clone()).or_insert_with(|| Orphan::new(name, false, None));
            orphan.tasks += job.tasks;
            orphan.blocks.extend(&job.blocks);
        }
    }
    orphans.into_values().collect()
}

impl Orphan {
    fn new(name: &QueueName, exists: bool, results: Option<u64>) -> Self {
        let (result_queue, blocks) = (name.clone(), BTreeSet::new());
        Self { result_queue, exists, results, tasks: 0, blocks }
    }
}

/// Asks each queue itself: the list of consumers is up to 5 s old.
async fn still_without_leader(broker: &Broker, orphans: &mut Vec<Orphan>) -> Result<()> {
    let mut connection = broker.connect().await?;
    let mut awaited = BTreeSet::new();
    for orphan in orphans.iter() {
        let depth = connection.touch(&orphan.result_queue).await?;
        if depth.is_some_and(|depth| depth.consumers > 0) {
            awaited.insert(orphan.result_queue.clone());
        }
    }
    connection.close().await;
    orphans.retain(|orphan| !awaited.contains(&orphan.result_queue));
    Ok(())
}

fn plan(
    orphans: &[Orphan],
    facts: &Facts,
    surveys: &BTreeMap<QueueName, Survey>,
    vhost: VhostName,
) -> Plan {
    let mut plan = Plan::new(vhost);
    let result_queues: BTreeSet<_> = orphans.iter().map(|orphan| &orphan.result_queue).collect();
    let filter = TaskFilter {
        result_queues: result_queues.iter().map(|name| (*name).clone()).collect(),
        ..TaskFilter::default()
    };
    for (name, survey) in surveys {
        // One that is gone by now took its tasks with it.
        let Some(queue) = facts.queue(name) else { continue };
        let theirs = survey.jobs.iter().filter(|(name, _)| result_queues.contains(name));
        let tasks: u64 = theirs.map(|(_, job)| job.tasks).sum();
        if tasks > 0 {
            plan.take_out(queue, Wanted::Tasks(filter.clone()), Some(tasks), None);
        }
    }
    for orphan in orphans.iter().filter(|orphan| orphan.exists) {
        let act = Act::Delete { ready: orphan.results, only_unused: true };
        plan.step(orphan.result_queue.clone(), act);
    }
    plan
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Client, Job, Pool, Queue, QueueConsumer, QueueRole, Reading};

    use super::*;

    fn name(name: &str) -> QueueName {
        QueueName::new(name).unwrap()
    }

    fn world() -> (Facts, BTreeMap<QueueName, Survey>) {
        let queue =
            |text: &str, role, ready| Queue::classic(name(text), role, Reading::known(ready, 0));
        let client = Some(Client { host: "10.0.0.7".into(), port: 1 });
        let facts = Facts::new(
            vec![
                queue("task-ipc-routing-key", QueueRole::Task(Pool::All), 6),
                queue("AAAAA", QueueRole::Result, 0),
                queue("BBBBB", QueueRole::Result, 2),
            ],
            vec![QueueConsumer { queue: name("AAAAA"), client }],
            Ok(Vec::new()),
        );
        let job = |tasks, block| Job { tasks, blocks: [block].into(), ..Job::default() };
        let jobs =
            [(name("AAAAA"), job(3, 5)), (name("BBBBB"), job(2, 6)), (name("CCCCC"), job(1, 7))];
        let survey = Survey { jobs: jobs.into(), seen: 6, unreadable: 0, untold: 0 };
        (facts, [(name("task-ipc-routing-key"), survey)].into())
    }

    #[test]
    fn tasks_and_queues_without_a_leader_are_found_and_no_others() {
        let (facts, surveys) = world();
        let found = find(&facts, &surveys);
        let told: Vec<_> =
            found.iter().map(|o| (o.result_queue.as_str(), o.exists, o.tasks)).collect();
        assert_eq!(told, [("BBBBB", true, 2), ("CCCCC", false, 1)]);
    }

    #[test]
    fn they_are_reclaimed_and_the_others_stay() {
        let (facts, surveys) = world();
        let plan = plan(&find(&facts, &surveys), &facts, &surveys, VhostName::default());
        insta::assert_snapshot!(plan, @"
        In vhost `/`:
          1. remove 3 of 6 ready messages of `task-ipc-routing-key` into the backup
          2. delete the queue `BBBBB` with 2 ready messages, if still nobody consumes from it
        ");
    }
}
