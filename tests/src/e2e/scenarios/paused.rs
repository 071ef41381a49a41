//! Paused by `kubectl zero`, and resumed.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

/// Several polls, and several looks of the autoscaler.
const A_WHILE: Duration = Duration::from_secs(12);

pub(super) const SCENARIO: Scenario = Scenario {
    name: "paused",
    about: "`kubectl zero scale pause` holds the replicas whatever the backlog says, `resume` lets them go on",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    site.workers(&Workers { ms_per_txn: 500, ..Workers::default() })?;
    site.scale(&Scaling::default())?;
    site.until_scaled("worker")?;
    site.zero(&["scale", "pause", "worker", "--reason", "a look at the machines", "--yes"])?;
    site.until("KEDA to have paused", SOON, || {
        let (status, ..) = site.condition("worker", "Paused")?;
        ensure!(status == "True", "it is not paused");
        Ok(())
    })?;
    site.zero(&["prove", &site.witness("devnet", 6), "--detach"])?;
    site.throughout("no worker while paused", A_WHILE, || {
        let now = site.replicas("worker")?;
        ensure!(now == 0, "there are {now}");
        Ok(())
    })?;
    site.zero(&["scale", "resume", "worker", "--yes"])?;
    site.until_replicas("worker", SOON, |now| now > 0)?;
    site.until_verified(1)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.nobody_was_cut_off()
}
