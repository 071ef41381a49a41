//! `remove`: takes the tasks of one proof out of the shared queues, and ends its leader.

use std::collections::{BTreeMap, BTreeSet};

use amqp_admin::paladin::Serializer;
use amqp_admin::{
    Act, Job, Plan, QueueName, QueueRole, Survey, TaskFilter, VhostName, Wanted, agree, plural,
};
use anyhow::Result;

use crate::ask::Approval;
use crate::broker::Broker;
use crate::change::{ChangeArgs, carry_out};
use crate::exit::{Code, Usage};
use crate::facts::Facts;
use crate::holders;
use crate::output::Printer;
use crate::select::TaskArgs;
use crate::survey::survey;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Every ready task is looked at once; those of other proofs go back to their places. A task that does
not say whose it is stays. Tasks in workers' hands are finished by them; their results recreate the
result queue, which expires 30 minutes later.
A leader whose tasks are gone would wait for ever, so it is given a failed result and ends, unless
it waits for other proofs too: then the plan says so and leaves it alone.

Examples:
  zero remove --block 20362228 --dry-run
  zero remove --block 20362226..20362229 --reason 'reorg'
  zero remove --result-queue BmXij --yes
  zero remove --proof tip-20362228";

/// What can be typed after `remove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) tasks: TaskArgs,
    /// Leave the leader alone: it waits until somebody stops it.
    #[arg(long, conflicts_with = "end_leader")]
    pub(super) leave_leader: bool,
    /// End the leader even if it waits for other proofs as well: they end with it.
    #[arg(long)]
    pub(super) end_leader: bool,
    #[command(flatten)]
    pub(super) change: ChangeArgs,
}

/// What becomes of a leader whose tasks are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// It is ended if it waits for nothing else.
    EndIfAlone,
    /// It is ended.
    End,
    /// It is left alone.
    Leave,
}

/// Looks, plans and removes.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    run_as("remove", args, broker, printer).await
}

/// The same under another command's name.
pub(super) async fn run_as(
    act: &str,
    args: &Args,
    broker: &Broker,
    printer: &mut Printer,
) -> Result<Code> {
    if args.tasks.is_empty() {
        let words = "which proof? give --block, --proof or --result-queue";
        return Err(Usage(words.to_owned()).into());
    }
    let facts = Facts::read(broker).await?;
    let surveys = survey(broker, facts.work_queues()).await?;
    let leader = match (args.leave_leader, args.end_leader) {
        (true, _) => Leader::Leave,
        (false, true) => Leader::End,
        (false, false) => Leader::EndIfAlone,
    };
    let plan = Removal::of(&args.tasks, &surveys).plan(&facts, leader, broker.vhost.clone());
    carry_out(broker, &plan, &args.change, (act, Approval::Yes), printer).await
}

/// PURE: what belongs to the proofs in question.
struct Removal<'a> {
    words: String,
    filter: TaskFilter,
    /// Ready tasks to remove, by the queue they wait in.
    waiting: BTreeMap<&'a QueueName, u64>,
    /// The result queues that are theirs alone.
    jobs: BTreeMap<QueueName, Option<Serializer>>,
    /// Tasks that do not say whose they are.
    untold: u64,
}

impl<'a> Removal<'a> {
    fn of(args: &TaskArgs, surveys: &'a BTreeMap<QueueName, Survey>) -> Self {
        let mut filter = args.filter();
        let asked = filter.result_queues.iter().map(|name| (name.clone(), None));
        let mut jobs: BTreeMap<QueueName, Option<Serializer>> = asked.collect();
        let (mut waiting, mut untold) = (BTreeMap::new(), 0);
        for (queue, survey) in surveys {
            untold += survey.unreadable + survey.untold;
            for (name, job) in &survey.jobs {
                if belongs(name, job, &filter) {
                    *waiting.entry(queue).or_default() += job.tasks;
                    jobs.insert(name.clone(), job.serializer);
                } else if job.blocks.is_empty() {
                    untold += job.without_block;
                }
            }
        }
        // Tasks of the same directive that do not say their block go with the others.
        filter.result_queues.extend(jobs.keys().cloned());
        Self { words: args.words(), filter, waiting, jobs, untold }
    }

    fn plan(&self, facts: &Facts, leader: Leader, vhost: VhostName) -> Plan {
        let mut plan = Plan::new(vhost);
        for (name, &messages) in &self.waiting {
            if let Some(queue) = facts.queue(name) {
                plan.take_out(queue, Wanted::Tasks(self.filter.clone()), Some(messages), None);
            }
        }
        self.plan_leaders(&mut plan, facts, leader);
        if self.untold > 0 {
            let does = agree(
                self.untold,
                "does not say whose it is, and stays",
                "do not say whose they are, and stay",
            );
            plan.note(format!("{} {does}", plural(self.untold, "message")));
        }
        let tasks = |role| matches!(role, QueueRole::Task(_));
        let task_queues = facts.work_queues().filter(|queue| tasks(queue.role));
        if let Some(note) = holders::note(task_queues, facts) {
            plan.note(format!("{note}; whose cannot be seen"));
        }
        if plan.steps.is_empty() {
            plan.note(format!("nothing of {} waits in a queue", self.words));
        }
        plan
    }

