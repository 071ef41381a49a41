//! Reads each watched vhost of one broker at its own pace and replaces the snapshot.

use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{Error, Queue, QueueRole, VhostName, chain};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::broker_state::BrokerState;
use crate::clock;
use crate::orphans::{Evidence, OrphanWatch};
use crate::pace::{self, Load};
use crate::snapshot::VhostReading;
use crate::source::{Census, ReadQueues, Source};
use crate::telemetry::Telemetry;
use crate::triggers::Triggers;

/// Reads of one broker under way at once: a hung vhost must not hold up the others.
const READS_AT_ONCE: usize = 4;
/// Between two looks at which vhosts are watched; a new trigger is looked at at once.
const RECONSIDER_EVERY: Duration = Duration::from_secs(30);
/// After a failed read; the old reading ages meanwhile.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// After several failed reads in a row.
const RETRY_SLOWLY: Duration = Duration::from_secs(5);
/// The broker's list of consumers lags by 5 s: no use in asking it more often.
const CONSUMERS_EVERY: Duration = Duration::from_secs(5);

/// The loop of one broker.
#[derive(Debug)]
pub struct Poller {
    /// Where the snapshot goes.
    pub state: Arc<BrokerState>,
    /// How to read.
    pub source: Source,
    /// Which vhosts are asked for.
    pub triggers: Arc<Triggers>,
    /// Watched even while nobody asks, so that readiness means something.
    pub home: VhostName,
    telemetry: Telemetry,
    /// Bounds the reads under way.
    reads: Semaphore,
    jitter: RandomState,
}

impl Poller {
    /// A poller that has not read anything.
    #[must_use]
    pub fn new(
        state: Arc<BrokerState>,
        source: Source,
        triggers: Arc<Triggers>,
        home: VhostName,
        telemetry: Telemetry,
    ) -> Self {
        let reads = Semaphore::new(READS_AT_ONCE);
        Self { state, source, triggers, home, telemetry, reads, jitter: RandomState::new() }
    }

