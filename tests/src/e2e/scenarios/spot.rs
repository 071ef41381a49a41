//! A machine is taken away with the workers on it.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::services::is_ready;
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "spot",
    about: "a machine is gone with busy workers on it: their tasks go to others on the next machine, the proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    // First of all, so that they are on no machine that goes.
    site.scaler(1)?;
    site.leader(Service::default())?;
    let label = ("pool".to_owned(), site.name.clone());
    let machines = ["first", "second"].map(|which| format!("{}-{which}", site.name));
    machine(&site, &machines[0], &label)?;
    machine(&site, &machines[1], &label)?;
    let waits = site.kubectl(&["cordon", &machines[1]])?;
    ensure!(waits.code == Some(0), "{}", waits.stderr);
    site.workers(&Workers { ms_per_txn: 3_000, node: Some(label.clone()), ..Workers::default() })?;
    site.scale(&Scaling { replicas: (0, 2), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    site.zero(&["prove", &site.witnesses(3_000, &[12])?, "--detach"])?;
    site.until_ready("worker", 2)?;
    site.until_in_hand(2)?;
    stage.kubelet.lose(&machines[0]);
    stage.api.delete(&format!("/api/v1/nodes/{}", machines[0]), None)?;
    let came = site.kubectl(&["uncordon", &machines[1]])?;
    ensure!(came.code == Some(0), "{}", came.stderr);
    site.until("both workers on the next machine", LATER, || {
        let pods = site.pods_of("worker");
        let on = pods.iter().filter(|pod| is_ready(pod));
        let nodes: Vec<_> = on.filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str()).collect();
        ensure!(nodes == [&machines[1]; 2], "workers are on {nodes:?}");
        Ok(())
    })?;
    site.until_verified(1)?;
    let back = site.came_back()?;
    ensure!(back >= 2, "{back} tasks went to others");
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.nobody_was_cut_off()?;
    stage.api.delete(&format!("/api/v1/nodes/{}", machines[1]), None)
}

fn machine(site: &Site<'_>, name: &str, (label, value): &(String, String)) -> Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {label: value, "kubernetes.io/hostname": name}}});
    site.stage.api.create("/api/v1/nodes", &node)?;
    site.until("the machine to be ready", SOON, || {
        let told = site.stage.api.get(&format!("/api/v1/nodes/{name}"))?;
        ensure!(is_ready(&told), "it is not");
        Ok(())
    })
    .context("a machine more")
}
