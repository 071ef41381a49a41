//! Fewer workers while all of them are busy.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "scale-in",
    about: "fewer workers while all are busy: whoever is asked to end finishes its task first, no task is done twice",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    site.workers(&Workers { ms_per_txn: 4_000, grace: 120, ..Workers::default() })?;
    let watch = site.watch("worker")?;
    site.scale(&Scaling::default())?;
    site.until_scaled("worker")?;
    // Eight tasks at first: when all four have one in hand, four more wait.
    let folder = site.witnesses(7_000, &[16])?;
    site.zero(&["prove", &folder, "--detach"])?;
    site.until_ready("worker", 4)?;
    site.until_in_hand(4)?;
    site.scale(&Scaling { replicas: (0, 2), ..Scaling::default() })?;
    site.until_replicas("worker", SOON, |now| now == 2)?;
    site.until_verified(1)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.nobody_was_cut_off()?;
    site.nothing_came_back()?;
    let busy = stage.kubelet.ended(&site.name).iter().filter(|one| one.was_busy()).count();
    ensure!(busy >= 2, "{busy} were busy when they were asked to end");
    let seen = watch.seen()?;
    ensure!(seen.contains(&4), "it was {seen:?}");
    Ok(())
}
