//! PURE: what is wrong, from what is known, each with its cure.

use amqp_admin::{NodeHealth, Queue, QueueRole, QueueState, agree, plural};
use serde::Serialize;

use crate::facts::Facts;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Warning {
    /// What, in a sentence.
    pub(super) what: String,
    /// A command, or what to do.
    pub(super) cure: String,
}

fn warning(what: impl Into<String>, cure: impl Into<String>) -> Warning {
    Warning { what: what.into(), cure: cure.into() }
}

/// Everything that is wrong, the worst first.
pub(super) fn warnings(facts: &Facts, nodes: Option<&[NodeHealth]>) -> Vec<Warning> {
    let alarms = nodes.unwrap_or_default().iter().filter_map(alarm);
    let down = facts.queues.iter().filter(|queue| queue.state == QueueState::Down);
    let down = down.map(|queue| {
        let what =
            format!("the queue `{}` cannot answer: its node is down, or it crashed", queue.name);
        warning(what, "bring the node back; `rabbitmqctl list_queues name state` says more")
    });
    let all = alarms.chain(down);
    all.chain(no_workers(facts))
        .chain(commands(facts))
        .chain(stuck(facts))
        .chain(orphans(facts))
        .chain(put_aside(facts))
        .collect()
}

fn alarm(node: &NodeHealth) -> Option<Warning> {
    let name = &node.name;
    if node.running == Some(false) {
        return Some(warning(format!("the node `{name}` does not run"), "start it"));
    }
    let what = match (node.mem_alarm, node.disk_free_alarm) {
        (Some(true), _) => "memory",
        (_, Some(true)) => "disk",
        (_, _) => return None,
    };
    let words =
        format!("the node `{name}` is out of {what}: nobody can publish, leaders and workers wait");
    Some(warning(
        words,
        format!("give it more {what}, or remove work: `zero queues`, then `zero purge`"),
    ))
}

fn tasks(facts: &Facts) -> impl Iterator<Item = &Queue> {
    facts.queues.iter().filter(|queue| matches!(queue.role, QueueRole::Task(_)))
}

fn no_workers(facts: &Facts) -> impl Iterator<Item = Warning> {
    let deserted = tasks(facts).filter(|queue| !facts.is_consumed(&queue.name));
    deserted.filter(|queue| queue.reading.ready.is_some_and(|ready| ready > 0)).map(|queue| {
        let ready = queue.reading.ready.unwrap_or_default();
        let (tasks, wait) = (plural(ready, "task"), agree(ready, "waits", "wait"));
        let what = format!("{tasks} {wait} in `{}` and no worker is connected to it", queue.name);
        warning(
            what,
            "start workers; a paladin queue expires with its tasks after 30 minutes without one",
        )
    })
}

/// H4: a command that waits ends the first task of the next worker.
fn commands(facts: &Facts) -> impl Iterator<Item = Warning> {
    let control = facts.queues.iter().filter(|queue| queue.role == QueueRole::Control);
    control.filter(|queue| queue.reading.ready.is_some_and(|ready| ready > 0)).map(|queue| {
        let what = format!(
            "an abort waits in `{}`: the next worker drops its first task for it",
            queue.name
        );
        warning(what, "zero purge --role control")
    })
}

/// H2: a leader waits and there is nothing that could answer it.
fn stuck(facts: &Facts) -> Option<Warning> {
    let awaited = facts
        .queues
        .iter()
        .any(|queue| queue.role == QueueRole::Result && facts.is_consumed(&queue.name));
    let idle = |queue: &Queue| queue.reading.both() == Some((0, 0));
    (awaited && facts.queues.iter().all(idle) && tasks(facts).next().is_some()).then(|| {
        warning(
            "a leader waits for results and no task is queued or in a worker's hands: its task was lost, or it is between two phases",
            "look again in a minute; if it is the same, stop the leader and prove the block again",
        )
    })
}

