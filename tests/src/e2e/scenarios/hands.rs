//! What operators do by hand, through the API server, while others' proofs go on.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

/// The block that is taken back, of more work than the other.
const MISTAKE: u64 = 9_000;
/// Commands that only look.
const LOOKS: [&[&str]; 3] = [&["status"], &["queues"], &["scale", "explain"]];

pub(super) const SCENARIO: Scenario = Scenario {
    name: "hands",
    about: "`kubectl zero` through the API server: status, doctor, scale explain; remove takes one block's tasks and the other proof is verified; purge empties what is named",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.leader(Service { parallel: 2, ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 600, ..Workers::default() })?;
    site.scale(&Scaling { replicas: (0, 2), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    let mistake = site.witnesses(MISTAKE, &[400])?;
    site.zero(&["prove", &mistake, "--detach"])?;
    site.zero(&["prove", &site.witness("devnet", 6), "--detach"])?;
    site.until_ready("worker", 2)?;
    for look in LOOKS {
        let told = site.zero_looks(look)?;
        ensure!(!told.is_empty(), "`kubectl zero {}` says nothing", look.join(" "));
    }
    site.doctor_finds_no(&["H1", "H9", "H10"])?;
    // This ScaledObject has no fallback.
    site.doctor_says(&["K6"], "found")?;
    site.until("status to tell of both workers", SOON, || two_workers(&site))?;
    let block = MISTAKE.to_string();
    let told = site.zero_json(&["remove", "--block", &block, "--yes", "--reason", "a mistake"])?;
    ensure!(told.pointer("/report/outcomes").is_some(), "remove reports nothing: {told}");
    site.until("the other proof to be verified", LATER, || {
        let told = states(&site)?;
        ensure!(told.contains(&(6, "verified".to_owned())), "{told:?}");
        Ok(())
    })?;
    ensure!(
        !states(&site)?.contains(&(MISTAKE, "verified".to_owned())),
        "what was removed is proved"
    );
    purge(&site)?;
    let events = site.events()?;
    ensure!(
        events.iter().any(|words| words.contains("a mistake")),
        "no Event tells why: {events:?}"
    );
    Ok(())
}

/// What the broker tells of consumers is a moment old.
fn two_workers(site: &Site<'_>) -> Result<()> {
    let told = site.zero_looks(&["status", "-o", "json"])?;
    let status: Value = serde_json::from_str(&told).context("read what status says")?;
    let workers = status.pointer("/workers/connected").and_then(Value::as_u64);
    ensure!(workers == Some(2), "status tells of {workers:?} workers: {status}");
    Ok(())
}

fn purge(site: &Site<'_>) -> Result<()> {
    site.fill(&["left-over".to_owned()], 5)?;
    site.zero(&["purge", "--queue", "left-over", "--yes"])?;
    site.until("the queue to be empty", SOON, || {
        let left = site.queue("left-over")?.get("messages").and_then(Value::as_u64);
        ensure!(left == Some(0), "{left:?} messages are left");
        Ok(())
    })?;
    Ok(())
}

/// The first block and the state of each proof.
fn states(site: &Site<'_>) -> Result<Vec<(u64, String)>> {
    let told = site.proofs()?;
    let one = |proof: &Value| {
        let block =
            proof.get("firstBlock").and_then(Value::as_u64).context("a proof has a block")?;
        let state = proof.get("state").and_then(Value::as_str).context("a proof has a state")?;
        Ok((block, state.to_owned()))
    };
    told.iter().map(one).collect()
}
