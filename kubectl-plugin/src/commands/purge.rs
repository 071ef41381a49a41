//! `purge`: empties queues, into a backup unless that is declined.

use amqp_admin::{
    Act, Plan, Queue, QueueKind, QueueName, QueueRole, Reading, VhostName, Wanted, plural,
};
use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;

use super::queues::no_such_queue;
use crate::ask::Approval;
use crate::broker::Broker;
use crate::change::{ChangeArgs, carry_out};
use crate::complete::queue_names;
use crate::exit::Code;
use crate::facts::Facts;
use crate::holders;
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Only ready messages can be purged; those in workers' hands stay there, and the plan says whose.
To stop everything: stop the leaders, stop or pause the workers, then `zero purge --all`, which
empties control queues before task queues (a command left behind ends the next worker's first task)
and deletes result queues on which nobody waits.

Examples:
  zero purge --queue task-ipc-routing-key --dry-run
  zero purge --role control --yes
  zero purge --all --reason 'wrong witnesses'
  zero purge --queue proof-20362226 --no-backup --yes";

/// What can be typed after `purge`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    what: What,
    /// Purge at once and keep no copy. Without it every message is in a backup first.
    #[arg(long, conflicts_with = "backup")]
    no_backup: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Which queues.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// This queue. May be repeated.
    #[arg(long = "queue", value_name = "NAME", add = ArgValueCompleter::new(queue_names))]
    queues: Vec<QueueName>,
    /// Every queue of this role.
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<Role>,
    /// Every queue of the vhost.
    #[arg(long)]
    all: bool,
}

/// The roles of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    /// Workers take tasks from them.
    Task,
    /// Leaders read results from them.
    Result,
    /// They carry aborts to workers.
    Control,
    /// It holds tasks that failed at each attempt.
    DeadLetter,
    /// Named by operators.
    Other,
}

/// Plans and purges.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let facts = Facts::read(broker).await?;
    for name in &args.what.queues {
        if facts.queue(name).is_none() {
            return Err(no_such_queue(name, broker).into());
        }
    }
    let plan = plan(&args.what, &facts, broker.vhost.clone(), !args.no_backup);
    let name = broker.whole();
    let approval = if args.what.all { Approval::Retype(&name) } else { Approval::Yes };
    carry_out(broker, &plan, &args.change, ("purge", approval), printer).await
}

/// PURE: the steps in the order that leaves nothing behind that could harm: commands before tasks,
/// results last.
fn plan(what: &What, facts: &Facts, vhost: VhostName, backup: bool) -> Plan {
    let mut plan = Plan::new(vhost);
    let mut chosen: Vec<&Queue> =
        facts.queues.iter().filter(|queue| is_chosen(what, queue)).collect();
    chosen.sort_by_key(|queue| order(queue.role));
    let mut awaited = Vec::new();
    for queue in &chosen {
        let ready = queue.reading.ready;
        if queue.exclusive || queue.kind == QueueKind::Stream {
            plan.note(format!("`{}` is left alone: it is exclusive, or a stream", queue.name));
        } else if what.all && queue.role == QueueRole::Result && facts.is_consumed(&queue.name) {
            awaited.push(&queue.name);
        } else if what.all && queue.role == QueueRole::Result {
            plan.step(queue.name.clone(), Act::Delete { ready, only_unused: true });
        } else if ready != Some(0) {
            empty(&mut plan, queue, backup);
        }
    }
    if let Some(note) = waiting_leaders(&awaited) {
        plan.note(note);
    }
    if let Some(note) = holders::note(chosen.iter().copied(), facts) {
        plan.note(note);
    }
    if !backup && !plan.steps.is_empty() {
        plan.note("what is purged cannot be brought back");
    }
    plan
}

/// A result queue on which a leader waits is of use to nobody else, but the leader is alive.
fn waiting_leaders(awaited: &[&QueueName]) -> Option<String> {
    let (first, more) = awaited.split_first()?;
    let others = match more.len() {
        0 => String::new(),
        more => format!(" and {}", plural(more as u64, "more result queue")),
    };
    Some(format!("a leader waits on `{first}`{others}: stop it, or it waits for ever"))
}

fn empty(plan: &mut Plan, queue: &Queue, backup: bool) {
    let Reading { ready, unacked } = queue.reading;
    if backup {
        plan.take_out(queue, Wanted::Everything, ready, None);
    } else {
        plan.step(queue.name.clone(), Act::Purge { ready, unacked });
    }
}

fn is_chosen(what: &What, queue: &Queue) -> bool {
    let of_role = |role| match role {
        Role::Task => matches!(queue.role, QueueRole::Task(_)),
        Role::Result => queue.role == QueueRole::Result,
        Role::Control => queue.role == QueueRole::Control,
        Role::DeadLetter => queue.role == QueueRole::DeadLetter,
        Role::Other => queue.role == QueueRole::Other,
    };
    what.all || what.role.is_some_and(of_role) || what.queues.contains(&queue.name)
}

fn order(role: QueueRole) -> u8 {
    match role {
        QueueRole::Control => 0,
        QueueRole::Task(_) => 1,
        QueueRole::Other => 2,
        QueueRole::DeadLetter => 3,
        QueueRole::Result => 4,
    }
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Client, Pool, QueueConsumer};

    use super::*;

    fn queue(name: &str, role: QueueRole, ready: u64, unacked: u64) -> Queue {
        Queue::classic(QueueName::new(name).unwrap(), role, Reading::known(ready, unacked))
    }

    fn facts() -> Facts {
        let waiting = QueueName::new("AbCdE").unwrap();
        let client = Some(Client { host: "10.0.0.7".into(), port: 4711 });
        Facts::new(
            vec![
                queue("task-ipc-routing-key", QueueRole::Task(Pool::All), 12, 2),
                queue("AbCdE", QueueRole::Result, 0, 0),
                queue("XyZ12", QueueRole::Result, 3, 0),
                queue("command-ipc-routing-key", QueueRole::Control, 1, 0),
                queue("proof-7", QueueRole::Other, 0, 0),
            ],
            vec![QueueConsumer { queue: waiting, client }],
            Err("not asked".into()),
        )
    }

    fn what(all: bool, role: Option<Role>, queues: &[&str]) -> What {
        let queues = queues.iter().map(|name| QueueName::new(name).unwrap()).collect();
        What { queues, role, all }
    }

    #[test]
    fn everything_is_emptied_commands_first_and_waiting_leaders_are_named() {
        let plan = plan(&what(true, None, &[]), &facts(), VhostName::default(), true);
        insta::assert_snapshot!(plan, @"
        In vhost `/`:
          1. remove 1 of 1 ready message of `command-ipc-routing-key` into the backup
          2. remove 12 of 12 ready messages of `task-ipc-routing-key` into the backup
          3. delete the queue `XyZ12` with 3 ready messages, if still nobody consumes from it
          note: a leader waits on `AbCdE`: stop it, or it waits for ever
          note: 2 messages are in workers' hands and stay there (whose: not known, not asked)
        ");
    }

    #[test]
    fn without_a_backup_the_plan_says_what_that_means() {
        let what = what(false, Some(Role::Task), &[]);
        let plan = plan(&what, &facts(), VhostName::default(), false);
        assert!(plan.to_string().contains("cannot be brought back"), "{plan}");
        assert!(!plan.needs_backup());
    }

    #[test]
    fn an_empty_queue_needs_nothing() {
        let what = what(false, None, &["proof-7"]);
        let plan = plan(&what, &facts(), VhostName::default(), true);
        assert!(plan.steps.is_empty(), "{plan}");
    }
}
