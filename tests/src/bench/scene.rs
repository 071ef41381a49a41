//! What is measured: a private broker with so many queues, and the scaler beside it.

use std::fmt;
use std::time::Duration;

use crate::amqp::Amqp;
use crate::harness;
use crate::keda::{KedaClient, scaled_object};
use crate::rabbitmq::{PrivateBroker, RabbitConfig};
use crate::scaler::{Launch, RunningScaler};
use anyhow::{Context, Result};

use ::scaler::grpc::proto::ScaledObjectRef;

/// The vhost of everything.
pub(crate) const VHOST: &str = "bench";
/// The queue that workers take from.
pub(crate) const TASKS: &str = "task-ipc-routing-key";
/// Every second queue holds a message, so there is demand.
const HOLDS_WORK: usize = 2;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    /// Queues in the vhost.
    pub(crate) queues: usize,
    /// The broker's `collect_statistics_interval` in seconds.
    pub(crate) statistics: u64,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queues, statistics each {} s", self.queues, self.statistics)
    }
}

impl Subject {
    /// For the narrow places of a plot.
    pub(crate) fn short(self) -> String {
        format!("{}, {} s", self.queues, self.statistics)
    }
}

/// A broker full of queues.
pub(crate) struct Scene {
    /// The node.
    pub(crate) broker: PrivateBroker,
    /// A connection to it.
    pub(crate) amqp: Amqp,
    /// Names of the per-proof queues.
    pub(crate) names: Vec<String>,
    subject: Subject,
    scaler: Option<RunningScaler>,
}

impl Scene {
    /// Starts a node and fills it.
    pub(crate) async fn new(subject: Subject) -> Result<Self> {
        let Subject { queues, statistics } = subject;
        let broker = PrivateBroker::start_new(&RabbitConfig {
            collect_statistics_interval: Some(Duration::from_secs(statistics)),
            ..RabbitConfig::default()
        })?;
        broker.add_vhost(VHOST)?;
        let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
        let names: Vec<_> =
            (1..queues).map(|number| format!("proof-{}", 20_000_000 + number)).collect();
        amqp.many_paladin_queues(&names).await?;
        amqp.paladin_queue(TASKS).await?;
        amqp.publish(TASKS, 1).await?;
        amqp.publish_to(names.iter().step_by(HOLDS_WORK).map(String::as_str)).await?;
        let mut scene = Self { broker, amqp, names, subject, scaler: None };
        scene.start_scaler()?;
        Ok(scene)
    }

    /// The running scaler.
    pub(crate) fn scaler(&self) -> Result<&RunningScaler> {
        self.scaler.as_ref().context("the scaler is stopped")
    }

    /// Stops the scaler: the broker is alone.
    pub(crate) fn stop_scaler(&mut self) {
        self.scaler = None;
    }

    /// Starts it anew, knowing no trigger.
    pub(crate) fn start_scaler(&mut self) -> Result<()> {
        let interval = format!("{}s", self.subject.statistics);
        let metrics =
            ["--metrics-url", self.broker.metrics_url(), "--statistics-interval", &interval];
        let launch = Launch::new().broker(self.broker.access(), VHOST).args(metrics);
        self.scaler = Some(launch.start()?);
        Ok(())
    }

    /// A client of the scaler.
    pub(crate) async fn keda(&self) -> Result<KedaClient> {
        KedaClient::connect(self.scaler()?.grpc()).await
    }

    /// Resident memory of the scaler in MiB.
    pub(crate) fn memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.scaler()?.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: f64 = line.context("no VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    /// Bytes of the scaler's binary.
    pub(crate) fn binary_bytes() -> Result<u64> {
        let path = harness::binary("zero-scaler").context("no zero-scaler is built")?;
        Ok(std::fs::metadata(path)?.len())
    }
}

/// The trigger of the `number`-th ScaledObject: all differ, all sum over all queues.
pub(crate) fn object(number: usize) -> ScaledObjectRef {
    let target = (number + 1).to_string();
    let metadata = [("vhost", VHOST), ("queues", ".*"), ("target", target.as_str())];
    scaled_object("bench", &format!("workers-{number}"), &metadata)
}
