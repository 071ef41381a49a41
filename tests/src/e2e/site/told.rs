//! What a site's API server, broker and proof service tell, and waiting for it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{LATER, SOON, Site, TASKS};
use crate::access::segment;
use crate::e2e::services::is_ready;
use crate::e2e::watch::Watch;
use crate::poll;

impl Site<'_> {
    /// An object of this namespace, such as `/apis/apps/v1` and `deployments/worker`.
    pub fn get(&self, group: &str, rest: &str) -> Result<Value> {
        self.stage.api.get(&self.path(group, rest))
    }

    pub(super) fn path(&self, group: &str, rest: &str) -> String {
        format!("{group}/namespaces/{}/{rest}", self.name)
    }

    /// How many replicas a Deployment is told to have.
    pub fn replicas(&self, deployment: &str) -> Result<u64> {
        let told = self.get("/apis/apps/v1", &format!("deployments/{deployment}"))?;
        told.pointer("/spec/replicas").and_then(Value::as_u64).context("it has no replicas")
    }

    /// Until a Deployment is told to have replicas such as these; how many they are.
    pub fn until_replicas(
        &self,
        deployment: &str,
        limit: Duration,
        wanted: impl Fn(u64) -> bool,
    ) -> Result<u64> {
        let what = format!("another number of replicas of `{deployment}`");
        self.until(&what, limit, || {
            let now = self.replicas(deployment)?;
            ensure!(wanted(now), "it has {now}");
            Ok(now)
        })
    }

    /// Until so many pods of a Deployment are ready.
    pub fn until_ready(&self, deployment: &str, count: u64) -> Result<()> {
        self.until(&format!("{count} ready pods of `{deployment}`"), SOON, || {
            let told = self.get("/apis/apps/v1", &format!("deployments/{deployment}"))?;
            let number =
                |pointer| told.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
            let seen =
                told.pointer("/status/observedGeneration") == told.pointer("/metadata/generation");
            let (ready, all) = (number("/status/readyReplicas"), number("/status/replicas"));
            let updated = number("/status/updatedReplicas");
            ensure!(
                seen && ready == count && all == count && updated == count,
                "{ready} of {all} are ready"
            );
            Ok(())
        })
    }

    /// Waits; an error tells what stands in the way of pods, too.
    pub fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut probe: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        let looked =
            poll::until_blocking(what, limit, || probe().map_err(|error| format!("{error:#}")));
        let trouble = self.stage.kubelet.trouble();
        looked.map_err(|late| {
            let late = anyhow::Error::from(late);
            if trouble.is_empty() {
                return late;
            }
            late.context(format!("pods do not start: {trouble:?}"))
        })
    }

    /// Looks again and again for so long; fails as soon as a look does.
    pub fn throughout(
        &self,
        what: &str,
        time: Duration,
        mut look: impl FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut fault = None;
        let over = poll::until_blocking(what, time, || match look() {
            Ok(()) => Err("as it should be"),
            Err(error) => {
                fault = Some(error);
                Ok(())
            }
        });
        if let Some(error) = fault {
            return Err(error.context(format!("it was not so throughout: {what}")));
        }
        ensure!(over.is_err(), "the time passed");
        Ok(())
    }

    /// Until a ScaledObject is ready.
    pub fn until_scaled(&self, object: &str) -> Result<()> {
        self.until("the ScaledObject to be ready", SOON, || {
            let (status, reason, words) = self.condition(object, "Ready")?;
            ensure!(status == "True", "{reason}: {words}");
            Ok(())
        })
    }

    /// The proofs as `kubectl zero proofs` lists them.
    pub fn proofs(&self) -> Result<Vec<Value>> {
        let told = self.zero_json(&["proofs"])?;
        told.as_array().cloned().with_context(|| format!("no list of proofs: {told}"))
    }

    /// Until the proof service has verified so many proofs.
    pub fn until_verified(&self, count: usize) -> Result<()> {
        self.until(&format!("{count} verified proofs"), LATER, || {
            let proofs = self.proofs()?;
            let states: Vec<&str> =
                proofs.iter().filter_map(|proof| proof.get("state")?.as_str()).collect();
            ensure!(!states.contains(&"failed"), "a proof has failed: {proofs:?}");
            let verified = states.iter().filter(|state| **state == "verified").count();
            ensure!(verified >= count, "{states:?}");
            Ok(())
        })
    }

    /// Keeps what a Deployment is told to be from now on.
    pub fn watch(&self, deployment: &str) -> Result<Watch> {
        let path = self.path("/apis/apps/v1", &format!("deployments/{deployment}"));
        Watch::start(self.stage.api.clone(), path)
    }

    /// The pods of a Deployment of this site.
    #[must_use]
    pub fn pods_of(&self, app: &str) -> Vec<Value> {
        let mut pods = self.stage.kubelet.pods(&self.name);
        pods.retain(|pod| pod.pointer("/metadata/labels/app").is_some_and(|told| told == app));
        pods
    }

    /// Names of the pods of a Deployment that are ready and not ending.
    #[must_use]
    pub fn ready_pods(&self, app: &str) -> Vec<String> {
        let mut pods = self.pods_of(app);
        pods.retain(|pod| is_ready(pod) && pod.pointer("/metadata/deletionTimestamp").is_none());
        let names = pods.iter().filter_map(|pod| pod.pointer("/metadata/name")?.as_str());
        names.map(ToOwned::to_owned).collect()
    }

    /// How often containers of a Deployment's pods have been started again.
    #[must_use]
    pub fn restarts(&self, app: &str) -> u64 {
        let pods = self.pods_of(app);
        let containers =
            pods.iter().filter_map(|pod| pod.pointer("/status/containerStatuses")?.as_array());
        containers.flatten().filter_map(|one| one.get("restartCount")?.as_u64()).sum()
    }

    /// Until so many tasks are in workers' hands.
    pub fn until_in_hand(&self, count: u64) -> Result<()> {
        self.until(&format!("{count} tasks in hand"), SOON, || {
            let told = self.queue(TASKS)?;
            let busy = told.get("messages_unacknowledged").and_then(Value::as_u64);
            ensure!(busy == Some(count), "{busy:?} tasks are in hand");
            Ok(())
        })
    }

    /// What the broker says of tasks delivered a second time.
    pub fn came_back(&self) -> Result<u64> {
        let queue = self.queue(TASKS)?;
        let count = |name: &str| queue.pointer(&format!("/message_stats/{name}"))?.as_u64();
        count("deliver").context("the broker has not counted deliveries")?;
        // It leaves out what never happened.
        Ok(count("redeliver").unwrap_or_default())
    }

    /// No worker was cut off in its work: whoever was asked to end did so in good order.
    pub fn nobody_was_cut_off(&self) -> Result<()> {
        let ended = self.stage.kubelet.ended(&self.name);
        let bad: Vec<_> =
            ended.iter().filter(|ended| ended.overdue || ended.code != Some(0)).collect();
        ensure!(bad.is_empty(), "containers did not end in good order: {bad:?}");
        Ok(())
    }

    /// No worker was asked to end while it had a task in hand; so many were asked to end at least.
    pub fn nobody_busy_was_asked(&self, at_least: usize) -> Result<()> {
        let ended = self.stage.kubelet.ended(&self.name);
        let asked: Vec<_> =
            ended.iter().filter(|ended| ended.asked && ended.container == "worker").collect();
        let busy: Vec<_> =
            asked.iter().filter(|ended| ended.was_busy()).map(|ended| &ended.pod).collect();
        ensure!(asked.iter().all(|ended| ended.metrics.is_some()), "not all said how they were");
        ensure!(busy.is_empty(), "{busy:?} were busy when they were asked to end");
        ensure!(asked.len() >= at_least, "{} were asked to end", asked.len());
        Ok(())
    }

    /// Of workers that were asked to end none says that a task of its went back to its queue.
    pub fn nothing_came_back(&self) -> Result<()> {
        let ended = self.stage.kubelet.ended(&self.name);
        let outcomes =
            ended.iter().flat_map(|ended| ended.metrics.iter()).flat_map(|text| text.lines());
        let bad: Vec<&str> = outcomes
            .filter(|line| line.starts_with("zero_worker_tasks_total{"))
            .filter(|line| !line.contains("outcome=\"done\"") && !line.ends_with(" 0"))
            .collect();
        ensure!(bad.is_empty(), "tasks did not end well: {bad:?}");
        Ok(())
    }

    /// A queue as the broker tells it.
    pub fn queue(&self, name: &str) -> Result<Value> {
        let path = format!("/api/queues/{}/{}", segment(&self.name), segment(name));
        self.access.management().get(&path)
    }

    /// A condition of a ScaledObject: its status, its reason and its words.
    pub fn condition(&self, object: &str, kind: &str) -> Result<(String, String, String)> {
        let told = self.get("/apis/keda.sh/v1alpha1", &format!("scaledobjects/{object}"))?;
        let all = told.pointer("/status/conditions").and_then(Value::as_array);
        let found =
            all.into_iter().flatten().find(|one| one.get("type").is_some_and(|told| told == kind));
        let Some(found) = found else { bail!("`{object}` has no condition {kind} yet") };
        let text =
            |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((text("status"), text("reason"), text("message")))
    }

    /// The words of the Events of this namespace.
    pub fn events(&self) -> Result<Vec<String>> {
        let events = self.stage.api.list(&self.path("/api/v1", "events"))?;
        let words = events.iter().filter_map(|event| event.get("message")?.as_str());
        Ok(words.map(ToOwned::to_owned).collect())
    }

    /// Every object of this namespace but Events and what is KWOK's, as `kind/name`.
    pub fn objects(&self) -> Result<BTreeSet<String>> {
        let asked = ["api-resources", "--namespaced", "--verbs=list,create", "--output=name"];
        let kinds = self.kubectl(&asked)?.stdout;
        let ours = |kind: &&str| !kind.starts_with("events") && !kind.ends_with(".kwok.x-k8s.io");
        let kinds: Vec<&str> = kinds.lines().filter(ours).collect();
        ensure!(kinds.contains(&"pods"), "these are not all kinds: {kinds:?}");
        let listed = self.kubectl(&["get", &kinds.join(","), "--output=name"])?;
        ensure!(listed.code == Some(0), "{}", listed.stderr);
        Ok(listed.stdout.lines().map(ToOwned::to_owned).collect())
    }

    /// What has come to this namespace and what is missing since it had these objects.
    pub fn changes(&self, since: &BTreeSet<String>) -> Result<Vec<String>> {
        let now = self.objects()?;
        Ok(now.symmetric_difference(since).cloned().collect())
    }

    /// `kubectl zero doctor` looks for these hazards and does not find them, whatever else it finds.
    pub fn doctor_finds_no(&self, hazards: &[&str]) -> Result<()> {
        self.doctor_says(hazards, "notFound")
    }

    /// What `kubectl zero doctor` makes of these hazards, whatever else it finds.
    pub fn doctor_says(&self, hazards: &[&str], wanted: &str) -> Result<()> {
        let told = self.zero_looks(&["doctor", "-o", "json"])?;
        let told: Value = serde_json::from_str(&told).context("read what doctor says")?;
        let verdict = |id: &&str| {
            let mut checks = told.as_array().into_iter().flatten();
            let check = checks.find(|check| check.get("id").is_some_and(|told| told == *id));
            check.and_then(|check| check.get("verdict")?.as_str())
        };
        let other: Vec<_> = hazards.iter().filter(|id| verdict(id) != Some(wanted)).collect();
        ensure!(other.is_empty(), "of {other:?} doctor does not say `{wanted}`: {told}");
        Ok(())
    }
}
