//! What a kubelet does for the pods of the end-to-end run: each container is one process of this machine.
//!
//! The command line and environment that stand in the pod are what is run; what must be mapped because there is no
//! network of pods and no file system of their own is in `spec` and `volumes`; volumes for claims are folders. A pod has an address of its own in
//! 127.0.0.0/8. It is ready when its probes say so; it ends as under a kubelet: SIGTERM, the grace period, SIGKILL.
//! Not played: limits of memory and CPU, `exec` hooks and probes, images.

pub(super) mod claims;
mod kwok;
mod logs;
mod pod;
mod probe;
mod spec;
mod unit;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use super::api::Api;
use super::services::{Services, Table, headless};
use crate::poll;
use pod::LocalPod;

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// What a container needs from around it.
#[derive(Clone)]
pub(crate) struct Ground {
    /// The API server.
    pub(crate) api: Api,
    /// Names and addresses.
    pub(crate) services: Services,
    /// The folder of the programs that images hold, under the names by which containers start them.
    pub(crate) images: PathBuf,
    /// The home of every process.
    pub(crate) home: PathBuf,
    /// The second number of pods' addresses.
    pub(crate) network: u8,
    /// The kubeconfig from which those of service accounts are made.
    pub(crate) cluster: ClusterEntry,
}

/// What a kubeconfig says of a cluster.
#[derive(Clone)]
pub(crate) struct ClusterEntry {
    /// Its API server.
    pub(crate) server: String,
    /// The file of its certificate authority.
    pub(crate) authority: PathBuf,
}

/// How a container's process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// `namespace/name` of the pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its exit code; `None`: a signal ended it.
    pub code: Option<i32>,
    /// Whether it had been asked to end.
    pub asked: bool,
    /// Whether it was still running when its grace period was over.
    pub overdue: bool,
    /// Of a container with a port called `http` or `metrics`: what its `/metrics` said when it was asked to end.
    pub metrics: Option<String>,
}

impl Ended {
    /// Whether a worker said that it had a task in hand when it was asked to end.
    #[must_use]
    pub fn was_busy(&self) -> bool {
        let lines = self.metrics.iter().flat_map(|text| text.lines());
        let told = lines.filter_map(|line| line.strip_prefix("zero_worker_busy "));
        told.filter_map(|number| number.parse::<f64>().ok()).any(|number| number > 0.0)
    }
}

/// What the kubelet knows and is told, shared with whoever looks.
#[derive(Default)]
struct Shared {
    pods: Vec<Value>,
    ended: Vec<Ended>,
    lost_nodes: BTreeSet<String>,
    hurried: BTreeSet<String>,
    kills: Vec<String>,
    trouble: BTreeMap<String, String>,
}

