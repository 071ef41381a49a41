//! The triggers KEDA asked for lately: parsed once, decided once for each snapshot.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use amqp_admin::{Selector, VhostName};
use regex::Regex;
use thiserror::Error;

use crate::decide::{Decision, Refusal, decide};
use crate::drain::ServiceRate;
use crate::snapshot::Snapshot;
use crate::trigger::{self, Trigger, TriggerError, Vhosts};

/// A trigger not asked for in this time is forgotten: KEDA's contract has no call that closes one.
/// Long against any sensible `pollingInterval`; a forgotten one is only parsed again.
const FORGET_AFTER: Duration = Duration::from_secs(900);
/// More triggers than this are refused, so memory stays bounded.
const MOST_TRIGGERS: usize = 2_000;
/// More metadata than this is refused.
const MOST_METADATA_BYTES: usize = 256 << 10;

/// Why a trigger is not taken.
#[derive(Debug, Clone, Error)]
pub enum NotTaken {
    /// Its metadata cannot be used.
    #[error(transparent)]
    Metadata(#[from] TriggerError),
    /// Its metadata is too large.
    #[error("trigger metadata holds {0} bytes, the limit is {MOST_METADATA_BYTES}")]
    TooLarge(usize),
    /// Too many triggers.
    #[error("{MOST_TRIGGERS} triggers are being served already; run another scaler for more")]
    TooMany,
}

/// One trigger and the last decision about it.
#[derive(Debug)]
pub struct Known {
    /// The ScaledObject's namespace.
    pub namespace: String,
    /// The ScaledObject's name.
    pub name: String,
    /// What it asks for.
    pub trigger: Trigger,
    fingerprint: u64,
    asked: Mutex<Instant>,
    memo: Mutex<Memo>,
}

#[derive(Debug, Default)]
struct Memo {
    rate: ServiceRate,
    last: Option<(u64, Result<Arc<Decision>, Refusal>)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    /// The decision for this snapshot: made once, then remembered.
    pub fn decide(&self, snapshot: &Snapshot) -> Result<Arc<Decision>, Refusal> {
        let mut memo = lock(&self.memo);
        if let Some((sequence, outcome)) = &memo.last
            && *sequence == snapshot.sequence
        {
            return outcome.clone();
        }
        let outcome = decide(&self.trigger, snapshot, &memo.rate).map(Arc::new);
        if let Ok(decision) = &outcome {
            memo.rate = memo.rate.observe(decision.sample());
        }
        memo.last = Some((snapshot.sequence, outcome.clone()));
        outcome
    }

    /// The service rate measured so far.
    #[must_use]
    pub fn rate(&self) -> ServiceRate {
        lock(&self.memo).rate
    }

    /// When it was last asked for.
    #[must_use]
    pub fn asked(&self) -> Instant {
        *lock(&self.asked)
    }

    /// Notes that it was asked for.
    pub fn touch(&self, now: Instant) {
        *lock(&self.asked) = now;
    }
}

/// The triggers of each ScaledObject, by namespace and name.
type ByObject = HashMap<(String, String), Vec<Arc<Known>>>;

/// All triggers asked for lately.
#[derive(Debug, Default)]
pub struct Triggers {
    hasher: RandomState,
    known: Mutex<ByObject>,
}

impl Triggers {
    /// The trigger of this metadata, parsed if it is new. `true`: it is new.
    pub fn take(
        &self,
        namespace: &str,
        name: &str,
        metadata: &HashMap<String, String>,
        now: Instant,
    ) -> Result<(Arc<Known>, bool), NotTaken> {
        let bytes = metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MOST_METADATA_BYTES {
            return Err(NotTaken::TooLarge(bytes));
        }
        let fingerprint = self.fingerprint(metadata);
        let mut known = lock(&self.known);
        let key = (namespace.to_owned(), name.to_owned());
        let same = |known: &&Arc<Known>| known.fingerprint == fingerprint;
        if let Some(found) = known.get(&key).and_then(|known| known.iter().find(same)) {
            found.touch(now);
            return Ok((found.clone(), false));
        }
        let mut trigger = trigger::parse(metadata)?;
        forget_idle(&mut known, now);
        if known.values().map(Vec::len).sum::<usize>() >= MOST_TRIGGERS {
            return Err(NotTaken::TooMany);
        }
        share_patterns(&mut trigger, &known);
        for warning in &trigger.warnings {
            tracing::warn!(scaled_object = %format!("{namespace}/{name}"), "trigger metadata: {warning}");
        }
        let new = Arc::new(Known {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            trigger,
            fingerprint,
            asked: Mutex::new(now),
            memo: Mutex::default(),
        });
        known.entry(key).or_default().push(new.clone());
        Ok((new, true))
    }

