//! Everything known, answered from memory: the one object behind gRPC, HTTP and the embedded
//! autoscaler.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::decide::{Decision, Explanation, Refusal, check_age};
use crate::drain::ServiceRate;
use crate::local::LocalStatus;
use crate::proofs::ProofsKnown;
use crate::protect;
use crate::snapshot::Snapshot;
use crate::status::Status;
use crate::telling;
use crate::trigger::{self, Trigger};
use crate::triggers::{Known, NotTaken, Triggers};

/// How long a call may wait for the first read of a vhost nobody asked for before. KEDA sets no
/// deadline and holds a lock meanwhile; two seconds is what a call may take in all.
const FIRST_READ: Duration = Duration::from_millis(1_500);

/// Why there is no answer.
#[derive(Debug, Clone, Error)]
pub enum AskError {
    /// The trigger cannot be used.
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
    /// `broker` names none of ours.
    #[error("trigger metadata `broker`: no broker `{alias}` is configured, known are {known}")]
    UnknownBroker {
        /// The alias asked for.
        alias: String,
        /// The configured ones.
        known: String,
    },
    /// The broker did not tell what is needed.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// An answer and what was asked.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The trigger.
    pub known: Arc<Known>,
    /// The decision.
    pub decision: Arc<Decision>,
}

/// What answers are made of.
#[derive(Debug)]
struct Inner {
    brokers: BTreeMap<String, Arc<BrokerState>>,
    triggers: Arc<Triggers>,
    limit: Duration,
    started: Instant,
    tick: watch::Sender<u64>,
    beside: Beside,
}

/// What is shown beside the brokers, where there is such a thing.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// The embedded autoscaler.
    pub local: Option<watch::Receiver<LocalStatus>>,
    /// The proof service.
    pub proofs: Option<watch::Receiver<ProofsKnown>>,
    /// The protection of busy workers.
    pub protect: Option<watch::Receiver<protect::Known>>,
}

/// Everything known. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Answers(Arc<Inner>);

impl Answers {
    /// `limit` is the greatest age of counts that are still acted on.
    #[must_use]
    pub fn new(
        brokers: Vec<Arc<BrokerState>>,
        triggers: Arc<Triggers>,
        limit: Duration,
        tick: watch::Sender<u64>,
        beside: Beside,
    ) -> Self {
        let brokers = brokers.into_iter().map(|broker| (broker.alias.clone(), broker)).collect();
        Self(Arc::new(Inner { brokers, triggers, limit, started: clock::now(), tick, beside }))
    }

    /// The trigger of this metadata. Asks no broker.
    pub fn trigger(
        &self,
        namespace: &str,
        name: &str,
        metadata: &HashMap<String, String>,
    ) -> Result<Arc<Known>, AskError> {
        let (known, new) = self.0.triggers.take(namespace, name, metadata, clock::now())?;
        if new && let Some(broker) = self.0.brokers.get(&known.trigger.broker) {
            broker.wake.notify_one();
        }
        Ok(known)
    }

    /// The decision for a trigger, from memory. Only the first call for a vhost may wait for its
    /// first read, at most 1.5 s.
    pub async fn ask(
        &self,
        namespace: &str,
        name: &str,
        metadata: &HashMap<String, String>,
    ) -> Result<Answered, AskError> {
        self.answer(self.trigger(namespace, name, metadata)?).await
    }

    /// The same for a trigger that was looked up already.
    pub async fn answer(&self, known: Arc<Known>) -> Result<Answered, AskError> {
        let broker = self.broker(&known.trigger)?;
        let mut snapshots = broker.subscribe();
        let deadline = tokio::time::Instant::now() + FIRST_READ;
        loop {
            let outcome = self.decide(&known);
            let waiting = match &outcome {
                Err(AskError::Refused(refusal)) => is_first_contact(refusal, &broker.snapshot()),
                _ => false,
            };
            if !waiting || !matches!(timeout_at(deadline, snapshots.changed()).await, Ok(Ok(()))) {
                return outcome.map(|decision| Answered { known, decision });
            }
        }
    }

    /// The decision for a trigger that is known already.
    pub fn decide(&self, known: &Known) -> Result<Arc<Decision>, AskError> {
        let snapshot = self.broker(&known.trigger)?.snapshot();
        let decision = known.decide(&snapshot)?;
        check_age(&known.trigger, &snapshot, self.0.limit, clock::now())?;
        Ok(decision)
    }

