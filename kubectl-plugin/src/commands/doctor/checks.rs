//! PURE: what is known → a finding for each hazard of the prover.

use std::collections::BTreeSet;

use amqp_admin::{
    ABORT_QUEUE_PREFIX, Client, Queue, QueueDetail, QueueName, QueueRole, agree, plural,
};

use super::Verdict::{CouldNotLook, Found, NotFound};
use super::sample::Sample;
use super::{Finding, Verdict};
use crate::facts::Facts;
use crate::output::bytes;

/// RabbitMQ's limit for a message since 4.0, where nobody has set another.
const MESSAGE_LIMIT: u64 = 16 << 20;

/// Everything the checks look at.
pub(super) struct Evidence<'a> {
    /// Queues, consumers and channels.
    pub(super) facts: &'a Facts,
    /// The first messages.
    pub(super) sample: &'a Sample,
    /// Queues that hold work and have no consumer, in full.
    pub(super) leases: &'a [(QueueName, QueueDetail)],
    /// The broker's version, if it told.
    pub(super) version: Option<String>,
    /// Whether the broker permits transient queues, if it told.
    pub(super) transient: Option<bool>,
}

/// One finding for each hazard, by number.
pub(super) fn check(evidence: &Evidence<'_>) -> Vec<Finding> {
    let mut findings = vec![
        evidence.orphans(),
        evidence.lost_task(),
        evidence.one_worker_aborts(),
        evidence.stale_abort(),
        evidence.abort_of_everything(),
        evidence.expiry(),
    ];
    findings.push(unseen(
        "H7",
        "a task longer than the broker's consumer_timeout (30 min) loops for ever",
        "rabbitmqctl environment | grep consumer_timeout; set it above the slowest task",
    ));
    findings.extend([evidence.large_message(), evidence.transient_queues(), evidence.writers()]);
    findings.extend(UNSEEN_11_TO_14.map(|(id, hazard, cure)| unseen(id, hazard, cure)));
    findings.push(evidence.half_dead_worker());
    findings.extend(UNSEEN_16_TO_18.map(|(id, hazard, cure)| unseen(id, hazard, cure)));
    findings
}

/// Seen in a cluster alone: a hazard's number, what it is, where to look.
const UNSEEN_11_TO_14: [(&str, &str, &str); 4] = [
    (
        "H11",
        "scale-in ends a busy worker, its task begins anew",
        "scale in slowly; kubectl get events, look for workers killed while unacked was above 0",
    ),
    (
        "H12",
        "a worker loads circuits before it connects, and says nothing when it is ready",
        "compare the pods with the consumers of the task queue: zero queues -o wide",
    ),
    (
        "H13",
        "an empty witness `[]` hangs its leader",
        "look at what was handed in: jq length witness.json",
    ),
    (
        "H14",
        "a worker that is PID 1 ignores SIGTERM until it is killed",
        "run it under an init that forwards signals",
    ),
];
const UNSEEN_16_TO_18: [(&str, &str, &str); 3] = [
    (
        "H16",
        "the verifier exits with 0 on a bad proof and on `[]`",
        "read its words: `All proofs verified successfully!`, and that there was a proof",
    ),
    (
        "H17",
        "a failed segment is masked in the leader's error",
        "look for its result queue in the workers' logs: grep routing_key=",
    ),
    (
        "H18",
        "circuits made with --use-test-config are loaded without it",
        "compare the flags of all workers, and of whoever made the circuits",
    ),
];

fn unseen(id: &'static str, hazard: &'static str, cure: &'static str) -> Finding {
    let evidence = "the broker does not show it".to_owned();
    Finding { id, hazard, verdict: CouldNotLook, evidence, cure }
}

fn found(is_found: bool) -> Verdict {
    if is_found { Found } else { NotFound }
}

