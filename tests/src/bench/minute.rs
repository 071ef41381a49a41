//! The broker's CPU by the minute: alone, under KEDA's built-in scaler, under ours.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, sleep_until};

use super::calls::keda_path;
use super::scene::{Scene, object};

/// KEDA polls every 30 s and the HPA asks every 15 s: six reads a minute for one ScaledObject.
const KEDA_EVERY: Duration = Duration::from_secs(10);
/// Until the scaler has found its pace and the broker has digested what came before.
const SETTLE: Duration = Duration::from_secs(12);
/// Many ScaledObjects on one broker.
const MANY: usize = 100;

/// Broker CPU seconds in a minute; the first is part of all others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Minutes {
    /// Nobody asks.
    pub(crate) alone: f64,
    /// KEDA's `useRegex` request with pages of 500, above `alone`.
    pub(crate) keda: f64,
    /// Our scaler with one ScaledObject, nothing changing, above `alone`.
    pub(crate) one: f64,
    /// Our scaler with 100 ScaledObjects, nothing changing, above `alone`.
    pub(crate) many: f64,
    /// Our scaler with one ScaledObject while counts change all the time, above `churn`.
    pub(crate) changing: f64,
}

/// Measures each in windows of its own, in turns, so that what drifts meets all alike.
pub(crate) async fn measure(scene: &mut Scene, window: Duration, rounds: usize) -> Result<Minutes> {
    let mut sum = Minutes::default();
    for _ in 0..rounds {
        let round = Box::pin(one_round(scene, window)).await?;
        sum = sum.plus(&round);
    }
    Ok(sum.divided_by(f64::from(u32::try_from(rounds)?)))
}

async fn one_round(scene: &mut Scene, window: Duration) -> Result<Minutes> {
    scene.stop_scaler();
    // What was just filled is digested for minutes: longer with more queues.
    sleep(SETTLE + Duration::from_millis(u64::try_from(scene.names.len() * 6)?)).await;
    let before = burnt(scene, window, sleep(window)).await?;
    let keda = burnt(scene, window, ask_like_keda(scene, window)).await?;
    let churn = burnt(scene, window, change(scene, window)).await?;
    let after = burnt(scene, window, sleep(window)).await?;
    let alone = f64::midpoint(before, after);
    scene.start_scaler()?;
    let changing = async { tokio::join!(change(scene, window), serve(scene, 1, window)).1 };
    let changing = Box::pin(settled(scene, window, changing)).await?;
    // Long enough without a change for the scaler to slow down.
    sleep(3 * SETTLE).await;
    let one = settled(scene, window, serve(scene, 1, window)).await?;
    let many = settled(scene, window, serve(scene, MANY, window)).await?;
    Ok(Minutes {
        alone,
        keda: keda - alone,
        one: one - alone,
        many: many - alone,
        changing: changing - churn,
    })
}

impl Minutes {
    fn each(&self, other: &Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            alone: join(self.alone, other.alone),
            keda: join(self.keda, other.keda),
            one: join(self.one, other.one),
            many: join(self.many, other.many),
            changing: join(self.changing, other.changing),
        }
    }

    fn plus(&self, other: &Self) -> Self {
        self.each(other, |a, b| a + b)
    }

    fn divided_by(&self, number: f64) -> Self {
        self.each(self, |sum, _| sum / number)
    }
}

async fn settled<T>(scene: &Scene, window: Duration, work: impl Future<Output = T>) -> Result<f64> {
    serve(scene, 1, SETTLE).await?;
    burnt(scene, window, work).await
}

/// CPU seconds a minute while `work` goes on.
async fn burnt<T>(scene: &Scene, window: Duration, work: impl Future<Output = T>) -> Result<f64> {
    let before = scene.broker.cpu_time()?;
    let started = Instant::now();
    let end = started + window;
    tokio::join!(work, sleep_until(end));
    let burnt = scene.broker.cpu_time()?.saturating_sub(before).as_secs_f64();
    Ok(burnt * 60.0 / started.elapsed().as_secs_f64())
}

async fn ask_like_keda(scene: &Scene, window: Duration) -> Result<()> {
    let end = Instant::now() + window;
    while Instant::now() < end {
        let next = Instant::now() + KEDA_EVERY;
        scene.broker.access().management().get(&keda_path(500))?;
        sleep_until(next).await;
    }
    Ok(())
}

/// KEDA's calls for so many ScaledObjects, spread over its interval.
async fn serve(scene: &Scene, objects: usize, window: Duration) -> Result<()> {
    let keda = scene.keda().await?;
    let end = Instant::now() + window;
    let step = KEDA_EVERY / u32::try_from(objects)?;
    for number in (0..objects).cycle() {
        if Instant::now() >= end {
            break;
        }
        let next = Instant::now() + step;
        keda.poll(&object(number)).await?;
        sleep_until(next).await;
    }
    Ok(())
}

/// A message to another queue every half second.
async fn change(scene: &Scene, window: Duration) -> Result<()> {
    let end = Instant::now() + window;
    for name in scene.names.iter().cycle() {
        if Instant::now() >= end {
            break;
        }
        scene.amqp.publish(name, 1).await?;
        sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
