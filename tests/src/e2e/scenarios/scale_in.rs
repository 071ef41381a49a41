//! Fewer workers while half of them are busy.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "scale-in",
    about: "fewer workers while half of them are busy: whoever is asked to end finishes its task first, no task is done twice",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    site.workers(&Workers { ms_per_txn: 4_000, grace: 120, ..Workers::default() })?;
    let watch = site.watch("worker");
    site.scale(&Scaling::default())?;
    site.until_scaled("worker")?;
    // Four tasks at first, then two that join their results, then one, then one.
    let folder = site.witnesses(7_000, &[8])?;
    site.zero(&["prove", &folder, "--detach"])?;
    site.until_ready("worker", 4)?;
    site.until_replicas("worker", LATER, |now| now < 4)?;
    site.until_verified(1)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.nobody_was_cut_off()?;
    site.nothing_came_back()?;
    ensure!(watch.seen().contains(&4), "it was {:?}", watch.seen());
    Ok(())
}
