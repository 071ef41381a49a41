//! PURE: who holds tasks, and which pods there are → which pod's deletion cost is to be changed.
//!
//! A `ReplicaSet` that has to give up pods gives up those of the lowest deletion cost first. An idle
//! pod has none. A busy one has as its cost the seconds already put into its task, rounded down:
//! so every idle pod goes before any busy one, and of busy ones that with the least to lose.
//! What is not known changes nothing: a cost is never lowered on a guess.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use amqp_admin::{Holder, VhostName};

use crate::snapshot::{Snapshot, SourceKind, VhostReading};

mod known;
mod roles;
mod target;

pub use known::{Known, KnownTarget};
use roles::{Roles, is_work};
pub use target::{LeaseName, Target};

/// The annotation that Kubernetes reads (since 1.22), a 32-bit number; without it a pod costs 0.
pub const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
/// The cost of a task that was just begun: above every idle pod.
const JUST_BEGUN: u32 = 1;
/// Below, a task has just begun. From here on the cost doubles with the time, so that a task of
/// half an hour costs the API server six changes and not eighteen hundred.
const FIRST_STEP: u32 = 60;
/// Live counts older than this do not overrule what channels report; small vhosts are read each
/// second.
const FRESH: Duration = Duration::from_secs(2);
/// Counts older than this do not tell that everybody is seen; what KEDA is answered by default has
/// the same limit.
const TOO_OLD: Duration = Duration::from_secs(30);

/// A pod's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodName {
    /// Its namespace.
    pub namespace: String,
    /// Its name in there.
    pub name: String,
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A pod that is protected while it is busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: PodName,
    /// Told anew for each pod, also for one of the same name.
    pub uid: String,
    /// Its addresses; on its node's network those of the node.
    pub addresses: Vec<IpAddr>,
    /// The annotation as it stands.
    pub cost: Option<String>,
}

/// A client of the broker that may hold tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskHolder {
    /// The pod it says it is in.
    pub pod: Option<String>,
    /// Its address as the broker sees it.
    pub address: Option<IpAddr>,
    /// How people are told of it.
    pub told: String,
    /// It consumes from a queue of tasks in a vhost that is watched; else it may be anybody.
    pub is_worker: bool,
    /// Messages it holds, 0 when those can be no tasks; `None`: the broker did not say.
    pub tasks: Option<u64>,
    /// Messages it has acknowledged.
    pub acked: Option<u64>,
}

/// Those of the broker's clients that may hold tasks. `snapshot` knows the queues.
#[must_use]
pub fn task_holders(holders: &[Holder], snapshot: &Snapshot, now: Instant) -> Vec<TaskHolder> {
    let roles = Roles::of(snapshot);
    let held = holders.iter().filter(|holder| roles.may_hold(holder)).map(|holder| {
        // A worker takes tasks and commands on one channel, which has one count for both.
        let none = tasks_in_hand(snapshot, &holder.vhost, now) == Some(0);
        TaskHolder {
            pod: holder.pod.clone(),
            address: holder.client.host.parse().ok().map(|address: IpAddr| address.to_canonical()),
            told: holder.pod.clone().unwrap_or_else(|| holder.client.to_string()),
            is_worker: roles.works(holder) && snapshot.vhosts.contains_key(&holder.vhost),
            tasks: if none { Some(0) } else { holder.unacked },
            acked: holder.acked,
        }
    });
    held.collect()
}

/// Tasks that anybody in a vhost holds, counted live a moment ago.
fn tasks_in_hand(snapshot: &Snapshot, vhost: &VhostName, now: Instant) -> Option<u64> {
    let reading = snapshot.vhosts.get(vhost)?;
    let is_fresh = reading.source == SourceKind::Live && reading.age(now) <= FRESH;
    counted(reading).filter(|_| is_fresh)
}

/// `None`: the broker does not say for every queue.
fn counted(reading: &VhostReading) -> Option<u64> {
    let work = reading.queues.iter().filter(|queue| is_work(queue.role));
    work.map(|queue| queue.reading.unacked).try_fold(0_u64, |sum, held| Some(sum + held?))
}

