//! PURE but for its inputs: the state of everything → [`Status`].

use std::sync::Arc;
use std::time::Instant;

use amqp_admin::{Pool, QueueRole, VhostName};
use jiff::Timestamp;

use crate::answers::{Answers, tell};
use crate::broker_state::BrokerState;
use crate::clock;
use crate::decide::Decision;
use crate::local::LocalStatus;
use crate::proofs::ProofsKnown;
use crate::protect;
use crate::snapshot::{Orphans, Snapshot, VhostReading};
use crate::status::{Answer, BrokerStatus, RoleStatus, Status, TriggerStatus, VhostStatus};
use crate::triggers::Known;

/// Version and commit, as `--version` prints them.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("ZERO_COMMIT"), ")");

/// What a status is made of.
pub(crate) struct Telling<'a> {
    pub(crate) brokers: Vec<&'a BrokerState>,
    pub(crate) answers: &'a Answers,
    pub(crate) triggers: Vec<Arc<Known>>,
    pub(crate) now: Instant,
    pub(crate) started: Instant,
    pub(crate) wall: Timestamp,
    pub(crate) local: Option<LocalStatus>,
    pub(crate) proofs: Option<ProofsKnown>,
    pub(crate) protect: Option<protect::Known>,
}

impl Telling<'_> {
    pub(crate) fn status(&self) -> Status {
        Status {
            version: VERSION.to_owned(),
            now: clock::written(self.wall),
            uptime_seconds: self.now.duration_since(self.started).as_secs(),
            brokers: self.brokers.iter().map(|broker| self.broker(broker)).collect(),
            triggers: self.triggers.iter().map(|known| self.trigger(known)).collect(),
            local: self.local.clone(),
            proofs: self.proofs.as_ref().map(|proofs| proofs.status(self.now, self.wall)),
            protect: self.protect.as_ref().map(|known| known.status(self.now)),
        }
    }

    fn broker(&self, broker: &BrokerState) -> BrokerStatus {
        let snapshot = broker.snapshot();
        let error = snapshot.failures.iter().next();
        let tried = error.is_some() || !snapshot.vhosts.is_empty();
        BrokerStatus {
            alias: broker.alias.clone(),
            address: broker.address.clone(),
            reachable: tried.then_some(error.is_none()),
            error: error.map(|(vhost, cause)| format!("vhost `{vhost}`: {cause}")),
            vhosts: snapshot
                .vhosts
                .iter()
                .map(|(vhost, reading)| self.vhost(broker, &snapshot, vhost, reading))
                .collect(),
            keep_alive: broker.with_keep_alive(|keep_alive| keep_alive.clone()),
        }
    }

    fn vhost(
        &self,
        broker: &BrokerState,
        snapshot: &Snapshot,
        vhost: &VhostName,
        reading: &VhostReading,
    ) -> VhostStatus {
        VhostStatus {
            name: vhost.to_string(),
            source: reading.source.name(),
            age_ms: u64::try_from(reading.age(self.now).as_millis()).unwrap_or(u64::MAX),
            queues: reading.queues.len() as u64,
            roles: roles(snapshot, vhost),
            orphans: match reading.orphans {
                Orphans::None => "none",
                Orphans::Suspected { .. } => "suspected",
                Orphans::Certain { .. } => "certain",
            },
            history: broker.with_history(|history| history.points(vhost, self.now)),
        }
    }

    fn trigger(&self, known: &Known) -> TriggerStatus {
        TriggerStatus {
            namespace: known.namespace.clone(),
            name: known.name.clone(),
            metric: known.trigger.metric_name.clone(),
            broker: known.trigger.broker.clone(),
            asked_seconds_ago: self.now.saturating_duration_since(known.asked()).as_secs(),
            answer: match self.answers.decide(known) {
                Ok(decision) => Answer::Value {
                    active: decision.active,
                    value: decision.value,
                    target: known.trigger.target,
                    workers: decision.workers,
                    messages: decision.messages,
                    busy: decision.busy,
                    orphaned: decision.orphaned,
                    explanation: explanation(known, &decision),
                },
                Err(error) => Answer::Refused { reason: error.to_string() },
            },
            warnings: known.trigger.warnings.clone(),
        }
    }
}

fn explanation(known: &Known, decision: &Decision) -> Vec<String> {
    tell(&known.trigger, decision, &known.rate()).lines().map(str::to_owned).collect()
}

fn roles(snapshot: &Snapshot, vhost: &VhostName) -> Vec<RoleStatus> {
    let shown =
        [QueueRole::Task(Pool::All), QueueRole::Other, QueueRole::Result, QueueRole::Control];
    let mut roles = shown.map(|role| RoleStatus {
        role: role.name(),
        queues: 0,
        ready: Some(0),
        unacked: Some(0),
    });
    snapshot.each_queue(vhost, |queue| {
        if let Some(role) = roles.iter_mut().find(|role| role.role == queue.role.name()) {
            role.queues += 1;
            role.ready = add(role.ready, queue.reading.ready);
            role.unacked = add(role.unacked, queue.reading.unacked);
        }
    });
    roles.into()
}

fn add(sum: Option<u64>, count: Option<u64>) -> Option<u64> {
    sum.zip(count).map(|(sum, count)| sum.saturating_add(count))
}