impl Evidence<'_> {
    fn with_role(&self, wanted: impl Fn(QueueRole) -> bool) -> impl Iterator<Item = &Queue> {
        self.facts.queues.iter().filter(move |queue| wanted(queue.role))
    }

    fn ready_commands(&self) -> u64 {
        let control = self.with_role(|role| role == QueueRole::Control);
        control.filter_map(|queue| queue.reading.ready).sum()
    }

    fn clients(&self, wanted: impl Fn(QueueRole) -> bool) -> BTreeSet<&Client> {
        let queues: BTreeSet<_> = self.with_role(wanted).map(|queue| &queue.name).collect();
        let consumers = self.facts.consumers.iter().filter(|c| queues.contains(&c.queue));
        consumers.filter_map(|consumer| consumer.client.as_ref()).collect()
    }

    fn orphans(&self) -> Finding {
        let left = self.facts.deserted().count() as u64;
        let (queues, have) = (plural(left, "result queue"), agree(left, "has", "have"));
        Finding {
            id: "H1",
            hazard: "a dead leader's tasks are proved for nobody",
            verdict: found(left > 0),
            evidence: format!("{queues} {have} nobody who waits on {}", agree(left, "it", "them")),
            cure: "zero orphans --reclaim",
        }
    }

    fn lost_task(&self) -> Finding {
        let waiting = self.clients(|role| role == QueueRole::Result).len() as u64;
        let connections = plural(waiting, "connection");
        let outstanding = self.facts.queues.iter().any(|q| q.reading.both() != Some((0, 0)));
        Finding {
            id: "H2",
            hazard: "a rejected task is lost and its leader waits for ever",
            verdict: found(waiting > 0 && !outstanding),
            evidence: if outstanding {
                format!("leaders wait on {connections}, and there are tasks that could answer")
            } else {
                format!("leaders wait on {connections}, and no queue holds anything")
            },
            cure: "look again in a minute; if it is the same, stop the leader and prove the block again",
        }
    }

    fn one_worker_aborts(&self) -> Finding {
        let workers = self.clients(|role| role == QueueRole::Control).len() as u64;
        let commands = self.ready_commands();
        Finding {
            id: "H3",
            hazard: "an abort reaches one worker, whichever",
            verdict: found(commands > 0 && workers > 1),
            evidence: format!(
                "{} {} the control queue, {} {}",
                plural(workers, "worker"),
                agree(workers, "reads", "share"),
                plural(commands, "command"),
                agree(commands, "waits", "wait")
            ),
            cure: "zero abort, which sends none; zero purge --role control",
        }
    }

    fn stale_abort(&self) -> Finding {
        let commands = self.ready_commands();
        Finding {
            id: "H4",
            hazard: "an abort that waits ends the first task of the next worker",
            verdict: found(commands > 0),
            evidence: format!(
                "{} {} in control queues",
                plural(commands, "command"),
                agree(commands, "waits", "wait")
            ),
            cure: "zero purge --role control, before workers start",
        }
    }

    fn abort_of_everything(&self) -> Finding {
        let aborts = self.sample.abort_all;
        Finding {
            id: "H5",
            hazard: "one failed task aborts every job",
            verdict: found(aborts > 0),
            evidence: format!(
                "{} {} every job",
                plural(aborts, "waiting command"),
                agree(aborts, "concerns", "concern")
            ),
            cure: "zero purge --role control; a vhost for each lane keeps jobs apart",
        }
    }

    fn expiry(&self) -> Finding {
        let expiring: Vec<String> = self
            .leases
            .iter()
            .filter(|(_, detail)| detail.expires_ms.is_some())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        Finding {
            id: "H6",
            hazard: "a queue without a consumer is deleted with its tasks",
            verdict: found(!expiring.is_empty()),
            evidence: match expiring.as_slice() {
                [] => "every queue that holds work has a consumer, or no lease".to_owned(),
                [name] => format!("{name} holds work, has no consumer, and expires"),
                names => format!("{} hold work, have no consumer, and expire", names.join(", ")),
            },
            cure: "start a worker, or let zero-scaler keep it alive (its default)",
        }
    }

    fn large_message(&self) -> Finding {
        let largest = self.sample.largest;
        Finding {
            id: "H8",
            hazard: "a message above the broker's limit closes the connection",
            verdict: if self.sample.seen == 0 {
                CouldNotLook
            } else {
                found(largest > MESSAGE_LIMIT / 2)
            },
            evidence: format!(
                "the largest of {} has {}; RabbitMQ 4's own limit is {}",
                plural(self.sample.seen, "message"),
                bytes(largest),
                bytes(MESSAGE_LIMIT)
            ),
            cure: "set max_message_size on the broker above the largest task",
        }
    }

    fn transient_queues(&self) -> Finding {
        let version = self.version.as_deref().unwrap_or_default();
        let mut parts = version.split('.').map(str::parse::<u32>);
        let (verdict, evidence) = match (self.transient, parts.next(), parts.next()) {
            (Some(permits), ..) => {
                let does = if permits { "permits" } else { "denies" };
                (found(!permits), format!("the broker says that it {does} them"))
            }
            (None, Some(Ok(major)), Some(Ok(minor))) => {
                let verdict = found((major, minor) >= (4, 3));
                (verdict, format!("the broker is RabbitMQ {major}.{minor}; 4.3 may refuse them"))
            }
            _ => (CouldNotLook, "the broker did not tell its version".to_owned()),
        };
        Finding {
            id: "H9",
            hazard: "the broker refuses transient queues, which paladin declares",
            verdict,
            evidence,
            cure: "give every gateway --queue-policy durable, or set deprecated_features.permit.transient_nonexcl_queues = true on every node",
        }
    }

    fn writers(&self) -> Finding {
        let Sample { writers, unreadable, seen, .. } = self.sample;
        let told: Vec<String> = writers.iter().map(|(who, n)| format!("{n} by {who}")).collect();
        let mixed = writers.len() > 1 || *unreadable > 0;
        Finding {
            id: "H10",
            hazard: "a worker that cannot read a task keeps it and does nothing",
            verdict: if *seen == 0 { CouldNotLook } else { found(mixed) },
            evidence: format!(
                "of {}: {}, {unreadable} that {}",
                plural(*seen, "message"),
                if told.is_empty() { "no task".to_owned() } else { told.join(", ") },
                agree(*unreadable, "is no task", "are no tasks")
            ),
            cure: "one generation and one serializer for each vhost; zero peek -o wide shows who wrote what",
        }
    }

    fn half_dead_worker(&self) -> Finding {
        let tasks = self.clients(|role| matches!(role, QueueRole::Task(_)));
        let mut control = self.clients(|role| role == QueueRole::Control);
        // A worker behind a gateway hears of aborts by a queue of its own.
        let is_abort = |queue: &QueueName| queue.as_str().starts_with(ABORT_QUEUE_PREFIX);
        let aborts = self.facts.consumers.iter().filter(|consumer| is_abort(&consumer.queue));
        control.extend(aborts.filter_map(|consumer| consumer.client.as_ref()));
        let odd: Vec<String> =
            tasks.symmetric_difference(&control).map(ToString::to_string).collect();
        Finding {
            id: "H15",
            hazard: "a worker that lost its connection or its consumer lives on and takes nothing",
            verdict: found(!odd.is_empty()),
            evidence: match odd.as_slice() {
                [] => format!("each worker consumes tasks and commands, {} in all", tasks.len()),
                [one] => format!("{one} consumes only one of tasks and commands"),
                odd => format!("{} consume only one of tasks and commands", odd.join(", ")),
            },
            cure: "restart it; a worker that lost its connection altogether shows only in the cluster",
        }
    }
}

