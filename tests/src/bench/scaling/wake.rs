//! From a task on the broker to the first worker's pod, from zero, again and again.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lane::{Lane, Seen};
use super::{Clock, WORKER, builtin_amqp, is_at_zero, is_worker, of_site, prepare, publish};
use crate::bench::stats::Samples;
use crate::e2e::objects::{Scaling, Workers};
use crate::e2e::site::{SOON, Site};
use crate::e2e::stage::Stage;

/// KEDA's default.
const DEFAULT_POLLING: u32 = 30;
/// What people set who find that slow.
const FAST_POLLING: u32 = 10;
/// Between two looks at the pods: a time is so much too long at the most.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks at whether a lane is back at zero.
const LOOK_AT_REST: Duration = Duration::from_secs(1);
/// Publishes to ours are spread over this; it does not wait for a poll.
const OUR_SPREAD: Duration = Duration::from_secs(5);

/// A way to wake workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Our scaler's push.
    Push,
    /// KEDA's built-in scaler with a poll each so many seconds.
    Polled(u32),
}

/// One of them, how many lanes have it: a slow one needs several for as many rounds in the same time.
const WAYS: [(Way, u32); 3] =
    [(Way::Push, 2), (Way::Polled(DEFAULT_POLLING), 4), (Way::Polled(FAST_POLLING), 2)];

/// Times from the task to the pod, by way.
pub(crate) type Woken = Vec<(Way, Samples)>;

/// A lane where it takes place.
struct Place<'a> {
    way: Way,
    site: Site<'a>,
    lane: Lane,
    quiet: bool,
}

/// Wakes workers for so long, all lanes side by side.
pub(crate) fn measure(stage: &Stage, time: Duration) -> Result<Woken> {
    let mut places = places(stage)?;
    let clock = Clock::start();
    let (mut looked, mut numbers) = (None, 0..);
    loop {
        let now = clock.now();
        let late = now >= time;
        if late && !places.iter().any(|place| place.lane.is_waiting()) {
            break;
        }
        let most = time + Duration::from_secs(u64::from(DEFAULT_POLLING)) + SOON;
        ensure!(now < most, "a task still has no worker after {most:?}");
        if looked.is_none_or(|looked| now.saturating_sub(looked) >= LOOK_AT_REST) {
            look_at_rest(stage, &mut places)?;
            looked = Some(now);
        }
        let pods = stage.api.list("/api/v1/pods?resourceVersion=0&labelSelector=app%3Dworker")?;
        for place in &mut places {
            let seen = Seen { pods: place.pods(&pods), quiet: place.quiet };
            if place.lane.step(clock.now(), seen, late) {
                publish(&place.site, numbers.next().unwrap_or_default())?;
                place.lane.published(clock.now());
                place.quiet = false;
            }
        }
        sleep(LOOK);
    }
    Ok(gathered(&places))
}

impl Place<'_> {
    fn pods(&self, all: &[Value]) -> usize {
        let here = |pod: &&Value| {
            is_worker(pod)
                && pod.pointer("/metadata/namespace").is_some_and(|told| *told == self.site.name)
        };
        all.iter().filter(here).count()
    }
}

/// Several sites for each way; ours share one scaler.
fn places(stage: &Stage) -> Result<Vec<Place<'_>>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for (way, lanes) in WAYS {
        for number in 0..lanes {
            let site = Site::new(stage, "wake")?;
            site.workers(&Workers { ms_per_txn: 0, bare: way != Way::Push, ..Workers::default() })?;
            prepare(&site)?;
            match (way, places.first().filter(|_| number > 0)) {
                (Way::Push, None) => {
                    site.scaler(1)?;
                    site.scale(&ours())?;
                }
                (Way::Push, Some(first)) => site.scale_by(&ours(), &first.site.name)?,
                (Way::Polled(seconds), _) => site.scale(&builtin(&site, seconds))?,
            }
            let spread = match way {
                Way::Push => OUR_SPREAD,
                Way::Polled(seconds) => Duration::from_secs(seconds.into()),
            };
            let lane = Lane::new(spread, (number, lanes));
            places.push(Place { way, site, lane, quiet: false });
        }
    }
    for place in &places {
        place.site.until_scaled(WORKER)?;
    }
    Ok(places)
}

fn ours() -> Scaling {
    let kind = "external-push";
    Scaling {
        kind,
        polling: DEFAULT_POLLING,
        replicas: (0, 1),
        more: soon_over(),
        ..Scaling::default()
    }
}

fn builtin(site: &Site<'_>, polling: u32) -> Scaling {
    let metadata = builtin_amqp(site);
    let (kind, replicas, more) = ("rabbitmq", (0, 1), soon_over());
    Scaling { kind, polling, replicas, metadata, more, ..Scaling::default() }
}

/// Back to zero at once: the way there is not what is measured.
fn soon_over() -> Value {
    json!({"cooldownPeriod": 1})
}

fn look_at_rest(stage: &Stage, places: &mut [Place<'_>]) -> Result<()> {
    let scaled = stage.api.list("/apis/keda.sh/v1alpha1/scaledobjects")?;
    let deployments = stage.api.list("/apis/apps/v1/deployments?resourceVersion=0")?;
    for Place { site, quiet, .. } in places {
        let at_zero = of_site(&deployments, site, WORKER).is_some_and(is_at_zero);
        *quiet = at_zero && of_site(&scaled, site, WORKER).is_some_and(is_inactive);
    }
    Ok(())
}

fn is_inactive(scaled: &Value) -> bool {
    let conditions = scaled.pointer("/status/conditions").and_then(Value::as_array);
    let is = |one: &Value, key: &str, text: &str| one.get(key).is_some_and(|told| told == text);
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| is(one, "type", "Active") && is(one, "status", "False"))
}

fn gathered(places: &[Place<'_>]) -> Woken {
    WAYS.iter()
        .map(|(way, _)| {
            let same = places.iter().filter(|place| place.way == *way);
            (*way, same.flat_map(|place| place.lane.times.all()).collect())
        })
        .collect()
}
