//! Which workers go: the idle ones, by the scaler's deletion costs and the real `ReplicaSet` controller.

use anyhow::{Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{COST, LATER, SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "idle-first",
    about: "two of four workers are busy and two are too many: with `--protect` the idle ones are asked to end and no busy one ever is; the proofs are verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.protecting_scaler()?;
    site.leader(Service { parallel: 2, ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 30_000, grace: 120, ..Workers::default() })?;
    // All four are there before there is work, so that they begin at the same time.
    site.scale(&Scaling { replicas: (4, 4), ..Scaling::default() })?;
    site.until_ready("worker", 4)?;
    // Of three transactions each: two tasks of two, and two of one that are done in half the time.
    let folder = site.witnesses(8_000, &[3, 3])?;
    site.zero(&["prove", &folder, "--detach"])?;
    site.until_in_hand(4)?;
    // Production waits for minutes before workers go: costs are long since right then.
    let waits = json!({"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {
        "stabilizationWindowSeconds": 15, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]}}}});
    site.scale(&Scaling { more: json!({"advanced": waits}), ..Scaling::default() })?;
    site.until_replicas("worker", SOON, |now| now == 2)?;
    site.until("two workers to have ended", SOON, || site.nobody_busy_was_asked(2))?;
    site.until("those that stay to have a cost", SOON, || costs(&site))?;
    site.until_verified(2)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.until("all four to have ended", SOON, || site.nobody_busy_was_asked(4))?;
    site.nobody_was_cut_off()?;
    site.nothing_came_back()
}

/// Those that stay are told apart by a cost.
fn costs(site: &Site<'_>) -> Result<()> {
    let mut workers = site.pods_of("worker");
    workers.retain(|pod| pod.pointer("/metadata/deletionTimestamp").is_none());
    let costs: Vec<Option<&str>> = workers
        .iter()
        .map(|pod| pod.pointer("/metadata/annotations")?.get(COST)?.as_str())
        .collect();
    ensure!(costs.len() == 2 && costs.iter().all(Option::is_some), "their costs are {costs:?}");
    Ok(())
}