    /// Every trigger, by namespace, name and metric.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Known>> {
        let mut all: Vec<_> = lock(&self.known).values().flatten().cloned().collect();
        all.sort_by(|a, b| {
            (&a.namespace, &a.name, &a.trigger.metric_name).cmp(&(
                &b.namespace,
                &b.name,
                &b.trigger.metric_name,
            ))
        });
        all
    }

    /// Forgets what nobody asked for lately.
    pub fn forget_idle(&self, now: Instant) {
        forget_idle(&mut lock(&self.known), now);
    }

    /// The vhosts that triggers on this broker ask for, and whether one asks for all.
    #[must_use]
    pub fn vhosts(&self, broker: &str) -> (Vec<VhostName>, bool) {
        let (mut named, mut all) = (Vec::new(), false);
        for known in lock(&self.known).values().flatten() {
            match &known.trigger.vhosts {
                _ if known.trigger.broker != broker => {}
                Vhosts::One(vhost) => named.push(vhost.clone()),
                Vhosts::All => all = true,
            }
        }
        (named, all)
    }

    /// The same for equal metadata in any order.
    fn fingerprint(&self, metadata: &HashMap<String, String>) -> u64 {
        metadata.iter().fold(0, |sum, pair| sum.wrapping_add(self.hasher.hash_one(pair)))
    }
}

/// A compiled pattern takes up to a hundred kilobytes: equal ones are one.
fn share_patterns(trigger: &mut Trigger, known: &ByObject) {
    let known = known.values().flatten().map(|known| &known.trigger.selector);
    let known: Vec<&Arc<Regex>> =
        known.flat_map(|selector| [&selector.queues, &selector.exclude]).flatten().collect();
    let Selector { queues, exclude, .. } = &mut trigger.selector;
    for pattern in [queues, exclude].into_iter().flatten() {
        if let Some(equal) = known.iter().find(|known| known.as_str() == pattern.as_str()) {
            *pattern = Arc::clone(equal);
        }
    }
}

fn forget_idle(known: &mut ByObject, now: Instant) {
    for triggers in known.values_mut() {
        triggers.retain(|known| now.saturating_duration_since(known.asked()) < FORGET_AFTER);
    }
    known.retain(|_, triggers| !triggers.is_empty());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn metadata(target: &str) -> HashMap<String, String> {
        [("target".to_owned(), target.to_owned()), ("vhost".to_owned(), "v".to_owned())].into()
    }

    #[test]
    fn changed_metadata_is_used_at_once_and_the_old_forgotten_in_time() {
        let (triggers, now) = (Triggers::default(), clock::now());
        let (first, new) = triggers.take("ns", "so", &metadata("1"), now).unwrap();
        assert!(new && first.trigger.target < 1.5);
        assert!(!triggers.take("ns", "so", &metadata("1"), now).unwrap().1);
        let later = now + FORGET_AFTER;
        assert!(triggers.take("ns", "so", &metadata("2"), later).unwrap().0.trigger.target > 1.5);
        assert_eq!(triggers.all().len(), 1);
    }

    #[test]
    fn equal_patterns_are_compiled_once_and_kept() {
        let (triggers, now) = (Triggers::default(), clock::now());
        let take = |name, pattern: &str| {
            let metadata = [("queues".to_owned(), pattern.to_owned())].into();
            triggers.take("ns", name, &metadata, now).unwrap().0
        };
        let pattern = |known: &Known| known.trigger.selector.queues.clone().unwrap();
        let first = pattern(&take("a", "proof-.*"));
        assert!(Arc::ptr_eq(&first, &pattern(&take("b", "proof-.*"))));
        assert!(!Arc::ptr_eq(&first, &pattern(&take("c", "other-.*"))));
    }

    #[test]
    fn more_metadata_or_triggers_than_fit_are_refused() {
        let (triggers, now) = (Triggers::default(), clock::now());
        let huge = [("note".to_owned(), "x".repeat(MOST_METADATA_BYTES))].into();
        assert!(matches!(triggers.take("ns", "so", &huge, now), Err(NotTaken::TooLarge(_))));
        for number in 0..MOST_TRIGGERS {
            triggers.take("ns", &number.to_string(), &HashMap::new(), now).unwrap();
        }
        let outcome = triggers.take("ns", "one more", &HashMap::new(), now);
        assert!(matches!(outcome, Err(NotTaken::TooMany)));
    }

    #[test]
    fn the_vhosts_of_one_broker_are_those_its_triggers_ask_for() {
        let (triggers, now) = (Triggers::default(), clock::now());
        triggers.take("ns", "so", &metadata("1"), now).unwrap();
        assert_eq!(triggers.vhosts("default"), (vec![VhostName::new("v").unwrap()], false));
        assert_eq!(triggers.vhosts("other"), (vec![], false));
    }
}
