//! The broker is gone for three minutes.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::e2e::objects::{DEFAULT_COOLDOWN, Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::{Stage, new_broker};
use crate::e2e::watch::Watch;
use crate::rabbitmq::PrivateBroker;

/// How long.
const GONE: Duration = Duration::from_secs(180);
/// The fallback comes before this is over, and from then on KEDA has no error to close its scalers for.
const SHORT_COOLDOWN: u32 = 30;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "outage",
    about: "broker gone for 3 minutes in the middle of a proof, with and without KEDA's fallback: replicas never drop, the proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    stage.with_broker(SCENARIO.name, new_broker()?, loses_it)
}

fn loses_it(stage: &Stage, broker: &mut PrivateBroker) -> Result<()> {
    let site = Site::on(stage, SCENARIO.name, broker.access())?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    let plain = Workers { ms_per_txn: 4_000, ..Workers::default() };
    site.workers(&plain)?;
    // Wanted by messages that nobody takes: its replicas are the fallback's matter alone.
    site.workers(&Workers { name: "with-fallback".to_owned(), ..plain })?;
    site.fill(&["held".to_owned()], 3)?;
    let by_tasks = Scaling {
        metadata: vec![("target", "1".to_owned()), ("queues", "task-.*".to_owned())],
        ..Scaling::default()
    };
    site.scale(&Scaling { cooldown: DEFAULT_COOLDOWN, ..by_tasks.clone() })?;
    site.scale(&with_fallback())?;
    site.until_ready("with-fallback", 3)?;
    // Twice as many tasks as workers: all of them are wanted when the first is done.
    site.zero(&["prove", &site.witnesses(6_000, &[16])?, "--detach"])?;
    site.until_ready("worker", 4)?;
    let watches = [site.watch("worker")?, site.watch("with-fallback")?];
    broker.kill()?;
    site.throughout("no worker less while the broker is gone", GONE, || {
        let now = [site.replicas("worker")?, site.replicas("with-fallback")?];
        ensure!(now[0] == 4 && now[1] >= 3, "there are {now:?}");
        Ok(())
    })?;
    ensure!(site.replicas("with-fallback")? == 4, "the fallback did not come");
    site.until("KEDA to say that something is wrong", SOON, || {
        let (status, _, words) = site.condition("worker", "Ready")?;
        ensure!(status != "True", "it says: {words}");
        Ok(())
    })?;
    broker.start()?;
    site.until_replicas("with-fallback", SOON, |now| now == 3)?;
    site.until_verified(1)?;
    site.scale(&by_tasks)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    let [plain, fallback] = watches.each_ref().map(Watch::seen);
    let (plain, fallback) = (plain?, fallback?);
    ensure!(fallback == [3, 4, 3], "with the fallback it was {fallback:?} (without: {plain:?})");
    site.nobody_was_cut_off()
}

fn with_fallback() -> Scaling {
    Scaling {
        workers: "with-fallback".to_owned(),
        cooldown: SHORT_COOLDOWN,
        metadata: vec![("target", "1".to_owned()), ("queues", "held".to_owned())],
        more: json!({"fallback": {"failureThreshold": 3, "replicas": 4}}),
        ..Scaling::default()
    }
}
