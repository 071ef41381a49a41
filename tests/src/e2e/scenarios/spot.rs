//! A machine is taken away with the workers on it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "spot",
    about: "a machine is gone with busy workers on it: their tasks go to others on the next machine, the proof is verified",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    let label = ("pool".to_owned(), site.name.clone());
    let machines = ["first", "second"].map(|which| format!("{}-{which}", site.name));
    machine(&site, &machines[0], &label)?;
    site.scaler(1)?;
    site.leader(Service::default())?;
    site.workers(&Workers { ms_per_txn: 3_000, node: Some(label.clone()), ..Workers::default() })?;
    site.scale(&Scaling { replicas: (0, 2), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    site.zero(&["prove", &site.witness("devnet", 6), "--detach"])?;
    site.until_ready("worker", 2)?;
    site.until("workers to be busy", SOON, || {
        let told = site.queue("task-ipc-routing-key")?;
        let busy = told.get("messages_unacknowledged").and_then(Value::as_u64);
        ensure!(busy == Some(2), "{busy:?} tasks are in hand");
        Ok(())
    })?;
    machine(&site, &machines[1], &label)?;
    stage.kubelet.lose(&machines[0]);
    stage.api.delete(&format!("/api/v1/nodes/{}", machines[0]), None)?;
    site.until_verified(1)?;
    let on = site.stage.kubelet.pods(&site.name);
    let on = on
        .iter()
        .filter(|pod| pod.pointer("/metadata/labels/app").is_some_and(|app| app == "worker"));
    let nodes: Vec<&str> = on.filter_map(|pod| pod.pointer("/spec/nodeName")?.as_str()).collect();
    ensure!(nodes.iter().all(|node| *node == machines[1]), "workers are on {nodes:?}");
    site.until_replicas("worker", LATER, |now| now == 0)?;
    site.nobody_was_cut_off()
}

fn machine(site: &Site<'_>, name: &str, (label, value): &(String, String)) -> Result<()> {
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {label: value, "kubernetes.io/hostname": name}}});
    site.stage.api.create("/api/v1/nodes", &node)?;
    site.until("the machine to be ready", SOON, || {
        let told = site.stage.api.get(&format!("/api/v1/nodes/{name}"))?;
        ensure!(crate::e2e::services::is_ready(&told), "it is not");
        Ok(())
    })
    .context("a machine more")
}
