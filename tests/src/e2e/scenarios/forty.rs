//! Forty proofs at once, more than the workers that may be.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

/// Proofs at once.
const PROOFS: usize = 40;
/// As many workers may be.
const MOST: u32 = 6;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "forty",
    about: "40 proofs at once: max is reached and not passed, every proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service { parallel: u32::try_from(PROOFS)?, ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 700, ..Workers::default() })?;
    let watch = site.watch("worker")?;
    site.scale(&Scaling { replicas: (0, MOST), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    let folder = site.witnesses(5_000, &[3; PROOFS])?;
    site.zero(&["prove", &folder, "--detach"])?;
    site.until("all to be proved at once", SOON, || {
        let proofs = site.proofs()?;
        let waits = |proof: &&Value| proof.get("state").is_some_and(|state| state == "queued");
        let waiting = proofs.iter().filter(waits).count();
        ensure!(waiting == 0 && proofs.len() == PROOFS, "{waiting} of {} wait", proofs.len());
        Ok(())
    })?;
    // It may be over before the last witness is sent: what was seen counts.
    site.until("as many workers as may be", LATER, || {
        let seen = watch.seen()?;
        ensure!(seen.contains(&u64::from(MOST)), "it was {seen:?}");
        Ok(())
    })?;
    let explained = site.zero(&["scale", "explain"])?;
    ensure!(explained.contains(&site.name), "the scaler does not speak of this vhost: {explained}");
    site.until_verified(PROOFS)?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    let seen = watch.seen()?;
    ensure!(seen.iter().all(|now| *now <= u64::from(MOST)), "it was {seen:?}");
    site.nobody_was_cut_off()
}
