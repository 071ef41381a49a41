//! A double of Kubernetes' controllers: everything is ready, finished or gone as soon as it is asked for. No pod is made.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tests::cluster::ControlPlane;
use tests::e2e::api::Api;
use tests::poll;

/// No test takes that long.
const LIMIT: Duration = Duration::from_secs(3600);
const WHEN: &str = "2026-01-01T00:00:00Z";

/// The controllers at work; they end with the value.
pub(super) struct Controllers {
    proxy: Child,
    stop: Arc<AtomicBool>,
    /// Whether Jobs may finish.
    pub(super) jobs: Arc<AtomicBool>,
    /// Whether Deployments become ready.
    pub(super) deployments: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controllers {
    pub(super) fn start(plane: &ControlPlane) -> Self {
        let mut command = plane.kubectl_command(&plane.kubeconfig());
        command.args(["proxy", "--port=0", "--reject-paths="]).stdout(Stdio::piped());
        let mut proxy = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(proxy.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        let api = Api::at(port);
        let [stop, jobs, deployments] =
            [false, true, true].map(|value| Arc::new(AtomicBool::new(value)));
        let told = Arc::clone(&stop);
        let may = [Arc::clone(&jobs), Arc::clone(&deployments)];
        let thread = std::thread::spawn(move || {
            let _ = poll::until_blocking("the test to end", LIMIT, || {
                if told.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let [jobs, deployments] = [0, 1].map(|one: usize| may[one].load(Ordering::Relaxed));
                look(&api, jobs, deployments)
                    .map_or_else(|error| Err(format!("{error:#}")), |()| Err(String::new()))
            });
        });
        Self { proxy, stop, jobs, deployments, thread: Some(thread) }
    }
}

impl Drop for Controllers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

fn look(api: &Api, jobs: bool, deployments: bool) -> anyhow::Result<()> {
    for (group, kind) in
        [("apps/v1", "deployments"), ("apps/v1", "statefulsets"), ("batch/v1", "jobs")]
    {
        for object in api.list(&format!("/apis/{group}/{kind}"))? {
            let status = match kind {
                "jobs" => finished(&object).filter(|_| jobs),
                "deployments" => ready(&object).filter(|_| deployments),
                _ => ready(&object),
            };
            if let Some(status) = status {
                api.merge(
                    &format!("{}/status", path(group, kind, &object)),
                    &json!({ "status": status }),
                )?;
            }
        }
    }
    for claim in api.list("/api/v1/persistentvolumeclaims")? {
        if claim["metadata"]["deletionTimestamp"].is_string() {
            let (namespace, name) = (&claim["metadata"]["namespace"], &claim["metadata"]["name"]);
            let path = format!(
                "/api/v1/namespaces/{}/persistentvolumeclaims/{}",
                text(namespace),
                text(name)
            );
            api.merge(&path, &json!({"metadata": {"finalizers": null}}))?;
        }
    }
    Ok(())
}

fn path(group: &str, kind: &str, object: &Value) -> String {
    let (namespace, name) = (&object["metadata"]["namespace"], &object["metadata"]["name"]);
    format!("/apis/{group}/namespaces/{}/{kind}/{}", text(namespace), text(name))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The status that is not there yet.
fn ready(object: &Value) -> Option<Value> {
    let (generation, wanted) = (&object["metadata"]["generation"], &object["spec"]["replicas"]);
    let status = &object["status"];
    let known = status["observedGeneration"] == *generation;
    let there = status["readyReplicas"].as_u64().unwrap_or(0) == wanted.as_u64().unwrap_or(0);
    let now = json!({"observedGeneration": generation, "replicas": wanted, "readyReplicas": wanted, "updatedReplicas": wanted});
    (!known || !there).then_some(now)
}

fn finished(job: &Value) -> Option<Value> {
    let is = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": WHEN, "lastProbeTime": WHEN});
    job["status"]["completionTime"].is_null().then(|| {
        json!({"startTime": WHEN, "completionTime": WHEN, "succeeded": 1, "ready": 0,
               "conditions": [is("SuccessCriteriaMet"), is("Complete")]})
    })
}