    /// Follows the snapshots that a trigger's answers come from.
    pub fn follow(&self, known: &Known) -> Result<watch::Receiver<Arc<Snapshot>>, AskError> {
        Ok(self.broker(&known.trigger)?.subscribe())
    }

    /// Grows with each change of anything known.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.tick.subscribe()
    }

    /// `Err`: why nothing can be answered yet. After the age limit it turns ready all the same:
    /// calls then fail with the reason, and KEDA's `fallback` counts failures of a scaler that it
    /// can reach, not of one that it cannot.
    pub fn readiness(&self) -> Result<(), String> {
        if clock::now().duration_since(self.0.started) > self.0.limit {
            return Ok(());
        }
        for broker in self.0.brokers.values() {
            let snapshot = broker.snapshot();
            if snapshot.vhosts.is_empty() {
                let cause = snapshot
                    .failures
                    .values()
                    .next()
                    .map_or("the first read is under way", String::as_str);
                return Err(format!("broker `{}` was not read yet: {cause}", broker.alias));
            }
        }
        Ok(())
    }

    /// Everything, for the page and `/status.json`.
    #[must_use]
    pub fn status(&self) -> Status {
        let now = clock::now();
        telling::Telling {
            brokers: self.0.brokers.values().map(AsRef::as_ref).collect(),
            answers: self,
            triggers: self.0.triggers.all(),
            now,
            started: self.0.started,
            wall: clock::wall(),
            local: self.0.beside.local.as_ref().map(|local| local.borrow().clone()),
            proofs: self.0.beside.proofs.as_ref().map(|proofs| proofs.borrow().clone()),
            protect: self.0.beside.protect.as_ref().map(|known| known.borrow().clone()),
        }
        .status()
    }

    /// The explanations of the triggers asked for lately: (namespace/name/metric, lines).
    #[must_use]
    pub fn explain_known(
        &self,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Vec<(String, String)> {
        let wanted = |known: &Arc<Known>| {
            namespace.is_none_or(|namespace| known.namespace == namespace)
                && name.is_none_or(|name| known.name == name)
        };
        let triggers = self.0.triggers.all().into_iter().filter(wanted);
        triggers
            .map(|known| {
                let title =
                    format!("{}/{} {}", known.namespace, known.name, known.trigger.metric_name);
                (title, self.explain(&known))
            })
            .collect()
    }

    /// The explanation of a trigger nobody asked for. Its vhost must be watched already.
    pub fn explain_metadata(&self, metadata: &HashMap<String, String>) -> Result<String, AskError> {
        let trigger = trigger::parse(metadata).map_err(NotTaken::from)?;
        let snapshot = self.broker(&trigger)?.snapshot();
        let rate = ServiceRate::default();
        let decision = crate::decide::decide(&trigger, &snapshot, &rate)?;
        check_age(&trigger, &snapshot, self.0.limit, clock::now())?;
        let told = tell(&trigger, &decision, &rate);
        let warnings = trigger.warnings.iter().map(|warning| format!("warning: {warning}"));
        Ok(warnings.chain([told]).collect::<Vec<_>>().join("\n"))
    }

    /// A known trigger's explanation, or why there is no answer.
    fn explain(&self, known: &Known) -> String {
        match self.decide(known) {
            Ok(decision) => tell(&known.trigger, &decision, &known.rate()),
            Err(error) => format!("refused: {error}"),
        }
    }

    fn broker(&self, trigger: &Trigger) -> Result<&Arc<BrokerState>, AskError> {
        self.0.brokers.get(&trigger.broker).ok_or_else(|| {
            let known: Vec<_> = self.0.brokers.keys().map(|alias| format!("`{alias}`")).collect();
            AskError::UnknownBroker {
                alias: trigger.broker.chars().take(60).collect(),
                known: known.join(", "),
            }
        })
    }
}

/// A decision's explanation at this moment.
pub(crate) fn tell(trigger: &Trigger, decision: &Decision, rate: &ServiceRate) -> String {
    Explanation { trigger, decision, rate, now: clock::now() }.to_string()
}

/// A vhost that was never tried is worth a short wait; one that failed is not.
fn is_first_contact(refusal: &Refusal, snapshot: &Snapshot) -> bool {
    match refusal {
        Refusal::NeverRead { vhost, .. } => !snapshot.failures.contains_key(vhost),
        Refusal::NoVhosts { .. } => snapshot.visible.is_none() && snapshot.failures.is_empty(),
        Refusal::TooOld { .. } | Refusal::CountsMissing { .. } => false,
    }
}
