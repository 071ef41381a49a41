//! Keeps the deletion costs of worker pods as `protect` says, while this replica has the Lease.
//!
//! Two loops: one for the Lease, one that looks and changes. The second runs only while the first
//! allows it, and is dropped where it stands when it no longer does.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{Holder, Management, chain};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::cluster::{Changed, Cluster};
use crate::election::{Election, RETRY_EVERY, Step};
use crate::protect::{
    Change, Judged, Known, KnownTarget, LeaseName, Look, Memory, Pod, Target, TaskHolder, hidden,
    task_holders,
};
use crate::snapshot::Snapshot;

/// The broker's channels report every 5 s: no use in asking more often.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Changes under way at once.
const CHANGES_AT_ONCE: usize = 8;
/// Looks until a worker whose channel is young must be listed: two rounds of the broker's.
const YOUNG_FOR_LOOKS: u32 = 3;
/// Looks after which tasks hidden without a break are not those of young channels, one after another.
const HIDDEN_FOR_LOOKS: u32 = 24;
/// Unmatched holders named in a line of the log.
const NAMED: usize = 8;

/// What protects busy workers.
pub struct Protector {
    cluster: Cluster,
    targets: Vec<Target>,
    lease: LeaseName,
    brokers: Vec<(Arc<BrokerState>, Management)>,
    known: watch::Sender<Known>,
    tick: watch::Sender<u64>,
}

/// What one look has read.
#[derive(Default)]
struct Read {
    pods: Vec<Pod>,
    holders: Vec<TaskHolder>,
    /// Tasks that no channel shows.
    hidden: u64,
    unread: Vec<Target>,
    errors: Vec<String>,
}

impl Protector {
    /// Nothing is asked yet. `tick` grows with each change of what is known.
    #[must_use]
    pub fn new(
        cluster: Cluster,
        (targets, lease): (Vec<Target>, LeaseName),
        brokers: Vec<(Arc<BrokerState>, Management)>,
        tick: watch::Sender<u64>,
    ) -> Self {
        let known = watch::Sender::new(Known::nothing(&targets));
        Self { cluster, targets, lease, brokers, known, tick }
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// Runs until `shutdown`, and gives the Lease back.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut election = Election::new(identity());
        let acts = watch::Sender::new(None);
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.elect(&mut election, &acts) => {}
            () = self.work(acts.subscribe()) => {}
        }
        // Nothing is changed from here on, so that the next holder is alone.
        self.give_back(&election).await;
    }

    async fn elect(&self, election: &mut Election, acts: &watch::Sender<Option<Instant>>) {
        loop {
            let error = self.try_lease(election).await.err();
            let until = election.acts_until();
            acts.send_if_modified(|before| std::mem::replace(before, until) != until);
            self.note_lease(election, error);
            sleep(RETRY_EVERY).await;
        }
    }

    async fn try_lease(&self, election: &mut Election) -> Result<(), String> {
        let seen = self.cluster.lease(&self.lease).await?;
        let asked = clock::now();
        let is_written = match (election.look(seen.clone(), asked), &seen) {
            (Step::Wait, _) => false,
            (Step::Create, _) | (_, None) => {
                self.cluster.make_lease(&self.lease, election.me()).await?
            }
            (Step::Take | Step::Renew, Some(seen)) => {
                self.cluster.replace_lease(&self.lease, Some(election.me()), seen).await?
            }
        };
        if is_written {
            election.written(asked);
        }
        Ok(())
    }

    fn note_lease(&self, election: &Election, error: Option<String>) {
        let leads = election.acts_until().is_some_and(|until| until > clock::now());
        let holder = if leads { Some(election.me()) } else { election.holder() };
        self.tell(|known| {
            match (known.leads, leads) {
                (false, true) => tracing::info!("this replica protects busy workers from now on"),
                (true, false) => tracing::warn!("this replica no longer protects busy workers"),
                (true, true) | (false, false) => {}
            }
            match (&known.lease_error, &error) {
                (None, Some(error)) => tracing::warn!("who protects busy workers: {error}"),
                (Some(_), None) => tracing::info!("the Lease can be read and written again"),
                (Some(_), Some(_)) | (None, None) => {}
            }
            if leads {
                known.leads = true;
            } else {
                known.stand_down();
            }
            known.holder = holder.map(str::to_owned);
            known.lease_error = error;
        });
    }

    async fn give_back(&self, election: &Election) {
        let me = election.me();
        let given = async {
            let lease = self.cluster.lease(&self.lease).await?;
            match lease.filter(|lease| lease.holder.as_deref() == Some(me)) {
                Some(seen) => self.cluster.replace_lease(&self.lease, None, &seen).await,
                None => Ok(false),
            }
        };
        match given.await {
            Ok(true) => tracing::info!("another replica may protect busy workers now"),
            Ok(false) => {}
            Err(error) => tracing::warn!("the Lease could not be given back: {error}"),
        }
    }

    async fn work(&self, mut acts: watch::Receiver<Option<Instant>>) {
        let may_act = |until: &Option<Instant>| until.is_some_and(|until| until > clock::now());
        while acts.wait_for(may_act).await.is_ok() {
            tokio::select! {
                () = self.look_and_change() => {}
                () = until_lost(acts.clone()) => {}
            }
        }
    }

    /// Begins with an empty memory: while another replica acted, tasks came and went.
    async fn look_and_change(&self) {
        let mut memory = Memory::default();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hidden_for = 0;
        loop {
            looks.tick().await;
            let started = clock::now();
            let mut read = self.read().await;
            hidden_for = if read.hidden > 0 { hidden_for + 1 } else { 0 };
            let patience =
                if lists_any(&read.holders) { HIDDEN_FOR_LOOKS } else { YOUNG_FOR_LOOKS };
            if hidden_for > patience {
                let tasks = amqp_admin::plural(read.hidden, "task");
                read.errors.push(format!("{tasks} in the hands of {UNLISTED}"));
            }
            let look = Look {
                pods: &read.pods,
                holders: &read.holders,
                is_whole: read.errors.is_empty() && read.hidden == 0,
            };
            let judged = memory.judge(look, clock::now());
            self.note_look(started, &read, &judged);
            self.change(judged.changes()).await;
        }
    }

    async fn read(&self) -> Read {
        let holders = join_all(self.brokers.iter().map(|(_, management)| management.holders()));
        let pods = join_all(self.targets.iter().map(|target| self.cluster.pods(target)));
        let (holders, pods) = tokio::join!(holders, pods);
        let mut read = Read::default();
        for ((state, _), holders) in self.brokers.iter().zip(holders) {
            if let Err(error) = read.add(holders, &state.snapshot()) {
                read.errors.push(format!("broker `{}`: {error}", state.alias));
            }
        }
        for (target, pods) in self.targets.iter().zip(pods) {
            match pods {
                Ok(pods) => read.pods.extend(pods),
                Err(error) => {
                    read.errors.push(error);
                    read.unread.push(target.clone());
                }
            }
        }
        // Two selectors may both choose a pod.
        read.pods.sort_by(|one, other| one.name.cmp(&other.name));
        read.pods.dedup_by(|one, other| one.uid == other.uid);
        read
    }

    fn note_look(&self, started: Instant, read: &Read, judged: &Judged) {
        let error = (!read.errors.is_empty()).then(|| read.errors.join("; "));
        self.tell(|known| {
            // The Lease went while we looked.
            if !known.leads {
                return;
            }
            match (&known.look_error, &error) {
                (None, Some(error)) => {
                    tracing::warn!("it is not known who is busy, so no cost is lowered: {error}");
                }
                (Some(_), None) => tracing::info!("it is known again who is busy"),
                (Some(_), Some(_)) | (None, None) => {}
            }
            if known.unmatched.is_empty() && !judged.unmatched.is_empty() {
                warn_of(&judged.unmatched);
            }
            if error.is_none() {
                known.looked = Some(started);
            }
            known.look_error = error;
            known.unmatched.clone_from(&judged.unmatched);
            for KnownTarget { target, pods } in &mut known.targets {
                let is_read = !read.unread.contains(target);
                *pods = is_read.then(|| judged.count(&target.namespace));
            }
        });
    }

    async fn change(&self, changes: Vec<Change>) {
        let changes = futures_util::stream::iter(changes).map(async |change| {
            let outcome = self.cluster.change(&change).await;
            (change, outcome)
        });
        let mut outcomes = changes.buffered(CHANGES_AT_ONCE);
        let mut failure = None;
        while let Some((change, outcome)) = outcomes.next().await {
            match outcome {
                Ok(Changed::Done) => {
                    self.known.send_modify(|known| known.changes += 1);
                    let (pod, cost) = (&change.pod, change.cost.unwrap_or(0));
                    tracing::debug!(pod = %pod, cost, "the deletion cost of pod `{pod}` is {cost}");
                }
                Ok(Changed::Gone) => {}
                Err(error) => {
                    self.known.send_modify(|known| known.failures += 1);
                    failure = Some(error);
                }
            }
        }
        self.tell(|known| {
            if let (None, Some(error)) = (&known.change_error, &failure) {
                tracing::warn!("a deletion cost could not be changed: {error}");
            }
            known.change_error = failure;
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Known)) {
        self.known.send_modify(change);
        self.tick.send_modify(|tick| *tick = tick.wrapping_add(1));
    }
}

