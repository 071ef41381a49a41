//! From a published message to the value KEDA reads, and to the push.

use std::time::Duration;

use crate::keda::{KedaClient, scaled_object};
use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep, timeout};

use super::scene::{Scene, TASKS, VHOST, object};
use super::stats::Samples;

/// Between two looks at the value.
const LOOK_EVERY: Duration = Duration::from_millis(4);
/// A message that takes longer was lost.
const LIMIT: Duration = Duration::from_secs(30);
/// The vhost that idles until a message comes.
const IDLE_VHOST: &str = "idle";

/// Publish → visible.
#[derive(Debug)]
pub(crate) struct Freshness {
    /// In the task queue.
    pub(crate) task: Samples,
    /// In one of the per-proof queues.
    pub(crate) other: Samples,
}

/// Publishes one message after the other, at phases that do not follow the scaler's pace.
pub(crate) async fn measure(scene: &Scene, publishes: usize) -> Result<Freshness> {
    let keda = scene.keda().await?;
    let mut freshness = Freshness { task: Samples::default(), other: Samples::default() };
    for number in 0..publishes {
        let phase = Duration::from_millis(u64::try_from(number * 619 % 1_900)?);
        sleep(phase).await;
        freshness.task.push(visible(scene, &keda, TASKS).await?);
        let name = scene.names.get(number * 7_919 % scene.names.len()).context("no queues")?;
        sleep(phase).await;
        freshness.other.push(visible(scene, &keda, name).await?);
    }
    Ok(freshness)
}

async fn visible(scene: &Scene, keda: &KedaClient, queue: &str) -> Result<Duration> {
    let before = keda.metrics(&object(0)).await?.whole;
    scene.amqp.publish(queue, 1).await?;
    let published = Instant::now();
    while keda.metrics(&object(0)).await?.whole <= before {
        ensure!(published.elapsed() < LIMIT, "a message to `{queue}` never showed");
        sleep(LOOK_EVERY).await;
    }
    Ok(published.elapsed())
}

/// An idle vhost: from a published message to `true` on an open stream.
pub(crate) async fn push(scene: &Scene, publishes: usize) -> Result<Samples> {
    scene.broker.add_vhost(IDLE_VHOST)?;
    let amqp = crate::amqp::Amqp::connect(&scene.broker.amqp_uri(IDLE_VHOST)).await?;
    amqp.paladin_queue(TASKS).await?;
    let keda = scene.keda().await?;
    let idle = scaled_object(VHOST, "idle", &[("vhost", IDLE_VHOST)]);
    let mut stream = keda.stream_is_active(&idle).await?;
    let mut samples = Samples::default();
    for number in 0..publishes {
        while keda.is_active(&idle).await? {
            sleep(LOOK_EVERY).await;
        }
        sleep(Duration::from_millis(u64::try_from(number * 619 % 1_900)?)).await;
        amqp.publish(TASKS, 1).await?;
        let sent = Instant::now();
        timeout(LIMIT, stream.message()).await.context("no push came")??;
        samples.push(sent.elapsed());
        amqp.purge(TASKS).await?;
    }
    Ok(samples)
}
