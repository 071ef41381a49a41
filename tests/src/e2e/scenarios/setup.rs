//! `tools/setup.sh` and `tools/teardown.sh`, typed by a user at a cluster that is there.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use serde_json::json;

use super::Scenario;
use crate::e2e::site::Site;
use crate::e2e::stage::Stage;
use crate::e2e::terminal::Terminal;
use crate::poll;
use crate::process::Process;
use crate::repository;

/// The namespace that the script makes.
const NAMESPACE: &str = "set-up";
/// What the script says as it comes to each of its steps; there it is killed.
const STEPS: [&str; 5] = [
    "== release zero in namespace set-up",
    "== broker, proof service and scaler of zero ready",
    "== circuits of zero made",
    "== kubectl zero doctor",
    "== proof of ",
];
/// From nothing to a verified proof.
const PATIENCE: Duration = Duration::from_secs(300);
const TO_END: Duration = Duration::from_secs(10);

pub(super) const SCENARIO: Scenario = Scenario {
    name: "setup",
    about: "tools/setup.sh, killed at each of its steps and typed again, ends with a verified proof; typed once more it changes nothing; tools/teardown.sh takes away all it has made",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::bare(stage, NAMESPACE, stage.broker.access())?;
    let user = User { witness: site.witness("devnet", 3), terminal: Terminal { site } };
    user.sits_down()?;
    let mut killed = Vec::new();
    for step in STEPS {
        killed.extend(user.is_killed_at(step)?);
    }
    ensure!(killed.len() >= 4, "it was killed at {killed:?} only");
    let told = user.types("setup.sh", &user.setup())?;
    ensure!(told.contains("   verified: 3-"), "no proof: {told}");
    let revisions = user.revisions()?;
    let told = user.types("setup.sh", &user.setup())?;
    ensure!(told.contains("   verified: 3-"), "no proof the second time: {told}");
    ensure!(told.contains("  there    release zero"), "it was not there: {told}");
    ensure!(user.revisions()? == revisions, "a second run has upgraded the release");
    let site = &user.terminal.site;
    let proofs = site.proofs()?;
    ensure!(proofs.len() == 1, "one witness, one proof: {proofs:?}");
    site.nobody_was_cut_off()?;
    user.leaves()
}

/// Who sits at a terminal.
struct User<'a> {
    terminal: Terminal<'a>,
    witness: String,
}

impl User<'_> {
    /// The namespace of an earlier run is gone; KEDA, which runs beside the cluster here, is told of in it.
    fn sits_down(&self) -> Result<()> {
        self.terminal.sits_down()?;
        let site = &self.terminal.site;
        let labels = json!({"app.kubernetes.io/name": "keda-operator", "app.kubernetes.io/version": "2.21.0"});
        site.apply(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}),
        )?;
        site.apply(&json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "keda-operator", "namespace": "keda", "labels": labels},
            "spec": {"selector": {"matchLabels": {"app": "keda-operator"}}, "template": {
                "metadata": {"labels": {"app": "keda-operator"}},
                "spec": {"containers": [{"name": "keda-operator", "image": "keda:2.21.0"}]}}}}))?;
        let values = json!({"leader": {"proverArgs": ["--batch-size=2"]},
            "autoscaling": {"pollingIntervalSeconds": 2, "cooldownSeconds": 5,
                "fallback": {"failureThreshold": 1}}});
        std::fs::write(site.folder().join("values.json"), values.to_string())?;
        Ok(())
    }

    fn setup(&self) -> Vec<&str> {
        let place = ["--kube-context", "tests", "--namespace", NAMESPACE, "--yes"];
        [&place[..], &["--values", "values.json", "--prove", &self.witness]].concat()
    }

    /// Types it; it ends well; what it says.
    fn types(&self, script: &str, args: &[&str]) -> Result<String> {
        let process = self.begins(script, args)?;
        let (status, told) = self.terminal.ends(process, script, PATIENCE)?;
        ensure!(status.success(), "{script} ended with {status}: {told}");
        Ok(told)
    }

    /// Types it, and it is killed with all that it has started as it comes to a step; `None`: the step was done.
    fn is_killed_at(&self, step: &'static str) -> Result<Option<&'static str>> {
        let mut process = self.begins("setup.sh", &self.setup())?;
        let came = poll::until_blocking(&format!("setup.sh to say `{step}`"), PATIENCE, || {
            let ended = process.exited().map_err(|error| format!("{error:#}"))?;
            let told = self.terminal.sees();
            if told.contains(step) {
                return Ok(Ok(true));
            }
            match ended {
                Some(status) if status.success() => Ok(Ok(false)),
                Some(status) => Ok(Err(format!("setup.sh ended with {status}: {told}"))),
                None => Err(told),
            }
        });
        process.signal(Signal::KILL)?;
        process.wait_gone(TO_END)?;
        let came = came?.map_err(anyhow::Error::msg)?;
        Ok(came.then_some(step))
    }

    fn begins(&self, script: &str, args: &[&str]) -> Result<Process> {
        self.terminal.begins(&repository::root().join("tools").join(script), args)
    }

    fn revisions(&self) -> Result<String> {
        let marks = ["get", "secrets", "-l", "owner=helm,name=zero", "-o", "name"];
        Ok(self.terminal.site.kubectl(&marks)?.stdout)
    }

    /// Nothing stays but what the cluster makes in each namespace.
    fn leaves(&self) -> Result<()> {
        let place =
            ["--kube-context", "tests", "--namespace", NAMESPACE, "--yes", "--only", "chart"];
        self.types("teardown.sh", &[&place[..], &["--delete-data"]].concat())?;
        self.terminal.has_left_nothing()
    }
}
