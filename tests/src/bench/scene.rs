//! What is measured: a private broker with so many queues, and the scaler beside it.

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

/// A broker full of queues.
pub(crate) struct Scene {
    /// The node.
    pub(crate) broker: PrivateBroker,
    /// A connection to it.
    pub(crate) amqp: Amqp,
    /// Names of the per-proof queues.
    pub(crate) names: Vec<String>,
    scaler: Option<RunningScaler>,
}

impl Scene {
    /// Starts a node and fills it.
    pub(crate) async fn new(queues: usize) -> Result<Self> {
        let broker = PrivateBroker::start_new(&RabbitConfig::default())?;
        broker.add_vhost(VHOST)?;
        let amqp = Amqp::connect(&broker.amqp_uri(VHOST)).await?;
        let names: Vec<_> =
            (1..queues).map(|number| format!("proof-{}", 20_000_000 + number)).collect();
        amqp.many_paladin_queues(&names).await?;
        amqp.paladin_queue(TASKS).await?;
        amqp.publish(TASKS, 1).await?;
        amqp.publish_to(names.iter().step_by(HOLDS_WORK).map(String::as_str)).await?;
        let scaler = Some(start(&broker)?);
        Ok(Self { broker, amqp, names, scaler })
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
        self.scaler = Some(start(&self.broker)?);
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

fn start(broker: &PrivateBroker) -> Result<RunningScaler> {
    let metrics = ["--metrics-url", broker.metrics_url()];
    Launch::new().broker(broker.access(), VHOST).args(metrics).start()
}

/// The trigger of the `number`-th ScaledObject: all differ, all sum over all queues.
pub(crate) fn object(number: usize) -> ScaledObjectRef {
    let target = (number + 1).to_string();
    let metadata = [("vhost", VHOST), ("queues", ".*"), ("target", target.as_str())];
    scaled_object("bench", &format!("workers-{number}"), &metadata)
}