#[cfg(test)]
mod tests {
    use amqp_admin::{Pool, QueueConsumer, Reading};

    use super::*;

    fn queue(name: &str, role: QueueRole, ready: u64, unacked: u64) -> Queue {
        Queue::classic(QueueName::new(name).unwrap(), role, Reading::known(ready, unacked))
    }

    fn consumer(name: &str, port: u16) -> QueueConsumer {
        let client = Some(Client { host: "10.0.0.7".into(), port });
        QueueConsumer { queue: QueueName::new(name).unwrap(), client }
    }

    const TASK: QueueRole = QueueRole::Task(Pool::All);

    fn at_work() -> Facts {
        Facts::new(
            vec![
                queue("tasks", TASK, 3, 1),
                queue("commands", QueueRole::Control, 0, 0),
                queue("AbCdE", QueueRole::Result, 0, 0),
            ],
            vec![consumer("tasks", 1), consumer("commands", 1), consumer("AbCdE", 2)],
            Ok(Vec::new()),
        )
    }

    fn sample() -> Sample {
        let writers = [("v0.7 postcard".to_owned(), 3)].into();
        Sample { seen: 3, writers, largest: 20_000, ..Sample::default() }
    }

    /// Of a broker that told nothing of itself.
    fn evidence<'a>(facts: &'a Facts, sample: &'a Sample) -> Evidence<'a> {
        Evidence { facts, sample, leases: &[], version: None, transient: None }
    }

