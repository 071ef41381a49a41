//! PURE: (trigger, snapshot, service rate, now) → [`Decision`] or [`Refusal`]. Nothing else judges
//! how old a snapshot may be, and nothing here turns an unknown count into a number.

use std::fmt;
use std::time::{Duration, Instant};

use amqp_admin::{Backlog, VhostName};
use thiserror::Error;

use crate::drain::{Sample, ServiceRate, to_f64};
use crate::snapshot::{Orphans, Snapshot, VhostReading};
use crate::trigger::{Mode, Trigger, Vhosts, role_words};

/// The most workers ever asked for. Times the highest target it stays below 9e15, where a
/// Kubernetes quantity in thousandths still fits 64 bits: above, the HPA reads garbage or 0.
pub const MAX_WORKERS: u64 = 1_000_000;

/// Why there is no number. Every cause is an error to KEDA, which then leaves replicas alone and
/// counts towards `fallback`; it is never 0 and never "inactive".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The vhost was not read since the scaler started.
    #[error("vhost `{vhost}` was not read yet: {cause}")]
    NeverRead {
        /// The vhost.
        vhost: VhostName,
        /// The last failure, or that the first read is under way.
        cause: String,
    },
    /// The last good reading is too old to act on.
    #[error("vhost `{vhost}`: the last reading is {} s old, the limit is {} s: {cause}", age.as_secs(), limit.as_secs())]
    TooOld {
        /// The vhost.
        vhost: VhostName,
        /// Its greatest possible age.
        age: Duration,
        /// The configured limit.
        limit: Duration,
        /// The last failure.
        cause: String,
    },
    /// The broker did not say how many messages some queues hold.
    #[error(
        "{count} of the counted queues have no message counts, e.g. `{example}`: is its node down, or are the broker's statistics off? Leave it out with `excludeQueues`, or bring it back"
    )]
    CountsMissing {
        /// How many queues.
        count: u64,
        /// One of them.
        example: String,
    },
    /// `vhost: *` and the list of vhosts was not read yet, or is empty.
    #[error("the list of vhosts was not read yet: {cause}")]
    NoVhosts {
        /// The last failure, or that the first read is under way.
        cause: String,
    },
}

/// One answer and how it came about.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Whether there is work: KEDA's 0 ↔ 1 decision.
    pub active: bool,
    /// The value KEDA divides by the target.
    pub value: f64,
    /// Workers wanted: `value / target`, rounded up.
    pub workers: u64,
    /// Messages in workers' hands: none of these workers may be taken away.
    pub busy: u64,
    /// Messages that count, before floor and cap.
    pub messages: u64,
    /// Ready messages whose leader is gone, left out of `messages`.
    pub orphaned: u64,
    /// The sums behind it.
    pub backlog: Backlog,
    /// When the oldest part was read.
    pub taken_at: Instant,
    /// Sources and vhosts, one line each.
    vhosts: Vec<String>,
    /// Workers that drain in time, in drain mode once a rate is known.
    drain_workers: Option<f64>,
}

impl Decision {
    /// The value for clients that read only the integer field.
    #[must_use]
    pub fn whole_value(&self) -> i64 {
        whole(self.value)
    }

    /// What a service rate is measured from.
    #[must_use]
    pub fn sample(&self) -> Sample {
        let total = self.backlog.ready.saturating_add(self.backlog.unacked);
        Sample { at: self.taken_at, total, busy: self.busy }
    }
}

/// int = ceil(float), saturating.
#[expect(clippy::cast_possible_truncation, reason = "a float-to-int cast saturates")]
pub(crate) fn whole(value: f64) -> i64 {
    value.ceil() as i64
}

/// The one decision of this program.
pub fn decide(
    trigger: &Trigger,
    snapshot: &Snapshot,
    rate: &ServiceRate,
) -> Result<Decision, Refusal> {
    let sums = add_up(trigger, snapshot)?;
    match sums.backlog.unknown.examples.first() {
        None => Ok(conclude(trigger, rate, sums)),
        Some(example) => Err(Refusal::CountsMissing {
            count: sums.backlog.unknown.count,
            example: example.to_string(),
        }),
    }
}