fn orphans(facts: &Facts) -> Option<Warning> {
    let left = facts.deserted().count() as u64;
    (left > 0).then(|| {
        let what = format!(
            "{} {} no leader; tasks that answer to {} are proved for nobody",
            plural(left, "result queue"),
            agree(left, "has", "have"),
            agree(left, "it", "them")
        );
        warning(what, "zero orphans, then zero orphans --reclaim")
    })
}

/// Tasks that failed at each attempt; their proofs have failed.
fn put_aside(facts: &Facts) -> Option<Warning> {
    let queue = facts.queues.iter().find(|queue| queue.role == QueueRole::DeadLetter)?;
    let ready = queue.reading.ready.filter(|ready| *ready > 0)?;
    let name = &queue.name;
    Some(warning(
        format!("{} failed at each attempt and were put aside in `{name}`", plural(ready, "task")),
        format!("zero peek {name}; then zero purge --queue {name}, which keeps a backup"),
    ))
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Client, Pool, QueueConsumer, QueueName, Reading};

    use super::*;

    fn queue(name: &str, role: QueueRole, ready: u64, unacked: u64) -> Queue {
        Queue::classic(QueueName::new(name).unwrap(), role, Reading::known(ready, unacked))
    }

    fn facts(queues: Vec<Queue>, consumed: &[&str]) -> Facts {
        let consumers = consumed.iter().map(|name| {
            let client = Some(Client { host: "10.0.0.7".into(), port: 1 });
            QueueConsumer { queue: QueueName::new(name).unwrap(), client }
        });
        Facts::new(queues, consumers.collect(), Ok(Vec::new()))
    }

    fn told(facts: &Facts) -> String {
        let words = warnings(facts, None).into_iter().map(|w| format!("{} → {}", w.what, w.cure));
        words.collect::<Vec<_>>().join("\n")
    }

    const TASK: QueueRole = QueueRole::Task(Pool::All);

    #[test]
    fn a_system_at_work_has_no_warning() {
        let queues = vec![queue("tasks", TASK, 3, 1), queue("AbCdE", QueueRole::Result, 0, 0)];
        assert_eq!(told(&facts(queues, &["tasks", "AbCdE"])), "");
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_with_its_cure() {
        let queues = vec![
            queue("tasks", TASK, 3, 0),
            queue("command-ipc-routing-key", QueueRole::Control, 1, 0),
            queue("AbCdE", QueueRole::Result, 0, 0),
            queue("zero-dead-letter", QueueRole::DeadLetter, 2, 0),
        ];
        insta::assert_snapshot!(told(&facts(queues, &[])), @"
        3 tasks wait in `tasks` and no worker is connected to it → start workers; a paladin queue expires with its tasks after 30 minutes without one
        an abort waits in `command-ipc-routing-key`: the next worker drops its first task for it → zero purge --role control
        1 result queue has no leader; tasks that answer to it are proved for nobody → zero orphans, then zero orphans --reclaim
        2 tasks failed at each attempt and were put aside in `zero-dead-letter` → zero peek zero-dead-letter; then zero purge --queue zero-dead-letter, which keeps a backup
        ");
    }

    #[test]
    fn a_leader_that_waits_for_nothing_is_noticed() {
        let queues = vec![queue("tasks", TASK, 0, 0), queue("AbCdE", QueueRole::Result, 0, 0)];
        assert!(told(&facts(queues.clone(), &["tasks", "AbCdE"])).contains("its task was lost"));
        let busy = vec![queue("tasks", TASK, 0, 1), queue("AbCdE", QueueRole::Result, 0, 0)];
        assert_eq!(told(&facts(busy, &["tasks", "AbCdE"])), "");
    }

    #[test]
    fn alarms_and_dead_nodes_come_first() {
        let node = |running, mem_alarm| NodeHealth {
            name: "rabbit@a".into(),
            running: Some(running),
            mem_alarm: Some(mem_alarm),
            disk_free_alarm: None,
        };
        let known = facts(vec![queue("tasks", TASK, 3, 0)], &[]);
        let told = warnings(&known, Some(&[node(true, true), node(false, false)]));
        assert!(told[0].what.contains("out of memory") && told[1].what.contains("does not run"));
        assert_eq!(told.len(), 3);
    }
}
