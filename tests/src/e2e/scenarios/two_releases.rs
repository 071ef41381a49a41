//! Two releases in two namespaces on one scaler.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;
use crate::e2e::watch::Watch;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "two-releases",
    about: "two namespaces on one scaler: each release's work wakes its own workers alone",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let one = Site::new(stage, "two-releases-one")?;
    let other = Site::new(stage, "two-releases-other")?;
    one.scaler(1)?;
    for site in [&one, &other] {
        site.leader(Service::default())?;
        site.workers(&Workers::default())?;
        site.scale_by(&Scaling::default(), &one.name)?;
        site.until_scaled("worker")?;
    }
    let watches = [one.watch("worker")?, other.watch("worker")?];
    other.zero(&["prove", &other.witness("devnet", 6), "--wait"])?;
    let [idle, busy] = watches.each_ref().map(Watch::seen);
    let (idle, busy) = (idle?, busy?);
    ensure!(idle == [0], "the other release's work woke workers here: {idle:?}");
    ensure!(busy.iter().any(|now| *now > 0), "the work woke nobody: {busy:?}");
    one.zero(&["prove", &one.witness("devnet", 5), "--wait"])?;
    for site in [&one, &other] {
        site.until_replicas("worker", LATER, |now| now == 0)?;
        site.nobody_was_cut_off()?;
    }
    Ok(())
}
