//! A crowd in a vhost of its own, and what became of it.

use std::time::Duration;

use amqp_admin::{BrokerConnection, End, Endpoint, Plan, Progress, QueueName, Report, VhostName};
use lapin::options::BasicGetOptions;
use tempfile::TempDir;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};

use super::crowd::{Crowd, QUEUE, carry_out_within, endpoint, new_backup, settled};

/// Bounds each answer of the broker.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The vhost and the crowd.
pub(super) struct Scene {
    pub(super) vhost: Vhost,
    pub(super) amqp: Amqp,
    pub(super) crowd: Crowd,
    pub(super) folder: TempDir,
}

impl Scene {
    /// So many messages in the queue of every test here.
    pub(super) async fn set(test: &str, size: u64) -> Option<Self> {
        let scene = Self::empty(test, size).await?;
        scene.crowd.enter(&scene.amqp).await;
        Some(scene)
    }

    /// The crowd is not in any queue yet.
    pub(super) async fn empty(test: &str, size: u64) -> Option<Self> {
        let vhost = harness::vhost(test)?;
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        let (crowd, folder) = (Crowd::new(31, size, false), tempfile::tempdir().unwrap());
        Some(Self { vhost, amqp, crowd, folder })
    }

    pub(super) fn name(&self) -> &str {
        self.vhost.name()
    }

    /// The broker, with the rights of the administrator.
    pub(super) fn endpoint(&self) -> Endpoint {
        endpoint(self.vhost.access(), &self.vhost.access().amqp, self.name())
    }

    /// A connection of one's own.
    pub(super) async fn connection(&self) -> BrokerConnection {
        let vhost = VhostName::new(self.name()).unwrap();
        BrokerConnection::connect(&self.endpoint(), &vhost, TIMEOUT).await.unwrap()
    }

    /// Ready messages in the queue of every test here.
    pub(super) async fn ready(&self) -> u64 {
        let queue = QueueName::new(QUEUE).unwrap();
        let mut connection = self.connection().await;
        let depth = connection.touch(&queue).await.unwrap().unwrap();
        connection.close().await;
        depth.ready
    }

    /// Carries out a plan, once for each scene.
    pub(super) async fn carry_out(&self, plan: &Plan) -> Report {
        self.watch(plan, |_| ()).await
    }

    /// The same, watched.
    pub(super) async fn watch(
        &self,
        plan: &Plan,
        progress: impl FnMut(Progress<'_>) + Send,
    ) -> Report {
        let (endpoint, backup) = (self.endpoint(), new_backup(&self.folder));
        carry_out_within(TIMEOUT, plan, &endpoint, &backup, progress).await
    }

    /// The numbers in the backup, and whether it was closed.
    pub(super) fn backed_up(&self) -> (Vec<u64>, bool) {
        self.crowd.in_backup(&new_backup(&self.folder))
    }

    /// What is left in the queue.
    pub(super) async fn left(&self) -> Vec<u64> {
        self.left_in(QUEUE).await
    }

    /// What is left in another queue.
    pub(super) async fn left_in(&self, queue: &str) -> Vec<u64> {
        settled(self.vhost.access(), self.name(), |_| true).await;
        self.crowd.leave(&self.amqp, queue).await
    }
}

/// The bodies in a queue, which is empty afterwards.
pub(super) async fn bodies(amqp: &Amqp, queue: &str) -> Vec<Vec<u8>> {
    let channel = amqp.new_channel().await.unwrap();
    let (get, mut bodies) = (BasicGetOptions { no_ack: true }, Vec::new());
    while let Some(got) = channel.basic_get(queue.into(), get).await.unwrap() {
        bodies.push(got.delivery.data);
    }
    channel.close(200, "done".into()).await.unwrap();
    bodies
}

/// Why a step failed.
pub(super) fn cause(report: &Report, step: usize) -> &str {
    let End::Failed { cause, .. } = &report.outcomes[step].end else {
        panic!("it did not fail: {report:?}")
    };
    cause
}
