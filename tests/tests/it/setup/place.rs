//! A control plane of a test's own, the real Helm and kubectl behind the written-down ones, and a broker: all that a release
//! needs but its pods. The proof service, when a test wants one, is a process of this machine behind a pod.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;
use tests::access::Access;
use tests::cluster::{ControlPlane, Login, Pod};
use tests::harness::{self, Vhost, env};
use tests::helm::Generation;
use tests::provision::kubernetes;
use tests::repository;

use super::controllers::Controllers;
use super::scene::{DOUBLES, Scene};
use crate::host::Host;
use crate::proving::service::{Service, Setting};
use crate::stand_in::V07;

/// The context of a cluster that is there.
pub(super) const HERE: &str = "here";
/// The one that Google's names give.
pub(super) const GKE: &str = "gke_my-project_us-central1_zero-prover-gke-cluster";

pub(super) struct Place {
    // First of all: it talks to the plane.
    pub(super) controllers: Controllers,
    pub(super) scene: Scene,
    pub(super) namespace: String,
    vhost: Vhost,
    helm: PathBuf,
    pub(super) plane: ControlPlane,
}

/// The proof service, its workers, and their folder.
pub(super) struct Proving {
    _workers: [Host; 2],
    _service: Service,
    _home: TempDir,
}

impl Place {
    /// `None` when there are no programs or no broker, said aloud. The context is `HERE` or `GKE`.
    pub(super) fn find(test: &str, generation: Generation, context: &str) -> Option<Self> {
        let helm = tests::helm::programs(test)?;
        let vhost = harness::vhost(test)?;
        let folder = std::env::var_os(env::CLUSTER_DIR);
        let programs = match folder {
            Some(folder) => kubernetes::Programs::in_folder(folder.as_ref()),
            None => kubernetes::programs(),
        };
        let programs = programs.expect("Helm is there and the control plane is not");
        let plane = ControlPlane::start(&programs).unwrap();
        // It comes with KEDA, which a test has to see come.
        plane.kubectl(&["delete", "customresourcedefinition", "scaledobjects.keda.sh"]).unwrap();
        let namespace = plane.namespace(test).unwrap();
        let login = Login { context, ..Login::ADMIN };
        let kubeconfig = plane.kubeconfig_for(&login).unwrap();
        let helm = match generation {
            Generation::V3 => helm.helm3,
            Generation::V4 => helm.helm4,
        };
        let scene = Scene::new();
        let own = scene.path("kubeconfig").display().to_string();
        std::fs::copy(&kubeconfig, scene.path("doubles/kubeconfig")).unwrap();
        if context == HERE {
            std::fs::copy(&kubeconfig, &own).unwrap();
        }
        let scene = scene
            .env("KUBECONFIG", &own)
            .env("REAL_HELM", helm.to_str().unwrap())
            .env("REAL_KUBECTL", programs.kubectl.to_str().unwrap());
        let controllers = Controllers::start(&plane);
        let found = Self { controllers, scene, namespace, vhost, helm, plane };
        found.prepare();
        Some(found)
    }

    /// The broker's user, and values that name the broker.
    fn prepare(&self) {
        let Access { amqp, management_url, user, password, .. } = self.vhost.access();
        let secret = json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "broker", "namespace": self.namespace},
            "stringData": {"username": user, "password": password}});
        self.plane.apply(&secret.to_string()).unwrap();
        let values = json!({
            "rabbitmq": {"mode": "external", "vhost": self.vhost.name(), "external": {
                "host": "127.0.0.1", "amqpPort": port_of(amqp), "managementUrl": management_url,
                "existingSecret": "broker"}},
            // Nobody makes volumes here.
            "circuits": {"mode": "existingClaim", "existingClaim": {"name": "circuits"}},
            "leader": {"persistence": {"enabled": false}},
        });
        self.scene.write("values.yaml", &values.to_string());
    }

    /// The broker's password: nobody may see it on a command line.
    pub(super) fn password(&self) -> &str {
        &self.vhost.access().password
    }

    /// The release's proof service with two workers, behind a pod as its `StatefulSet` would make it.
    pub(super) async fn proving(&self, ms_per_txn: &str) -> Proving {
        let home = tempfile::tempdir().unwrap();
        let setting = Setting { generation: &V07, vhost: &self.vhost, home: home.path() };
        let service = setting.start(&[]).await;
        let workers = setting.workers(ms_per_txn, &[]);
        let labels = [
            ("app.kubernetes.io/name", "zero-prover"),
            ("app.kubernetes.io/instance", "zero"),
            ("app.kubernetes.io/component", "leader"),
        ];
        let pod = Pod {
            labels: &labels,
            ports: &[("http", 8080)],
            ..Pod::of(&self.namespace, "zero-leader-0")
        };
        self.plane.pod(&pod).unwrap();
        let local = port_of(service.address());
        self.plane.forward(&self.namespace, "zero-leader-0", 8080, local).unwrap();
        Proving { _workers: workers, _service: service, _home: home }
    }

    /// `--kube-context here` and the rest of what names this release.
    pub(super) fn here<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let own = [
            "--kube-context",
            HERE,
            "--namespace",
            &self.namespace,
            "--values",
            "values.yaml",
            "--yes",
        ];
        [&own[..], more].concat()
    }

    /// A witness of this repository.
    pub(super) fn witness(block: u64) -> String {
        let file = repository::root().join(format!("witnesses/devnet/v0.7/{block}.witness.json"));
        file.canonicalize().unwrap().display().to_string()
    }

    /// Somebody else's Helm.
    pub(super) fn helm(&self, args: &[&str]) {
        let mut command = Command::new(&self.helm);
        command.args(args).env("KUBECONFIG", self.plane.kubeconfig());
        command.env("HOME", self.scene.path("doubles")).current_dir(self.scene.path("."));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A chart in a folder `name` of the scene: the double of one, in another version.
    pub(super) fn chart(&self, name: &str, of: &str, version: &str) {
        let (from, to) = (Path::new(DOUBLES).join("charts").join(of), self.scene.path(name));
        copy(&from, &to);
        let text =
            format!("apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n");
        std::fs::write(to.join("Chart.yaml"), text).unwrap();
    }

    /// All objects that matter, in all namespaces.
    pub(super) fn objects(&self) -> String {
        let kinds = "namespaces,customresourcedefinitions,deployments,statefulsets,jobs,configmaps,secrets,services";
        self.plane.kubectl(&["get", kinds, "--all-namespaces", "--output", "name"]).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}