/// Tasks that the queues count as in somebody's hands and no channel shows: channels and consumers
/// lag behind queues. While there are any, whoever seems idle may have one. `Err`: the queues do
/// not tell.
pub fn hidden(holders: &[Holder], snapshot: &Snapshot, now: Instant) -> Result<u64, String> {
    if snapshot.vhosts.is_empty() {
        let why =
            snapshot.failures.values().next().map_or("the first read is under way", String::as_str);
        return Err(format!("its queues were not read yet: {why}"));
    }
    let roles = Roles::of(snapshot);
    let mut hidden = 0_u64;
    for (vhost, reading) in &snapshot.vhosts {
        let age = reading.age(now);
        if age > TOO_OLD {
            return Err(format!("the counts of vhost `{vhost}` are {} s old", age.as_secs()));
        }
        let Some(in_hand) = counted(reading) else {
            return Err(format!("vhost `{vhost}`: some queues do not say what is in hand"));
        };
        // What a leader holds are results.
        let of_vhost =
            holders.iter().filter(|holder| holder.vhost == *vhost && roles.may_hold(holder));
        let shown: u64 = of_vhost.filter_map(|holder| holder.unacked).sum();
        hidden += in_hand.saturating_sub(shown);
    }
    Ok(hidden)
}

/// What one look showed.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// Every pod to protect.
    pub pods: &'a [Pod],
    /// Everybody who may hold tasks.
    pub holders: &'a [TaskHolder],
    /// Every broker and every namespace was read, and no task is hidden; else a pod that seems idle
    /// may not be.
    pub is_whole: bool,
}

/// Whether a pod holds a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// It does; its cost.
    Busy(u32),
    /// It does not.
    Idle,
    /// Nobody can say: its cost stays as it is.
    Unknown,
}

/// What follows from one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judged {
    /// Each pod, as in the look.
    pub pods: Vec<(Pod, Holding)>,
    /// Workers with a task that are no pod of ours, or not told apart from others.
    pub unmatched: Vec<String>,
}

/// A change of one pod's cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The pod.
    pub pod: PodName,
    /// It must still be this one.
    pub uid: String,
    /// The new cost; `None` takes the annotation away.
    pub cost: Option<u32>,
}

/// What is remembered of each pod between looks, by uid: since when it works on its task.
#[derive(Debug, Clone, Default)]
pub struct Memory(BTreeMap<String, Remembered>);

/// What a pod was last known to hold.
#[derive(Debug, Clone, Copy)]
enum Remembered {
    Nothing,
    Task(Spell),
}

/// A task in a pod's hands.
#[derive(Debug, Clone, Copy)]
struct Spell {
    since: Instant,
    acked: Option<u64>,
}

/// What all holders of one pod add up to.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    is_seen: bool,
    is_unclear: bool,
    tasks: u64,
    acked: Option<u64>,
}

impl Memory {
    /// Judges one look, and remembers it.
    pub fn judge(&mut self, look: Look<'_>, now: Instant) -> Judged {
        let (tallies, unmatched) = tallies(look);
        let everybody_known = look.is_whole && unmatched.is_empty();
        let mut pods = Vec::with_capacity(look.pods.len());
        let mut remembered = BTreeMap::new();
        for (pod, tally) in look.pods.iter().zip(tallies) {
            let before = self.0.get(&pod.uid).copied();
            let holding = if tally.tasks > 0 {
                let spell = spell(before, pod, tally.acked, now);
                remembered.insert(pod.uid.clone(), Remembered::Task(spell));
                Holding::Busy(cost(now.saturating_duration_since(spell.since)))
            } else if tally.is_unclear || !look.is_whole || !(tally.is_seen || everybody_known) {
                remembered.extend(before.map(|before| (pod.uid.clone(), before)));
                Holding::Unknown
            } else {
                remembered.insert(pod.uid.clone(), Remembered::Nothing);
                Holding::Idle
            };
            pods.push((pod.clone(), holding));
        }
        self.0 = remembered;
        Judged { pods, unmatched }
    }
}

