//! Awake within seconds though KEDA polls every five minutes.

use anyhow::Result;

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "push",
    about: "external-push wakes workers from zero though KEDA polls every 300 s; the proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    site.workers(&Workers::default())?;
    site.scale(&Scaling { kind: "external-push", polling: 300, ..Scaling::default() })?;
    site.until_scaled("worker")?;
    site.zero(&["prove", &site.witness("devnet", 6), "--detach"])?;
    site.until_replicas("worker", SOON, |now| now > 0)?;
    site.until_verified(1)?;
    site.nobody_was_cut_off()
}
