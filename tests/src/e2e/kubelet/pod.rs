//! One pod on this machine: from its binding to its end.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::unit::Unit;
use super::{Ended, Ground, kwok, volumes};

/// A pod, and the processes of its containers.
pub(super) struct LocalPod {
    /// `namespace/name`.
    pub(super) name: String,
    /// What has ended since somebody last asked.
    pub(super) ended: Vec<Ended>,
    ip: Ipv4Addr,
    units: Option<Vec<Unit>>,
    ending: Option<Instant>,
    told: Value,
}

impl LocalPod {
    pub(super) fn new(pod: &Value, ip: Ipv4Addr) -> Self {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        Self { name, ended: Vec::new(), ip, units: None, ending: None, told: Value::Null }
    }

    /// Does what is due now.
    #[expect(clippy::disallowed_methods, reason = "grace periods are measured by the real clock")]
    pub(super) fn advance(&mut self, pod: &Value, ground: &Ground) -> Result<()> {
        let now = Instant::now();
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            return self.end(pod, ground, now);
        }
        if matches!(
            pod.pointer("/status/phase").and_then(Value::as_str),
            Some("Succeeded" | "Failed")
        ) {
            return Ok(());
        }
        if self.units.is_none() {
            self.units = Some(self.begin(pod, ground)?);
        }
        let again = pod.pointer("/spec/restartPolicy").and_then(Value::as_str).unwrap_or("Always");
        for unit in self.units.iter_mut().flatten() {
            if let Some((code, overdue)) = unit.reap()? {
                self.ended.push(unit.ended(&self.name, code, (false, overdue)));
                unit.settle(again, now);
            }
            unit.advance(now)?;
        }
        self.tell(pod, ground)
    }

    /// Kills every process at once.
    pub(super) fn crash(&mut self) {
        for unit in self.units.iter_mut().flatten() {
            unit.kill();
        }
    }

    fn begin(&self, pod: &Value, ground: &Ground) -> Result<Vec<Unit>> {
        let folder = self.folder(pod, ground);
        let volumes = volumes::prepare(pod, &folder, ground, self.ip)?;
        let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
        let units = containers
            .into_iter()
            .flatten()
            .map(|container| Unit::of(pod, container, (&folder, &volumes), ground, self.ip));
        let units = units.collect::<Result<Vec<Unit>>>()?;
        let logs = kwok::logs(pod, units.iter().map(Unit::log));
        let execs = kwok::execs(pod, &folder, units.iter().map(Unit::environment));
        for (path, object) in kwok::forwards(pod, self.ip).into_iter().chain([logs, execs]) {
            ground.api.apply(&path, &object)?;
        }
        Ok(units)
    }

    fn folder(&self, pod: &Value, ground: &Ground) -> PathBuf {
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        let start = uid.get(..8).unwrap_or(uid);
        ground.home.join("pods").join(format!("{}-{start}", self.name.replace('/', "_")))
    }

    /// SIGTERM, the grace period, SIGKILL; then the pod is gone.
    fn end(&mut self, pod: &Value, ground: &Ground, now: Instant) -> Result<()> {
        let grace = pod.pointer("/metadata/deletionGracePeriodSeconds").and_then(Value::as_u64);
        let first = self.ending.is_none();
        let since = *self.ending.get_or_insert(now);
        let over = now.duration_since(since) >= Duration::from_secs(grace.unwrap_or_default());
        let mut running = false;
        for unit in self.units.iter_mut().flatten() {
            if first {
                unit.ask_to_end()?;
            }
            if over {
                unit.overdue();
            }
            match unit.reap()? {
                Some((code, overdue)) => {
                    self.ended.push(unit.ended(&self.name, code, (true, overdue)));
                }
                None => running |= unit.runs(),
            }
        }
        if running {
            return Ok(());
        }
        let (namespace, name) = self.name.split_once('/').context("a pod has a namespace")?;
        ground.api.delete(&format!("/api/v1/namespaces/{namespace}/pods/{name}"), Some(0))
    }

    /// Writes the pod's status when it has changed.
    fn tell(&mut self, pod: &Value, ground: &Ground) -> Result<()> {
        let Some(units) = &self.units else { return Ok(()) };
        let ready = units.iter().all(Unit::is_ready);
        let phase = match (units.iter().all(Unit::is_over), units.iter().all(Unit::went_well)) {
            (true, true) => "Succeeded",
            (true, false) => "Failed",
            (false, _) => "Running",
        };
        let truth = |yes: bool| if yes { "True" } else { "False" };
        let statuses: Vec<Value> = units.iter().map(Unit::status).collect();
        let mark = json!([ready, phase, statuses]);
        if mark == self.told {
            return Ok(());
        }
        let started = pod.pointer("/metadata/creationTimestamp");
        let conditions = [("Initialized", true), ("PodScheduled", true), ("ContainersReady", ready), ("Ready", ready)]
            .map(|(kind, yes)| json!({"type": kind, "status": truth(yes), "lastTransitionTime": started}));
        let ip = self.ip.to_string();
        let status = json!({"status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}],
            "hostIP": "127.0.0.1", "startTime": started, "conditions": conditions, "containerStatuses": statuses}});
        let (namespace, name) = self.name.split_once('/').context("a pod has a namespace")?;
        ground.api.merge(&format!("/api/v1/namespaces/{namespace}/pods/{name}/status"), &status)?;
        self.told = mark;
        Ok(())
    }
}