fn add_up(trigger: &Trigger, snapshot: &Snapshot) -> Result<Sums, Refusal> {
    let mut backlog = Backlog::default();
    let mut orphaned = 0;
    let mut taken = Vec::new();
    let mut vhosts = Vec::new();
    for vhost in vhosts_of(trigger, snapshot)? {
        let reading = reading_of(snapshot, &vhost)?;
        let before = backlog.ready_in_task_queues;
        snapshot.each_queue(&vhost, |queue| backlog.add(queue, &trigger.selector));
        if matches!(reading.orphans, Orphans::Certain { .. }) {
            orphaned += backlog.ready_in_task_queues.saturating_sub(before);
        }
        taken.push(reading.taken_at.checked_sub(reading.source.lag()).unwrap_or(reading.taken_at));
        let (queues, source) = (reading.queues.len(), reading.source.name());
        vhosts.push(format!("vhost `{vhost}`: {queues} queues, read from {source}"));
    }
    let cause = "this user sees no vhost";
    let taken_at = taken.into_iter().min().ok_or(Refusal::NoVhosts { cause: cause.into() })?;
    Ok(Sums { backlog, orphaned, taken_at, vhosts })
}

/// Whether what a decision rests on is young enough to act on. Judged at each answer, because
/// decisions are kept while the snapshot does not change.
pub fn check_age(
    trigger: &Trigger,
    snapshot: &Snapshot,
    limit: Duration,
    now: Instant,
) -> Result<(), Refusal> {
    for vhost in vhosts_of(trigger, snapshot)? {
        let age = reading_of(snapshot, &vhost)?.age(now);
        if age > limit {
            let cause = cause(snapshot, &vhost, "no answer since");
            return Err(Refusal::TooOld { vhost, age, limit, cause });
        }
    }
    Ok(())
}

/// The vhosts a trigger sums over.
pub fn vhosts_of(trigger: &Trigger, snapshot: &Snapshot) -> Result<Vec<VhostName>, Refusal> {
    match &trigger.vhosts {
        Vhosts::One(vhost) => Ok(vec![vhost.clone()]),
        Vhosts::All => snapshot.visible.clone().ok_or_else(|| {
            let cause = snapshot.failures.values().next();
            Refusal::NoVhosts {
                cause: cause.cloned().unwrap_or_else(|| "the first read is under way".into()),
            }
        }),
    }
}

fn reading_of<'a>(snapshot: &'a Snapshot, vhost: &VhostName) -> Result<&'a VhostReading, Refusal> {
    snapshot.vhosts.get(vhost).ok_or_else(|| Refusal::NeverRead {
        vhost: vhost.clone(),
        cause: cause(snapshot, vhost, "the first read is under way"),
    })
}

fn cause(snapshot: &Snapshot, vhost: &VhostName, otherwise: &str) -> String {
    snapshot.failures.get(vhost).cloned().unwrap_or_else(|| otherwise.into())
}

/// What was added up over all vhosts.
struct Sums {
    backlog: Backlog,
    orphaned: u64,
    taken_at: Instant,
    vhosts: Vec<String>,
}

fn conclude(trigger: &Trigger, rate: &ServiceRate, sums: Sums) -> Decision {
    let Sums { backlog, orphaned, taken_at, vhosts } = sums;
    let busy = backlog.unacked;
    let counted_unacked = if trigger.count_unacked { busy } else { 0 };
    let messages = backlog.ready.saturating_sub(orphaned).saturating_add(counted_unacked);
    let drain_workers = match trigger.mode {
        Mode::Backlog => None,
        Mode::Drain(within) => rate.workers_for(messages, within),
    };
    let wanted = drain_workers.map_or(to_f64(messages), |workers| workers * trigger.target);
    let cap = to_f64(trigger.max_workers.unwrap_or(MAX_WORKERS)) * trigger.target;
    let floor = to_f64(busy.min(MAX_WORKERS)) * trigger.target;
    let value = wanted.min(cap).max(floor);
    Decision {
        // A busy worker keeps the trigger active: at zero replicas it would be killed.
        active: to_f64(messages) > trigger.activation_target || busy > 0,
        value,
        workers: u64::try_from(whole(value / trigger.target)).unwrap_or(0),
        busy,
        messages,
        orphaned,
        backlog,
        taken_at,
        vhosts,
        drain_workers,
    }
}