/// What each pod has, in the order of the pods; and who is nobody's.
fn tallies(look: Look<'_>) -> (Vec<Tally>, Vec<String>) {
    let mut by_address: HashMap<IpAddr, Vec<usize>> = HashMap::new();
    let mut by_name = HashMap::new();
    for (place, pod) in look.pods.iter().enumerate() {
        by_name.insert(pod.name.to_string(), place);
        for address in &pod.addresses {
            by_address.entry(address.to_canonical()).or_default().push(place);
        }
    }
    let mut tallies = vec![Tally::default(); look.pods.len()];
    let mut unmatched = Vec::new();
    for holder in look.holders {
        let places = match (&holder.pod, holder.address) {
            (Some(name), _) => by_name.get(name).map(std::slice::from_ref),
            (None, Some(address)) => by_address.get(&address).map(Vec::as_slice),
            (None, None) => None,
        };
        let places = places.unwrap_or_default();
        let is_one = places.len() == 1;
        for place in places {
            if let Some(tally) = tallies.get_mut(*place) {
                tally.add(holder, is_one);
            }
        }
        if !is_one && holder.is_worker && holder.tasks != Some(0) {
            unmatched.push(holder.told.clone());
        }
    }
    (tallies, unmatched)
}

impl Tally {
    fn add(&mut self, holder: &TaskHolder, is_alone: bool) {
        self.is_seen = true;
        match holder.tasks {
            Some(0) => {}
            Some(tasks) if is_alone => self.tasks = self.tasks.saturating_add(tasks),
            Some(_) | None => self.is_unclear = true,
        }
        if let Some(acked) = holder.acked.filter(|_| is_alone) {
            self.acked = Some(self.acked.unwrap_or(0).saturating_add(acked));
        }
    }
}

/// The task of a busy pod. A count of acknowledgements that has changed tells of another task than
/// before. On first sight a cost of ours tells how long the task was known to whoever wrote it.
fn spell(before: Option<Remembered>, pod: &Pod, acked: Option<u64>, now: Instant) -> Spell {
    let since = match before {
        Some(Remembered::Task(spell)) if is_same(spell.acked, acked) => spell.since,
        Some(Remembered::Task(_) | Remembered::Nothing) => now,
        None => {
            let known = pod.cost.as_deref().and_then(ours).filter(|cost| *cost > JUST_BEGUN);
            let known = known.map(|cost| Duration::from_secs(cost.into()));
            known.and_then(|known| now.checked_sub(known)).unwrap_or(now)
        }
    };
    Spell { since, acked }
}

/// The broker tells no count before the first acknowledgement.
fn is_same(before: Option<u64>, now: Option<u64>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before == now,
        (None, Some(now)) => now == 0,
        (_, None) => true,
    }
}

/// The time put into a task → the pod's cost: 1, and from a minute on that time in seconds, rounded
/// down to 60, 120, 240, and so on.
#[must_use]
pub fn cost(invested: Duration) -> u32 {
    // The annotation has a sign.
    let seconds = i32::try_from(invested.as_secs()).unwrap_or(i32::MAX).unsigned_abs();
    match seconds / FIRST_STEP {
        0 => JUST_BEGUN,
        steps => FIRST_STEP << steps.ilog2(),
    }
}

/// A cost that we may have written.
fn ours(text: &str) -> Option<u32> {
    let value = text.parse().ok()?;
    let seconds = Duration::from_secs(u64::from(value));
    (value > 0 && cost(seconds) == value).then_some(value)
}

impl Judged {
    /// The changes that are due: busy pods are protected before idle ones are let go.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.pods.iter().filter_map(change).collect();
        changes.sort_by_key(|change| change.cost.is_none());
        changes
    }

    /// How many pods of a namespace hold a task, hold none, or may hold one.
    #[must_use]
    pub fn count(&self, namespace: &str) -> [u64; 3] {
        let mut counts = [0; 3];
        for (_, holding) in self.pods.iter().filter(|(pod, _)| pod.name.namespace == namespace) {
            let [busy, idle, unknown] = &mut counts;
            *match holding {
                Holding::Busy(_) => busy,
                Holding::Idle => idle,
                Holding::Unknown => unknown,
            } += 1;
        }
        counts
    }
}

fn change((pod, holding): &(Pod, Holding)) -> Option<Change> {
    let has = pod.cost.as_deref();
    let cost = match holding {
        Holding::Unknown => return None,
        Holding::Idle if has.is_none_or(|has| has == "0") => return None,
        Holding::Idle => None,
        Holding::Busy(cost) if has == Some(cost.to_string().as_str()) => return None,
        Holding::Busy(cost) => Some(*cost),
    };
    Some(Change { pod: pod.name.clone(), uid: pod.uid.clone(), cost })
}

#[cfg(test)]
mod tests;
