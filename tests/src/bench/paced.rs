//! What one read costs a large broker at the pace at which KEDA reads.
//!
//! At ten thousand queues the broker's own collectors burn more CPU from one minute to the next than
//! any reader, so windows of a minute cannot be compared. Short windows in turns can: one with a
//! read, one without, each as long as the collectors' period, so that each holds one of their runs.

use std::time::Duration;

use anyhow::Result;
use scaler::pace::{Load, pause};
use scaler::snapshot::SourceKind;
use tokio::time::{Instant, sleep_until};

use super::calls::{Call, keda_path};
use super::scene::{Scene, Subject};

/// The collectors' period.
const WINDOW: Duration = Duration::from_secs(5);
/// KEDA polls every 30 s and the HPA asks every 15 s: six reads a minute for one ScaledObject.
pub(crate) const KEDA_READS: f64 = 6.0;
/// Long enough without a change for the scaler to slow down.
const STEADY: Duration = Duration::from_secs(60);

/// Broker CPU of KEDA's read and of ours, and how often we read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paced {
    /// Milliseconds for KEDA's page of 500, once every ten seconds: its answer is not cached then.
    pub(crate) keda_ms: f64,
    /// Milliseconds for our read of the metrics port, as measured one after the other: it wakes
    /// nothing and is not cached.
    pub(crate) ours_ms: f64,
    /// Our reads in a minute while counts change.
    pub(crate) changing: f64,
    /// Our reads in a minute while work waits and nothing changes.
    pub(crate) steady: f64,
}

/// Measures so many pairs of windows.
pub(crate) async fn measure(
    scene: &Scene,
    subject: Subject,
    calls: &[Call],
    pairs: usize,
) -> Result<Paced> {
    let mut differences = Vec::new();
    for _ in 0..pairs {
        let without = burnt(scene, || Ok(())).await?;
        let with =
            burnt(scene, || scene.broker.access().management().get(&keda_path(500)).map(drop))
                .await?;
        differences.push((with - without) * 1e3);
    }
    let ours = calls.last();
    let took = ours.map_or(0.0, |call| call.latency.ms(50));
    let reads = |unchanged| {
        let took = Duration::from_secs_f64(took / 1e3);
        let source = SourceKind::metrics(Duration::from_secs(subject.statistics));
        let load = Load { source, queues: subject.queues, took, demand: true, unchanged };
        60.0 / (pause(&load) + took).as_secs_f64()
    };
    Ok(Paced {
        keda_ms: middle(differences),
        ours_ms: ours.map_or(0.0, |call| call.cpu_ms),
        changing: reads(Duration::ZERO),
        steady: reads(STEADY),
    })
}

impl Paced {
    /// Broker CPU seconds in a minute of KEDA's reads.
    pub(crate) fn keda(&self) -> f64 {
        self.keda_ms * KEDA_READS / 1e3
    }

    /// Broker CPU seconds in a minute of so many reads of ours.
    pub(crate) fn ours(&self, reads: f64) -> f64 {
        self.ours_ms * reads / 1e3
    }
}

/// CPU seconds of one window that begins with `read`.
async fn burnt(scene: &Scene, read: impl FnOnce() -> Result<()>) -> Result<f64> {
    let (end, before) = (Instant::now() + WINDOW, scene.broker.cpu_time()?);
    read()?;
    sleep_until(end).await;
    Ok(scene.broker.cpu_time()?.saturating_sub(before).as_secs_f64())
}

/// The mean of the middle half: a collection of garbage in one window is none of the reader's.
fn middle(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let quarter = samples.len() / 4;
    let middle: Vec<f64> =
        samples.iter().copied().skip(quarter).take(samples.len() - 2 * quarter).collect();
    let count = u32::try_from(middle.len()).unwrap_or(u32::MAX).max(1);
    middle.iter().sum::<f64>() / f64::from(count)
}