/// A decision told line by line: where each number comes from.
pub struct Explanation<'a> {
    /// What was asked.
    pub trigger: &'a Trigger,
    /// What was answered.
    pub decision: &'a Decision,
    /// The rate behind a drain forecast.
    pub rate: &'a ServiceRate,
    /// The moment of telling.
    pub now: Instant,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for vhost in &self.decision.vhosts {
            writeln!(f, "{vhost}")?;
        }
        self.write_queues(f)?;
        self.write_sums(f)?;
        self.write_limits(f)?;
        self.write_answer(f)
    }
}

impl Explanation<'_> {
    fn write_queues(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backlog = &self.decision.backlog;
        let age = self.now.saturating_duration_since(self.decision.taken_at).as_secs_f64();
        writeln!(f, "age: counts are at most {age:.1} s old")?;
        let roles = role_words(self.trigger.selector.roles);
        let (matched, full) = (backlog.matched, backlog.non_empty);
        writeln!(f, "matched: {matched} queues with role {roles}, {full} of them hold messages")?;
        for (reason, queues) in &backlog.excluded {
            let names: Vec<_> = queues.examples.iter().map(|name| format!("`{name}`")).collect();
            let more = if queues.count > names.len() as u64 { ", …" } else { "" };
            let names = names.join(", ");
            writeln!(f, "excluded: {} because {reason}: {names}{more}", queues.count)?;
        }
        Ok(())
    }

    fn write_sums(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trigger, decision, .. } = self;
        writeln!(
            f,
            "sum: {} ready + {} unacked",
            decision.backlog.ready, decision.backlog.unacked
        )?;
        if decision.orphaned > 0 {
            let orphaned = decision.orphaned;
            writeln!(f, "orphaned: {orphaned} ready tasks have no leader waiting, not counted")?;
        }
        let counted =
            if trigger.count_unacked { "unacked counted" } else { "`countUnacked` is false" };
        writeln!(f, "backlog: {} messages ({counted})", decision.messages)
    }

    fn write_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trigger, decision, rate, .. } = self;
        if let Mode::Drain(within) = trigger.mode {
            let seconds = within.as_secs();
            match decision.drain_workers.zip(rate.seconds_per_message()) {
                Some((workers, held)) => {
                    writeln!(
                        f,
                        "drain: {workers} workers empty it in {seconds} s at {held:.1} s a message"
                    )?;
                }
                None => writeln!(f, "drain: no message finished yet, so as in mode `backlog`")?,
            }
        }
        let (busy, target) = (decision.busy, trigger.target);
        writeln!(
            f,
            "busy floor: {busy} busy workers × target {target} = {}",
            to_f64(busy) * target
        )?;
        match trigger.max_workers {
            Some(cap) => {
                writeln!(f, "cap: {cap} workers (`maxWorkers`), never below the busy floor")
            }
            None if decision.workers >= MAX_WORKERS => {
                writeln!(f, "cap: {MAX_WORKERS} workers, the most ever asked for")
            }
            None => writeln!(f, "cap: none (`maxWorkers` is not set)"),
        }
    }

    fn write_answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trigger, decision, .. } = self;
        let (value, workers) = (decision.value, decision.workers);
        writeln!(f, "value: {value} ÷ target {} = {workers} workers", trigger.target)?;
        let active = if decision.active { "yes" } else { "no" };
        let above = to_f64(decision.messages) > trigger.activation_target;
        let compared = if above { "above" } else { "not above" };
        let (messages, busy) = (decision.messages, decision.busy);
        let threshold = trigger.activation_target;
        write!(
            f,
            "active: {active}, backlog {messages} is {compared} `activationTarget` {threshold} and {busy} workers are busy"
        )
    }
}

#[cfg(test)]
mod tests;
