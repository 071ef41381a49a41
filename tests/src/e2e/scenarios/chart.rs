//! The chart, by the real Helm.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::e2e::site::{COST, FOUND, LATER, SOON, Site};
use crate::e2e::stage::Stage;
use crate::helm::CHART;

/// The release, and what the chart makes of its name.
const RELEASE: &str = "zp";
const WORKERS: &str = "zp-worker-default";
const SCALER: &str = "zp-scaler";
/// What an uninstall leaves, as the notes say.
const KEPT: &str = "persistentvolumeclaim/data-zp-leader-0";

pub(super) const SCENARIO: Scenario = Scenario {
    name: "chart",
    about: "the chart by the real Helm: installed; `kubectl zero` works in the jumpbox with its own rights; upgraded with the values it had and one more during a proof, which goes on, is verified, and nobody is cut off; uninstalled, nothing is left but the volume of the proofs",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::with_broker(stage, SCENARIO.name, stage.broker.access())?;
    let before = site.objects()?;
    let values = site.folder().join("values.json");
    std::fs::write(&values, of_values(&site.name).to_string())?;
    site.helm(&["install", RELEASE, CHART, "--values", &values.display().to_string()])?;
    site.until_ready(SCALER, 2)?;
    site.until_scaled(WORKERS)?;
    site.until("the proof service to answer", SOON, || site.proofs().map(drop))?;
    in_the_jumpbox(&site)?;
    site.doctor_finds_no(&["K1", "K2", "K3", "K4", "K6"])?;
    // Twice as many tasks as workers: all of them are wanted when the first is done.
    site.zero(&["prove", &site.witnesses(4_000, &[16])?, "--detach"])?;
    site.until_ready(WORKERS, 4)?;
    site.until("a busy worker to be protected by the scaler's own rights", SOON, || {
        protected(&site)
    })?;
    // Leader and workers are told of it: all of them are replaced while the proof goes on.
    site.helm(&["upgrade", RELEASE, CHART, "--reuse-values", "--set", "workers.attempts=4"])?;
    site.until_verified(1)?;
    site.until_ready(SCALER, 2)?;
    site.until_replicas(WORKERS, LATER, |now| now == 0)?;
    site.nobody_was_cut_off()?;
    site.helm(&["uninstall", RELEASE])?;
    site.until("everything of the release to be gone", SOON, || {
        let left = site.changes(&before)?;
        ensure!(left == [KEPT], "left are {left:?}");
        Ok(())
    })
}

fn protected(site: &Site<'_>) -> Result<()> {
    let lease = site.get("/apis/coordination.k8s.io/v1", &format!("leases/{SCALER}"))?;
    let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str);
    ensure!(holder.is_some_and(|holder| !holder.is_empty()), "nobody has the Lease: {lease}");
    let pods = site.stage.kubelet.pods(&site.name);
    let costs = pods.iter().filter_map(|pod| pod.pointer("/metadata/annotations")?.get(COST));
    ensure!(costs.count() > 0, "no pod has a cost");
    Ok(())
}

/// The jumpbox has an account of its own, with few rights.
fn in_the_jumpbox(site: &Site<'_>) -> Result<()> {
    let does = |command: &str| -> Result<String> {
        // KWOK tells no exit code.
        let line = format!("{command}; echo ended with $?");
        let told = site.kubectl(&["exec", "deploy/zp-jumpbox", "--", "sh", "-c", &line])?;
        let well = [0, FOUND].map(|code| told.stdout.ends_with(&format!("ended with {code}\n")));
        ensure!(well.contains(&true), "`{command}` in the jumpbox: {}{}", told.stdout, told.stderr);
        Ok(told.stdout)
    };
    for command in ["kubectl zero proofs", "kubectl zero status", "kubectl zero doctor"] {
        does(command)?;
    }
    let who = format!("system:serviceaccount:{}:zp-jumpbox", site.name);
    let told = does("kubectl auth whoami")?;
    ensure!(told.contains(&who), "it was not the jumpbox: {told}");
    Ok(())
}

fn of_values(vhost: &str) -> Value {
    json!({
        "rabbitmq": {"mode": "external", "vhost": vhost, "external": {"host": "rabbitmq",
            "existingSecret": "rabbitmq", "metricsUrls": ["http://rabbitmq:15692"]}},
        "circuits": {"mode": "ephemeral"},
        "jumpbox": {"enabled": true},
        "leader": {"proverArgs": ["--batch-size=2"]},
        "workers": {"terminationGracePeriodSeconds": 120, "proverArgs": ["--stand-in-ms-per-txn=4000"]},
        "autoscaling": {"pollingIntervalSeconds": 2, "cooldownSeconds": 5, "fallback": {"failureThreshold": 1},
            "scaleDown": {"stabilizationSeconds": 0, "pods": 4, "periodSeconds": 1}},
    })
}