impl Read {
    /// Takes in what a broker told.
    fn add(
        &mut self,
        holders: amqp_admin::Result<Vec<Holder>>,
        snapshot: &Snapshot,
    ) -> Result<(), String> {
        let (holders, now) = (holders.map_err(|error| chain(&error))?, clock::now());
        self.holders.extend(task_holders(&holders, snapshot, now));
        self.hidden += hidden(&holders, snapshot, now)?;
        Ok(())
    }
}

/// What to do where the broker counts tasks in hand and does not show in whose.
const UNLISTED: &str = "workers that the broker does not list: give the scaler's user the tag `monitoring`, for `management` shows it its own channels alone";

/// The broker shows of some worker what it holds.
fn lists_any(holders: &[TaskHolder]) -> bool {
    holders.iter().any(|holder| holder.is_worker && holder.tasks.is_some())
}

fn warn_of(unmatched: &[String]) {
    let named = unmatched.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    tracing::warn!(
        holders = unmatched.len(),
        "{} with a task cannot be protected, they are no pod that --protect selects, or share an address: {named}; see docs/operations.md",
        amqp_admin::plural(unmatched.len() as u64, "worker")
    );
}

/// Ends when the Lease may be another's.
async fn until_lost(mut acts: watch::Receiver<Option<Instant>>) {
    loop {
        let until = *acts.borrow_and_update();
        let Some(until) = until.filter(|until| *until > clock::now()) else { return };
        tokio::select! {
            () = sleep_until(until.into()) => {}
            changed = acts.changed() => if changed.is_err() { return },
        }
    }
}

/// The host's name, which in a pod is the pod's, and something that another start has not.
fn identity() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{host}_{:016x}", RandomState::new().hash_one(clock::now()))
}
