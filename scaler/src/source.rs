//! Reads one vhost of one broker: live totals, or the metrics port, each the other's fallback.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::{
    Error, Lease, Management, MetricsScrape, Queue, QueueKind, QueueName, QueueRole, QueueState,
    Reading, VhostName, chain, classify,
};

use crate::clock;
use crate::pace;
use crate::snapshot::SourceKind;

/// Between two live reads of a vhost that is read from the metrics port: they tell what metrics
/// do not (streams, exclusive queues, leases) and whether the metrics port shows every queue.
const CENSUS_EVERY: Duration = Duration::from_secs(300);

/// A metrics port that shows fewer queues than this part of what a live read showed does not speak
/// for the whole broker: a node is missing, or the vhost is misspelt.
const WHOLE: f64 = 0.9;

/// The ways to read one broker.
#[derive(Debug, Clone)]
pub struct Source {
    /// The management API.
    pub management: Management,
    /// The metrics ports of all nodes, if configured.
    pub metrics: Option<MetricsScrape>,
    /// How often the broker's queues report to the metrics ports.
    pub statistics_interval: Duration,
}

/// What was learned of a vhost by its last live read.
#[derive(Debug, Default)]
pub struct Census {
    at: Option<Instant>,
    queues: usize,
    /// Queues that are not what their name alone says.
    special: HashMap<QueueName, Special>,
    /// Until then the metrics port is not believed.
    metrics_barred_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Special {
    role: QueueRole,
    kind: QueueKind,
    exclusive: bool,
}

/// The queues of one vhost, and where they were read.
#[derive(Debug)]
pub struct ReadQueues {
    /// Every queue.
    pub queues: Arc<[Queue]>,
    /// Where.
    pub source: SourceKind,
}

impl Source {
    /// Reads a vhost by the cheapest source that is right for it, and by the other if that fails.
    pub async fn read(&self, vhost: &VhostName, census: &mut Census) -> Result<ReadQueues, Error> {
        let live_up_to = pace::live_up_to(self.kind_of_metrics().lag());
        let Some(metrics) = self.metrics.as_ref().filter(|_| census.prefers_metrics(live_up_to))
        else {
            return match self.read_live(vhost, census).await {
                Err(error) if error.is_transient() => self.fall_back(vhost, census, error).await,
                outcome => outcome,
            };
        };
        match self.read_metrics(metrics, vhost, census).await {
            Ok(Some(read)) => Ok(read),
            Ok(None) => {
                let live = self.read_live(vhost, census).await?;
                census.judge_metrics(vhost, live_up_to);
                Ok(live)
            }
            Err(error) => {
                tracing::warn!(vhost = %vhost, error = %chain(&error), "the metrics port does not answer, reading live totals");
                self.read_live(vhost, census).await
            }
        }
    }

    /// The queues of a vhost that have a consumer.
    pub async fn consumed(&self, vhost: &VhostName) -> Result<HashSet<QueueName>, Error> {
        self.management.consumed_queues(vhost).await
    }

    fn kind_of_metrics(&self) -> SourceKind {
        SourceKind::metrics(self.statistics_interval)
    }

    async fn read_live(&self, vhost: &VhostName, census: &mut Census) -> Result<ReadQueues, Error> {
        let queues = self.management.queues(vhost).await?;
        census.take(&queues);
        Ok(ReadQueues { queues: queues.into(), source: SourceKind::Live })
    }

    /// One hung queue holds up the live totals and not the metrics port.
    async fn fall_back(
        &self,
        vhost: &VhostName,
        census: &Census,
        error: Error,
    ) -> Result<ReadQueues, Error> {
        let Some(metrics) = self.metrics.as_ref().filter(|_| census.at.is_some()) else {
            return Err(error);
        };
        match self.read_metrics(metrics, vhost, census).await {
            Ok(Some(read)) => {
                tracing::warn!(vhost = %vhost, error = %chain(&error), "no live totals, reading the metrics port");
                Ok(read)
            }
            Ok(None) | Err(_) => Err(error),
        }
    }

    /// `None`: fewer queues than there ought to be.
    async fn read_metrics(
        &self,
        metrics: &MetricsScrape,
        vhost: &VhostName,
        census: &Census,
    ) -> Result<Option<ReadQueues>, Error> {
        let depths = metrics.depths(vhost).await?;
        let expected = WHOLE * crate::drain::to_f64(census.queues as u64);
        if depths.is_empty() || crate::drain::to_f64(depths.len() as u64) < expected {
            return Ok(None);
        }
        let queues = depths.into_iter().map(|(name, reading)| census.queue(name, reading));
        Ok(Some(ReadQueues { queues: queues.collect(), source: self.kind_of_metrics() }))
    }
}

impl Census {
    fn prefers_metrics(&self, live_up_to: usize) -> bool {
        let now = clock::now();
        let recent = self.at.is_some_and(|at| now.duration_since(at) < CENSUS_EVERY);
        let believed = self.metrics_barred_until.is_none_or(|until| now >= until);
        recent && believed && self.queues > live_up_to
    }

    fn take(&mut self, queues: &[Queue]) {
        self.at = Some(clock::now());
        self.queues = queues.len();
        self.special = queues.iter().filter_map(special).collect();
    }

    /// A live read followed a scrape that showed too few queues: were they really gone?
    fn judge_metrics(&mut self, vhost: &VhostName, live_up_to: usize) {
        if self.queues > live_up_to {
            self.metrics_barred_until = Some(clock::now() + CENSUS_EVERY);
            tracing::warn!(
                vhost = %vhost,
                queues = self.queues,
                "the metrics addresses show only part of the queues: name every node of the cluster; reading live totals meanwhile"
            );
        }
    }

    fn queue(&self, name: QueueName, reading: Reading) -> Queue {
        let plain = || Special {
            role: classify(&name, Lease::Unknown),
            kind: QueueKind::Unknown,
            exclusive: false,
        };
        let Special { role, kind, exclusive } =
            self.special.get(&name).copied().unwrap_or_else(plain);
        Queue { name, role, kind, state: QueueState::Unknown, exclusive, reading }
    }
}

fn special(queue: &Queue) -> Option<(QueueName, Special)> {
    let plain = queue.role == classify(&queue.name, Lease::Unknown)
        && queue.kind != QueueKind::Stream
        && !queue.exclusive;
    let special = Special { role: queue.role, kind: queue.kind, exclusive: queue.exclusive };
    (!plain).then(|| (queue.name.clone(), special))
}
