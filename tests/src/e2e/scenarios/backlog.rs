//! From zero over one to many and back to zero, by a proof.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "backlog",
    about: "0 → 1 → N → 0 on a proof's tasks; the proof is verified, nobody is cut off",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service { parallel: 2, ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 700, ..Workers::default() })?;
    let watch = site.watch("worker");
    site.scale(&Scaling { replicas: (0, 4), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    ensure!(site.replicas("worker")? == 0, "there was no work");
    let block = site.witness("devnet", 8);
    site.zero(&["prove", &block, "--wait"])?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    let seen = watch.seen();
    ensure!(
        seen.starts_with(&[0, 1]) && seen.contains(&4) && seen.ends_with(&[0]),
        "it was {seen:?}"
    );
    site.nobody_was_cut_off()
}