/// All kubelets of a cluster, as one thread; dropping it ends every process.
pub struct Kubelet {
    shared: Arc<Mutex<Shared>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    /// Starts looking after pods.
    pub(crate) fn start(ground: Ground) -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            ground,
            shared: Arc::clone(&shared),
            pods: BTreeMap::new(),
            lent: BTreeMap::new(),
            addresses: 0,
        };
        let ended = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let _ = poll::until_blocking("the end of the run", FOR_EVER, || {
                if ended.load(Ordering::Relaxed) {
                    return Ok(());
                }
                work.pass();
                Err("not yet")
            });
            work.kill_all();
        });
        Self { shared, stop, thread: Some(thread) }
    }

    /// The pods of a namespace as the API server last told them.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Vec<Value> {
        let of =
            |pod: &&Value| pod.pointer("/metadata/namespace").is_some_and(|told| told == namespace);
        self.lock().pods.iter().filter(of).cloned().collect()
    }

    /// How containers of a namespace have ended so far.
    #[must_use]
    pub fn ended(&self, namespace: &str) -> Vec<Ended> {
        let start = format!("{namespace}/");
        let all = &self.lock().ended;
        all.iter().filter(|ended| ended.pod.starts_with(&start)).cloned().collect()
    }

    /// What stands in the way of pods that do not start, by `namespace/name`.
    #[must_use]
    pub fn trouble(&self) -> BTreeMap<String, String> {
        self.lock().trouble.clone()
    }

    /// Kills the processes of a pod, as a crash would; they are started again.
    pub fn kill(&self, namespace: &str, pod: &str) {
        self.lock().kills.push(format!("{namespace}/{pod}"));
    }

    /// The machine of that name is gone, with all that ran on it.
    pub fn lose(&self, node: &str) {
        self.lock().lost_nodes.insert(node.to_owned());
    }

    /// No pod of this namespace is given time from now on.
    pub fn hurry(&self, namespace: &str) {
        self.lock().hurried.insert(namespace.to_owned());
    }

    /// A namespace of this name begins anew.
    pub fn forget(&self, namespace: &str) {
        let start = format!("{namespace}/");
        let mut shared = self.lock();
        shared.hurried.remove(namespace);
        shared.ended.retain(|ended| !ended.pod.starts_with(&start));
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the thread holds.
struct Work {
    ground: Ground,
    shared: Arc<Mutex<Shared>>,
    pods: BTreeMap<String, LocalPod>,
    lent: BTreeMap<String, IpAddr>,
    addresses: u16,
}

impl Work {
    /// One look at everything. An API server that does not answer is asked again.
    fn pass(&mut self) {
        let lists = ["/api/v1/pods?resourceVersion=0", "/api/v1/services?resourceVersion=0"];
        let [Ok(pods), Ok(services)] = lists.map(|path| self.ground.api.list(path)) else { return };
        for uid in headless(&services) {
            if !self.lent.contains_key(&uid) {
                let address = self.next_address();
                self.lent.insert(uid, address.into());
            }
        }
        let table = Table::of(&services, &pods, &self.lent);
        self.note("services", self.ground.services.update(table));
        self.note("claims", claims::look_after(&self.ground.api, &self.ground.home));
        let (lost, hurried, kills) = {
            let mut shared = lock(&self.shared);
            shared.pods.clone_from(&pods);
            (shared.lost_nodes.clone(), shared.hurried.clone(), std::mem::take(&mut shared.kills))
        };
        self.drop_missing(&pods, &lost);
        for pod in &pods {
            let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
            if node.is_some_and(|node| !lost.contains(node)) {
                self.look_after(pod, &kills, &hurried);
            }
        }
    }

    fn look_after(&mut self, pod: &Value, kills: &[String], hurried: &BTreeSet<String>) {
        let Some(uid) = pod.pointer("/metadata/uid").and_then(Value::as_str) else { return };
        if !self.pods.contains_key(uid) {
            let ip = self.next_address();
            self.pods.insert(uid.to_owned(), LocalPod::new(pod, ip));
        }
        let Some(local) = self.pods.get_mut(uid) else { return };
        let deleted = pod.pointer("/metadata/deletionTimestamp").is_some();
        let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str);
        let hurry = deleted && namespace.is_some_and(|namespace| hurried.contains(namespace));
        if hurry || kills.contains(&local.name) {
            local.crash();
        }
        let outcome = local.advance(pod, &self.ground);
        lock(&self.shared).ended.append(&mut local.ended);
        let name = local.name.clone();
        self.note(&name, outcome);
    }

    fn next_address(&mut self) -> Ipv4Addr {
        self.addresses = self.addresses.wrapping_add(1);
        let [high, low] = self.addresses.to_be_bytes();
        Ipv4Addr::new(127, self.ground.network, high, low)
    }

    fn note(&self, what: &str, outcome: anyhow::Result<()>) {
        let mut shared = lock(&self.shared);
        match outcome {
            Ok(()) => shared.trouble.remove(what),
            Err(error) => shared.trouble.insert(what.to_owned(), format!("{error:#}")),
        };
    }

    /// Pods that were deleted over our heads, and those of machines that are gone.
    fn drop_missing(&mut self, pods: &[Value], lost: &BTreeSet<String>) {
        let here = pods.iter().filter(|pod| {
            let node = pod.pointer("/spec/nodeName").and_then(Value::as_str);
            node.is_none_or(|node| !lost.contains(node))
        });
        let here: BTreeSet<&str> =
            here.filter_map(|pod| pod.pointer("/metadata/uid")?.as_str()).collect();
        let gone: Vec<String> =
            self.pods.keys().filter(|uid| !here.contains(uid.as_str())).cloned().collect();
        for uid in gone {
            if let Some(mut pod) = self.pods.remove(&uid) {
                pod.crash();
                lock(&self.shared).trouble.remove(&pod.name);
            }
        }
    }

    fn kill_all(&mut self) {
        for pod in self.pods.values_mut() {
            pod.crash();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_busy_when_its_metrics_say_so() {
        let with = |text: Option<&str>| Ended {
            pod: "provers/w-0".to_owned(),
            container: "worker".to_owned(),
            code: Some(0),
            asked: true,
            overdue: false,
            metrics: text.map(ToOwned::to_owned),
        };
        assert!(with(Some("# TYPE zero_worker_busy gauge\nzero_worker_busy 1.0\n")).was_busy());
        assert!(!with(Some("zero_worker_busy 0.0\n")).was_busy());
        assert!(!with(None).was_busy());
    }
}
