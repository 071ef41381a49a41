//! One read at a time: latency, and the broker's CPU for it.

use std::time::{Duration, Instant};

use amqp_admin::{Credentials, Endpoint, Management, MetricsScrape, VhostName};
use anyhow::{Result, ensure};

use super::scene::{Scene, VHOST};
use super::stats::Samples;

/// Reads of each kind, unless they take too long.
const CALLS: usize = 40;
/// No kind of read is repeated for longer.
const LONGEST: Duration = Duration::from_secs(15);
/// For measuring what the broker burns by itself.
const IDLE: Duration = Duration::from_secs(10);
/// An answer that takes longer is a failed measurement.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One kind of read.
#[derive(Debug)]
pub(crate) struct Call {
    /// What is sent.
    pub(crate) name: &'static str,
    /// How long the answers took.
    pub(crate) latency: Samples,
    /// Broker CPU for one, in milliseconds, idle burn taken off.
    pub(crate) cpu_ms: f64,
}

/// Measures every kind of read.
pub(crate) async fn measure(scene: &Scene) -> Result<Vec<Call>> {
    let (user, password) = (scene.broker.user().to_owned(), scene.broker.password().to_owned());
    let credentials = Credentials { user, password: password.into() };
    let endpoint = Endpoint::management(scene.broker.management_url())?;
    let management = Management::new(endpoint.with_credentials(Some(credentials)), TIMEOUT)?;
    let metrics =
        MetricsScrape::new(vec![Endpoint::metrics(scene.broker.metrics_url())?], TIMEOUT)?;
    let vhost = VhostName::new(VHOST)?;
    let idle = idle_rate(scene).await?;
    let bare =
        |path: String| async move { scene.broker.access().management().get(&path).map(drop) };
    Ok(vec![
        timed(scene, "bare round trip: `GET /api/whoami`", idle, || bare("/api/whoami".into()))
            .await?,
        timed(scene, "KEDA `useRegex`, page 100", idle, || bare(keda_path(100))).await?,
        timed(scene, "KEDA `useRegex`, page 500", idle, || bare(keda_path(500))).await?,
        timed(scene, "ours, live totals", idle, async || {
            ensure!(!management.queues(&vhost).await?.is_empty(), "no queues");
            Ok(())
        })
        .await?,
        timed(scene, "ours, metrics port", idle, async || {
            ensure!(!metrics.depths(&vhost).await?.is_empty(), "no queues");
            Ok(())
        })
        .await?,
    ])
}

/// The request of KEDA's built-in scaler with `useRegex` (v2.20.2, `pkg/scalers/rabbitmq_scaler.go`).
pub(crate) fn keda_path(page: usize) -> String {
    format!("/api/queues/{VHOST}?page=1&use_regex=true&pagination=false&name=.*&page_size={page}")
}

/// CPU seconds the broker burns in a second without anybody asking.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn idle_rate(scene: &Scene) -> Result<f64> {
    let (cpu, started) = (scene.broker.cpu_time()?, Instant::now());
    tokio::time::sleep(IDLE).await;
    Ok(scene.broker.cpu_time()?.saturating_sub(cpu).as_secs_f64() / started.elapsed().as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
async fn timed<F: Future<Output = Result<()>>>(
    scene: &Scene,
    name: &'static str,
    idle: f64,
    read: impl Fn() -> F,
) -> Result<Call> {
    read().await?;
    let (cpu, started) = (scene.broker.cpu_time()?, Instant::now());
    let mut latency = Samples::default();
    while latency.len() < CALLS && started.elapsed() < LONGEST {
        let sent = Instant::now();
        read().await?;
        latency.push(sent.elapsed());
    }
    let burnt = scene.broker.cpu_time()?.saturating_sub(cpu).as_secs_f64();
    let own = (burnt - idle * started.elapsed().as_secs_f64()).max(0.0);
    let calls = u32::try_from(latency.len())?;
    Ok(Call { name, latency, cpu_ms: own * 1e3 / f64::from(calls) })
}
