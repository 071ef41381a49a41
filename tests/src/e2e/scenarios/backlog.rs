//! From zero over one to many and back to zero, by a proof and by many queues.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "backlog",
    about: "0 → 1 → N → 0 on a proof's tasks, and on a backlog over a dozen queues; the proof is verified, nobody is cut off",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service { parallel: 2, ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 700, ..Workers::default() })?;
    let watch = site.watch("worker")?;
    site.scale(&Scaling { replicas: (0, 4), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    ensure!(site.replicas("worker")? == 0, "there was no work");
    let block = site.witness("devnet", 8);
    site.zero(&["prove", &block, "--wait"])?;
    site.until_replicas("worker", LATER, |now| now == 0)?;
    let seen = watch.seen()?;
    ensure!(
        seen.starts_with(&[0, 1]) && seen.contains(&4) && seen.ends_with(&[0]),
        "it was {seen:?}"
    );
    many_queues(&site)?;
    site.nobody_was_cut_off()
}

/// Nobody takes from these.
fn many_queues(site: &Site<'_>) -> Result<()> {
    let queues: Vec<String> = (0..12).map(|number| format!("proof-{number}")).collect();
    site.fill(&queues, 1)?;
    site.until_replicas("worker", SOON, |now| now == 4)?;
    let named = queues.iter().flat_map(|queue| ["--queue", queue.as_str()]);
    site.zero(&["purge", "--yes"].into_iter().chain(named).collect::<Vec<_>>())?;
    site.until_replicas("worker", LATER, |now| now == 0).map(drop)
}