    fn plan_leaders(&self, plan: &mut Plan, facts: &Facts, leader: Leader) {
        let mut ended = BTreeSet::new();
        for (name, serializer) in &self.jobs {
            let Some(queue) = facts.queue(name) else { continue };
            let Some(consumer) = facts.consumers_of(name).next() else {
                let ready = queue.reading.ready;
                plan.step(name.clone(), Act::Delete { ready, only_unused: true });
                continue;
            };
            let who = consumer.client.as_ref();
            let others = who.map(|who| {
                let awaited = facts.awaited_by(who).filter(|other| !self.jobs.contains_key(*other));
                awaited.count()
            });
            let place = who.map_or_else(|| "somewhere".to_owned(), |who| format!("at {who}"));
            match (leader, others, serializer) {
                (Leader::End, _, Some(serializer))
                | (Leader::EndIfAlone, Some(0), Some(serializer)) => {
                    // One failed result ends a leader; a second would find nobody.
                    if who.is_none_or(|who| ended.insert(who)) {
                        let words = format!("an operator removed {}", self.words);
                        plan.step(name.clone(), Act::Tell { serializer: *serializer, words });
                    }
                }
                (Leader::Leave, _, _) => plan.note(format!(
                    "the leader {place} is left waiting on `{name}`: stop it yourself"
                )),
                (Leader::EndIfAlone, Some(1..), _) => plan.note(format!(
                    "the leader {place} waits for other proofs too and is left alone: it never ends; --end-leader ends it with them"
                )),
                (Leader::End | Leader::EndIfAlone, _, _) => plan.note(format!(
                    "a leader {place} waits on `{name}` and cannot be told, for nothing shows how it writes: stop it yourself"
                )),
            }
        }
    }
}

/// Whether a job is one of those in question, and theirs alone.
fn belongs(name: &QueueName, job: &Job, filter: &TaskFilter) -> bool {
    let in_range = |block: &u64| filter.blocks.iter().any(|range| range.contains(block));
    filter.result_queues.contains(name)
        || (!job.blocks.is_empty() && job.blocks.iter().all(in_range))
        || (!job.proofs.is_empty() && job.proofs.is_subset(&filter.proofs))
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Client, Pool, Queue, QueueConsumer, Reading};

    use super::*;

    fn name(name: &str) -> QueueName {
        QueueName::new(name).unwrap()
    }

    fn job(tasks: u64, block: u64) -> Job {
        let (blocks, serializer) = ([block].into(), Some(Serializer::Postcard));
        Job { tasks, blocks, serializer, ..Job::default() }
    }

    /// Blocks 5 and 6 of one leader, 7 of another, 8 of one that is gone.
    fn surveys() -> BTreeMap<QueueName, Survey> {
        let jobs = [
            ("AAAAA", job(3, 5)),
            ("BBBBB", job(2, 6)),
            ("CCCCC", job(4, 7)),
            ("DDDDD", job(1, 8)),
        ];
        let jobs = jobs.into_iter().map(|(queue, job)| (name(queue), job)).collect();
        let survey = Survey { jobs, seen: 11, unreadable: 1, untold: 0 };
        [(name("task-ipc-routing-key"), survey)].into()
    }

    fn facts() -> Facts {
        let queue = |text: &str, role, ready, unacked| {
            Queue::classic(name(text), role, Reading::known(ready, unacked))
        };
        let consumer = |text: &str, port| {
            let client = Some(Client { host: "10.0.0.7".into(), port });
            QueueConsumer { queue: name(text), client }
        };
        Facts::new(
            vec![
                queue("task-ipc-routing-key", QueueRole::Task(Pool::All), 11, 2),
                queue("AAAAA", QueueRole::Result, 0, 0),
                queue("BBBBB", QueueRole::Result, 0, 0),
                queue("CCCCC", QueueRole::Result, 0, 0),
                queue("DDDDD", QueueRole::Result, 2, 0),
            ],
            vec![consumer("AAAAA", 1), consumer("BBBBB", 1), consumer("CCCCC", 2)],
            Ok(Vec::new()),
        )
    }

    fn plan(blocks: std::ops::RangeInclusive<u64>, leader: Leader) -> String {
        let args = TaskArgs { blocks: vec![blocks], ..TaskArgs::default() };
        let surveys = surveys();
        Removal::of(&args, &surveys).plan(&facts(), leader, VhostName::default()).to_string()
    }

    #[test]
    fn a_leader_with_nothing_else_to_wait_for_is_ended() {
        insta::assert_snapshot!(plan(7..=7, Leader::EndIfAlone), @"
        In vhost `/`:
          1. remove 4 of 11 ready messages of `task-ipc-routing-key` into the backup
          2. tell the leader that waits on `CCCCC` that its work was removed: it ends
          note: 1 message does not say whose it is, and stays
          note: 2 messages are in workers' hands and stay there; whose cannot be seen
        ");
    }

    #[test]
    fn a_leader_of_other_proofs_is_left_alone_unless_it_is_to_end() {
        let left = plan(5..=5, Leader::EndIfAlone);
        assert!(
            left.contains("waits for other proofs too") && !left.contains("tell the leader"),
            "{left}"
        );
        assert!(plan(5..=5, Leader::End).contains("tell the leader that waits on `AAAAA`"));
        assert!(plan(7..=7, Leader::Leave).contains("left waiting on `CCCCC`"));
    }

    #[test]
    fn a_leader_that_waits_on_two_queues_is_told_once() {
        let both = plan(5..=6, Leader::EndIfAlone);
        assert_eq!(both.matches("tell the leader").count(), 1, "{both}");
    }

    #[test]
    fn the_queue_of_a_leader_that_is_gone_goes_too() {
        let gone = plan(8..=8, Leader::EndIfAlone);
        assert!(
            gone.contains("delete the queue `DDDDD` with 2 ready messages, if still"),
            "{gone}"
        );
    }

    #[test]
    fn nothing_to_remove_is_said() {
        let nothing = plan(9..=9, Leader::EndIfAlone);
        assert!(
            nothing.contains("nothing to do") && nothing.contains("nothing of block 9"),
            "{nothing}"
        );
    }
}
