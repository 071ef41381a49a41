//! The scaler is killed, both are, and it is upgraded, while work is done.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{DEFAULT_COOLDOWN, Scaling, Service, Workers};
use crate::e2e::site::{SOON, Site};
use crate::e2e::stage::Stage;

/// Several polls, and several looks of the autoscaler.
const A_WHILE: Duration = Duration::from_secs(10);
/// Workers wanted, by as many messages that nobody takes.
const WANTED: u64 = 3;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "scalers",
    about: "one scaler killed, both killed, rolling upgrade, during a proof: replicas never drop, more work is still seen, the proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(2)?;
    site.leader(Service::default())?;
    site.workers(&Workers { ms_per_txn: 3_000, ..Workers::default() })?;
    site.fill(&["held".to_owned()], usize::try_from(WANTED)?)?;
    site.scale(&Scaling {
        replicas: (0, 8),
        cooldown: DEFAULT_COOLDOWN,
        metadata: vec![("target", "1".to_owned()), ("queues", "held.*".to_owned())],
        ..Scaling::default()
    })?;
    site.until_ready("worker", WANTED)?;
    site.zero(&["prove", &site.witness("devnet", 8), "--detach"])?;
    let watch = site.watch("worker")?;
    kill_one_then_both(&site)?;
    site.kubectl(&["rollout", "restart", "deployment/zero-scaler"])?;
    let rolled = site.kubectl(&["rollout", "status", "deployment/zero-scaler", "--timeout=60s"])?;
    ensure!(rolled.code == Some(0), "{}", rolled.stderr);
    site.throughout("the workers after an upgrade", A_WHILE, || steady(&site))?;
    let seen = watch.seen()?;
    ensure!(seen == [WANTED], "it was {seen:?}");
    site.fill(&["held-too".to_owned()], 2)?;
    site.until_replicas("worker", SOON, |now| now == WANTED + 2)?;
    site.until_verified(1)?;
    let back = site.came_back()?;
    ensure!(back == 0, "{back} tasks were taken twice");
    Ok(())
}

fn kill_one_then_both(site: &Site<'_>) -> Result<()> {
    let mut restarts = 0;
    for number in [1, 2] {
        let pods = site.until("both scalers", SOON, || {
            let pods = site.ready_pods("zero-scaler");
            ensure!(pods.len() == 2, "ready are {pods:?}");
            Ok(pods)
        })?;
        pods.iter().take(number).for_each(|pod| site.stage.kubelet.kill(&site.name, pod));
        site.throughout("the workers while scalers are killed", A_WHILE, || steady(site))?;
        site.until_ready("zero-scaler", 2)?;
        restarts += number as u64;
        let told = site.restarts("zero-scaler");
        ensure!(told == restarts, "{told} scalers were started again");
    }
    Ok(())
}

fn steady(site: &Site<'_>) -> Result<()> {
    let now = site.replicas("worker")?;
    ensure!(now == WANTED, "there are {now} replicas");
    Ok(())
}
