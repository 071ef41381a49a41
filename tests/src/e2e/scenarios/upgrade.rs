//! Upgrades of a release with a broker and volumes of its own: what must not be lost, and the steps of docs/upgrade.md.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Scenario;
use crate::e2e::manual::commands;
use crate::e2e::site::{SOON, Site, TASKS};
use crate::e2e::stage::Stage;
use crate::e2e::terminal::Terminal;

const PAGE: &str = include_str!("../../../../docs/upgrade.md");
/// The namespace of the page.
const NAMESPACE: &str = "provers";
/// A user's patience with one command.
const PATIENCE: Duration = Duration::from_secs(180);
const INSTALL: &str = "helm install zero helm/zero-prover --namespace provers --create-namespace";
const UPGRADE: &str = "helm upgrade zero helm/zero-prover --namespace provers --values values.yaml";
const READY: &str =
    "kubectl -n provers rollout status statefulset,deployment -l app.kubernetes.io/instance=zero";

pub(super) const SCENARIO: Scenario = Scenario {
    name: "upgrade",
    about: "the chart's own broker and volumes: `helm upgrade` restarts the broker while tasks wait in it, none is lost and the proof is verified; then each command of `Another volume` in docs/upgrade.md as it stands there: circuits on a claim for several nodes, a larger volume for proofs without a restart, another verified proof",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::bare(stage, NAMESPACE, stage.broker.access())?;
    let user = User { terminal: Terminal { site } };
    let site = &user.terminal.site;
    user.terminal.sits_down_with(&["helm"])?;
    user.types(INSTALL)?;
    user.types(READY)?;
    user.restarts_the_broker_under_work()?;
    let page = commands(PAGE, ("## Another volume", "## Another queue policy"));
    let end = page.iter().position(|command| command.contains(" scale resume"));
    let (claim, set) = page.split_at(end.context("the page resumes")? + 1);
    ensure!(claim.len() >= 6 && set.len() >= 3, "the page has not all: {page:?}");

    user.wants(&json!({"circuits": {"pvc": {"accessMode": "ReadWriteMany"}}}))?;
    user.follows(claim)?;
    let modes = site.get("/api/v1", "persistentvolumeclaims/zero-circuits")?;
    let modes = modes.pointer("/spec/accessModes/0").and_then(Value::as_str);
    ensure!(modes == Some("ReadWriteMany"), "the claim is {modes:?}");
    user.types(READY)?;

    let before = user.pod("zero-leader-0")?;
    user.wants(&json!({"circuits": {"pvc": {"accessMode": "ReadWriteMany"}},
        "leader": {"persistence": {"size": "100Gi"}}}))?;
    user.follows(set)?;
    user.types(READY)?;
    ensure!(user.pod("zero-leader-0")? == before, "the proof service was restarted");
    site.zero(&["prove", &site.witness("devnet", 4), "--detach"])?;
    site.until_verified(2)?;
    site.nobody_was_cut_off()
}

/// Who sits at a terminal, in a copy of the repository.
struct User<'a> {
    terminal: Terminal<'a>,
}

impl User<'_> {
    /// Writes the file of values that the page names.
    fn wants(&self, values: &Value) -> Result<()> {
        let file = self.terminal.site.folder().join("values.yaml");
        std::fs::write(file, values.to_string()).context("write values")
    }

    fn follows(&self, commands: &[String]) -> Result<()> {
        commands.iter().try_for_each(|command| self.types(command))
    }

    fn types(&self, command: &str) -> Result<()> {
        let begun = self.terminal.types(command)?;
        let (status, told) = self.terminal.ends(begun, command, PATIENCE)?;
        ensure!(status.success(), "`{command}` ended with {status}: {told}");
        Ok(())
    }

    /// Which pod has this name now.
    fn pod(&self, name: &str) -> Result<String> {
        let pod = self.terminal.site.get("/api/v1", &format!("pods/{name}"))?;
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str);
        Ok(uid.context("a pod has a uid")?.to_owned())
    }

    /// Tasks that nobody has in hand.
    fn waiting(&self) -> Result<u64> {
        let queues = self.terminal.site.zero_json(&["queues"])?;
        let mut queues = queues.as_array().into_iter().flatten();
        let tasks = queues.find(|queue| queue.get("name").is_some_and(|name| name == TASKS));
        tasks.and_then(|queue| queue.get("ready")?.as_u64()).context("there is no such queue")
    }

    /// With all workers held, a leader's tasks wait; the broker's settings change, and with them its pod.
    fn restarts_the_broker_under_work(&self) -> Result<()> {
        let site = &self.terminal.site;
        site.zero(&[
            "scale",
            "pause",
            "--replicas",
            "0",
            "--reason",
            "tasks are to wait",
            "--yes",
        ])?;
        site.until("no worker to be left", SOON, || {
            let pods = site.stage.kubelet.pods(&site.name);
            let left = pods.iter().filter(|pod| {
                let part = pod.pointer("/metadata/labels/app.kubernetes.io~1component");
                part.is_some_and(|part| part == "worker")
            });
            ensure!(left.count() == 0, "there is one");
            Ok(())
        })?;
        site.zero(&["prove", &site.witness("devnet", 3), "--detach"])?;
        let before = site.until("tasks to wait", SOON, || {
            let waiting = self.waiting()?;
            ensure!(waiting > 0, "there are none");
            Ok(waiting)
        })?;
        let pod = self.pod("zero-rabbitmq-0")?;
        self.wants(&json!({"rabbitmq": {"consumerTimeoutHours": 25}}))?;
        self.types(UPGRADE)?;
        self.types(READY)?;
        ensure!(self.pod("zero-rabbitmq-0")? != pod, "the broker was not restarted");
        let after = site.until("the broker to answer", SOON, || self.waiting())?;
        ensure!(after >= before, "{before} tasks waited, and after the upgrade {after}");
        site.zero(&["scale", "resume", "--yes"])?;
        site.until_verified(1)
    }
}