    fn verdicts(facts: &Facts, sample: &Sample, version: &str) -> Vec<(&'static str, Verdict)> {
        let version = Some(version.to_owned());
        let findings = check(&Evidence { version, ..evidence(facts, sample) });
        findings.iter().map(|finding| (finding.id, finding.verdict)).collect()
    }

    #[test]
    fn every_hazard_has_one_check_in_order() {
        let ids: Vec<_> =
            verdicts(&at_work(), &sample(), "3.13.7").iter().map(|(id, _)| *id).collect();
        let expected: Vec<String> = (1..=18).map(|number| format!("H{number}")).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn a_system_at_work_is_well() {
        let found = verdicts(&at_work(), &sample(), "3.13.7");
        assert!(found.iter().all(|(_, verdict)| *verdict != Found), "{found:?}");
    }

    #[test]
    fn each_hazard_that_the_broker_shows_is_found() {
        let is_found = |facts: &Facts, sample: &Sample, version: &str, id: &str| {
            verdicts(facts, sample, version).contains(&(id, Found))
        };
        let with = |change: fn(&mut Facts)| {
            let mut facts = at_work();
            change(&mut facts);
            Facts::new(facts.queues, facts.consumers, facts.channels)
        };
        let gone = with(|facts| facts.consumers.retain(|c| c.queue.as_str() != "AbCdE"));
        assert!(is_found(&gone, &sample(), "3.13.7", "H1"));
        let lost = with(|facts| facts.queues[0].reading = Reading::known(0, 0));
        assert!(is_found(&lost, &sample(), "3.13.7", "H2"));
        let stale = with(|facts| facts.queues[1].reading = Reading::known(1, 0));
        assert!(is_found(&stale, &sample(), "3.13.7", "H4"));
        let half = with(|facts| facts.consumers.retain(|c| c.queue.as_str() != "commands"));
        assert!(is_found(&half, &sample(), "3.13.7", "H15"));
        let own = with(|facts| {
            for consumer in facts.consumers.iter_mut().filter(|c| c.queue.as_str() == "commands") {
                consumer.queue = QueueName::new("zero-abort-1a-0-commands").unwrap();
            }
        });
        assert!(!is_found(&own, &sample(), "3.13.7", "H15"), "behind a gateway");
        let aborts = Sample { abort_all: 1, ..sample() };
        assert!(is_found(&at_work(), &aborts, "3.13.7", "H5"));
        let large = Sample { largest: 9 << 20, ..sample() };
        assert!(is_found(&at_work(), &large, "3.13.7", "H8"));
        assert!(is_found(&at_work(), &sample(), "4.3.0", "H9"));
        let mixed = Sample { unreadable: 1, ..sample() };
        assert!(is_found(&at_work(), &mixed, "3.13.7", "H10"));
    }

    #[test]
    fn what_the_broker_says_of_transient_queues_counts_more_than_its_version() {
        let (facts, sample) = (at_work(), sample());
        for (version, transient, verdict) in [
            ("4.3.6", Some(true), NotFound),
            ("4.3.6", Some(false), Found),
            ("4.0.5", Some(false), Found),
            ("4.3.6", None, Found),
            ("4.0.5", None, NotFound),
        ] {
            let version = Some(version.to_owned());
            let evidence = Evidence { version, transient, ..evidence(&facts, &sample) };
            assert_eq!(evidence.transient_queues().verdict, verdict, "{transient:?}");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_not_said_to_be_well() {
        let none = Sample::default();
        let found = verdicts(&at_work(), &none, "no version");
        for id in ["H8", "H9", "H10"] {
            assert!(found.contains(&(id, CouldNotLook)), "{id}");
        }
    }

    #[test]
    fn work_that_will_expire_is_found() {
        let detail = QueueDetail {
            durable: Some(false),
            policy: None,
            expires_ms: Some(1_800_000),
            idle_since: None,
            consumers: Some(0),
            ready_bytes: None,
            dead_letter_exchange: None,
        };
        let leases = [(QueueName::new("tasks").unwrap(), detail)];
        let (facts, sample) = (at_work(), sample());
        let evidence = Evidence { leases: &leases, ..evidence(&facts, &sample) };
        assert_eq!(evidence.expiry().verdict, Found);
    }
}
