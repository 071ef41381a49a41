//! What all scenarios of a run share: control plane, KEDA, a broker, the machines.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::api::Api;
use super::images;
use super::keda;
use super::kubelet::{ClusterEntry, Ground, Kubelet, claims};
use super::services::Services;
use crate::cluster::{ControlPlane, PodLife};
use crate::harness;
use crate::provision::{self, keda as keda_programs, kubernetes};
use crate::rabbitmq::{PrivateBroker, RabbitConfig};

/// The stage; everything ends with it.
pub struct Stage {
    /// The machines. First of all: no process outlives what it talks to.
    pub kubelet: Kubelet,
    /// Where Services lead.
    pub services: Services,
    /// The API server.
    pub api: Api,
    /// The broker of scenarios that do not break it.
    pub broker: PrivateBroker,
    /// etcd, API server, controllers, KEDA.
    pub plane: ControlPlane,
    images: PathBuf,
}

impl Stage {
    /// Starts everything; `say` hears what is going on.
    pub fn start(say: &mut dyn FnMut(&str)) -> Result<Self> {
        let (kubernetes, keda) = programs()?;
        say("starting etcd, the API server and KWOK");
        let mut plane = ControlPlane::start_with(&kubernetes, PodLife::Ours)?;
        let images = plane.file("images");
        images::fill(&images, &kubernetes.kubectl)?;
        let services = Services::start()?;
        say("starting the controllers, the scheduler and KEDA");
        let started = keda::start_controllers(&mut plane, &keda).and_then(|api| {
            keda::start(&mut plane, &keda, &api, &services.proxy())?;
            Ok(api)
        });
        let api = started.with_context(|| last_words(&plane))?;
        plane.apply(&claims::class().to_string())?;
        say("starting RabbitMQ");
        let broker = new_broker()?;
        let kubelet = Kubelet::start(Ground {
            api: api.clone(),
            services: services.clone(),
            images: images.clone(),
            home: plane.home().to_owned(),
            network: plane.pod_network(),
            cluster: ClusterEntry { server: plane.server_url(), authority: plane.file("ca.crt") },
        });
        Ok(Self { kubelet, services, api, broker, plane, images })
    }

    /// Plays a scenario with a broker of its own, whose log outlives it when that fails.
    pub fn with_broker(
        &self,
        scenario: &str,
        mut broker: PrivateBroker,
        play: impl FnOnce(&Self, &mut PrivateBroker) -> Result<()>,
    ) -> Result<()> {
        let outcome = play(self, &mut broker);
        if outcome.is_err() {
            let log = self.plane.file(&format!("rabbitmq-of-{scenario}.log"));
            // What went wrong is told whether or not there is a log.
            let _ = std::fs::copy(broker.log(), log);
        }
        outcome
    }

    /// The folder of the programs that images hold, with kubectl, its plugin, and helm.
    #[must_use]
    pub fn images(&self) -> &Path {
        &self.images
    }
}

/// A RabbitMQ node whose counts are a second old at most.
pub fn new_broker() -> Result<PrivateBroker> {
    let interval = Some(Duration::from_secs(1));
    PrivateBroker::start_new(&RabbitConfig {
        collect_statistics_interval: interval,
        ..RabbitConfig::default()
    })
}

fn programs() -> Result<(kubernetes::Programs, keda_programs::Programs)> {
    let given = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let kubernetes = match given(harness::env::CLUSTER_DIR) {
        Some(folder) => kubernetes::Programs::in_folder(&folder),
        None => provision::kubernetes::programs(),
    };
    let keda = match given(harness::env::KEDA_DIR) {
        Some(folder) => keda_programs::Programs::in_folder(&folder),
        None => provision::keda::programs(),
    };
    let missing = "the programs of a control plane are missing: `cargo xtask e2e` builds them";
    kubernetes.zip(keda).context(missing)
}

fn last_words(plane: &ControlPlane) -> String {
    let logs = [
        "kube-controller-manager.log",
        "kube-scheduler.log",
        "keda-operator.log",
        "keda-adapter.log",
    ];
    let said = logs.map(|name| format!("-- {name}\n{}", crate::process::tail(&plane.file(name))));
    said.concat()
}