    /// Runs until `shutdown`. Each vhost is read by a task of its own.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        let mut followed: Vec<(VhostName, AbortHandle)> = Vec::new();
        loop {
            self.triggers.forget_idle(clock::now());
            let wanted = self.wanted().await;
            followed.retain(|(vhost, task)| {
                wanted.contains(vhost) || {
                    task.abort();
                    false
                }
            });
            for vhost in &wanted {
                if !followed.iter().any(|(followed, _)| followed == vhost) {
                    let task = tasks.spawn(self.clone().follow(vhost.clone()));
                    followed.push((vhost.clone(), task));
                }
            }
            self.forget_others(&wanted);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.state.wake.notified() => {}
                () = tokio::time::sleep(RECONSIDER_EVERY) => {}
                Some(ended) = tasks.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        tracing::error!("the reader of a vhost died; starting it anew");
                    }
                    followed.retain(|(_, task)| !task.is_finished());
                }
            }
        }
    }

    async fn wanted(&self) -> BTreeSet<VhostName> {
        let (named, all) = self.triggers.vhosts(&self.state.alias);
        let mut wanted: BTreeSet<_> = named.into_iter().chain([self.home.clone()]).collect();
        if all {
            match self.source.management.vhosts().await {
                Ok(visible) => self.state.update(|snapshot| snapshot.visible = Some(visible)),
                Err(error) => {
                    let cause = chain(&error);
                    tracing::warn!(broker = %self.state.alias, error = %cause, "cannot list the vhosts");
                    self.state.update(|snapshot| {
                        snapshot.failures.insert(self.home.clone(), cause);
                    });
                }
            }
            wanted.extend(self.state.snapshot().visible.clone().into_iter().flatten());
        }
        wanted
    }

    fn forget_others(&self, wanted: &BTreeSet<VhostName>) {
        let snapshot = self.state.snapshot();
        if snapshot
            .vhosts
            .keys()
            .chain(snapshot.failures.keys())
            .all(|vhost| wanted.contains(vhost))
        {
            return;
        }
        self.state.update(|snapshot| {
            snapshot.vhosts.retain(|vhost, _| wanted.contains(vhost));
            snapshot.failures.retain(|vhost, _| wanted.contains(vhost));
            snapshot.touched.retain(|(vhost, _), _| wanted.contains(vhost));
        });
        self.state.with_history(|history| history.retain(|vhost| wanted.contains(vhost)));
    }

    async fn follow(self: Arc<Self>, vhost: VhostName) {
        let mut follow = Follow::new(vhost);
        loop {
            let pause = {
                let Ok(_permit) = self.reads.acquire().await else { return };
                self.read(&mut follow).await
            };
            tokio::time::sleep(self.with_jitter(pause)).await;
        }
    }

    /// One read; gives the pause before the next.
    async fn read(&self, follow: &mut Follow) -> Duration {
        let started = clock::now();
        let outcome = self.source.read(&follow.vhost, &mut follow.census).await;
        let took = clock::now().duration_since(started);
        let from = outcome.as_ref().ok().map(|read| read.source);
        self.telemetry.asked(&self.state.alias, from, took);
        match outcome {
            Ok(read) => self.take(follow, read, started, took).await,
            Err(error) => self.fail(follow, &error),
        }
    }

    async fn take(
        &self,
        follow: &mut Follow,
        read: ReadQueues,
        started: Instant,
        took: Duration,
    ) -> Duration {
        if follow.failures > 0 {
            tracing::info!(broker = %self.state.alias, vhost = %follow.vhost, "vhost `{}` can be read again", follow.vhost);
            follow.failures = 0;
        }
        let (ready, unacked) = depth(&read.queues);
        if follow.last_depth.replace((ready, unacked)) != Some((ready, unacked)) {
            follow.changed_at = started;
        }
        self.watch_orphans(follow, &read.queues).await;
        let queues = read.queues.len();
        let reading = VhostReading {
            taken_at: started,
            source: read.source,
            queues: read.queues,
            orphans: follow.orphans.state(),
        };
        self.state.with_history(|history| history.note(&follow.vhost, started, ready, unacked));
        self.state.update(|snapshot| {
            snapshot.failures.remove(&follow.vhost);
            snapshot.vhosts.insert(follow.vhost.clone(), reading);
        });
        pace::pause(&Load {
            source: read.source,
            queues,
            took,
            demand: ready > 0 || unacked > 0,
            unchanged: started.duration_since(follow.changed_at),
        })
    }

    /// The old reading stays and ages; `decide` alone judges its age.
    fn fail(&self, follow: &mut Follow, error: &Error) -> Duration {
        let cause = chain(error);
        if follow.failures == 0 {
            tracing::warn!(broker = %self.state.alias, vhost = %follow.vhost, error = %cause, "cannot read vhost `{}`", follow.vhost);
        }
        follow.failures += 1;
        self.state.update(|snapshot| {
            // A vhost that is gone has no backlog to remember.
            if error.is_not_found() {
                snapshot.vhosts.remove(&follow.vhost);
            }
            snapshot.failures.insert(follow.vhost.clone(), cause);
        });
        if error.is_not_found() {
            // Under `*` the list of vhosts is out of date.
            self.state.wake.notify_one();
        }
        if follow.failures > 5 { RETRY_SLOWLY } else { RETRY_AFTER }
    }

    async fn watch_orphans(&self, follow: &mut Follow, queues: &[Queue]) {
        let mut evidence = evidence(queues);
        if evidence.ready_tasks > 0 && !evidence.results.is_empty() {
            let now = clock::now();
            if follow.consumers_asked.is_some_and(|at| now.duration_since(at) < CONSUMERS_EVERY) {
                return;
            }
            follow.consumers_asked = Some(now);
            // Not knowing is no evidence that a leader is gone.
            evidence.awaited = match self.source.consumed(&follow.vhost).await {
                Ok(consumed) => !evidence.results.is_disjoint(&consumed),
                Err(error) => {
                    if !std::mem::replace(&mut follow.blind, true) {
                        tracing::warn!(broker = %self.state.alias, vhost = %follow.vhost, error = %chain(&error), "whether leaders are gone cannot be told: every task counts");
                    }
                    true
                }
            };
        }
        follow.orphans = std::mem::take(&mut follow.orphans).observe(evidence, clock::now());
    }

    /// Up to a twentieth shorter, so that replicas and vhosts do not fall into step.
    fn with_jitter(&self, pause: Duration) -> Duration {
        let random = u32::try_from(self.jitter.hash_one(clock::now()) % 100).unwrap_or(0);
        pause.saturating_sub(pause * random / 2_000)
    }
}

/// What is remembered of one vhost between reads.
#[derive(Debug)]
struct Follow {
    vhost: VhostName,
    census: Census,
    orphans: OrphanWatch,
    consumers_asked: Option<Instant>,
    /// It has been said that consumers cannot be seen.
    blind: bool,
    last_depth: Option<(u64, u64)>,
    changed_at: Instant,
    failures: u32,
}

impl Follow {
    fn new(vhost: VhostName) -> Self {
        Self {
            vhost,
            census: Census::default(),
            orphans: OrphanWatch::default(),
            consumers_asked: None,
            blind: false,
            last_depth: None,
            changed_at: clock::now(),
            failures: 0,
        }
    }
}

/// Known messages in queues that workers take from. Only paces reads and draws the chart: what is
/// unknown is judged by `decide`.
fn depth(queues: &[Queue]) -> (u64, u64) {
    let work =
        queues.iter().filter(|queue| matches!(queue.role, QueueRole::Task(_) | QueueRole::Other));
    work.fold((0, 0), |(ready, unacked), queue| {
        let reading = queue.reading;
        (
            ready.saturating_add(reading.ready.unwrap_or(0)),
            unacked.saturating_add(reading.unacked.unwrap_or(0)),
        )
    })
}

fn evidence(queues: &[Queue]) -> Evidence {
    let tasks = queues.iter().filter(|queue| matches!(queue.role, QueueRole::Task(_)));
    let results = queues.iter().filter(|queue| queue.role == QueueRole::Result);
    Evidence {
        ready_tasks: tasks.map(|queue| queue.reading.ready.unwrap_or(0)).sum(),
        results: results.map(|queue| queue.name.clone()).collect::<HashSet<_>>(),
        awaited: false,
    }
}
