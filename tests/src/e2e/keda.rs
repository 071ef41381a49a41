//! Kubernetes' controllers and scheduler, KEDA's operator and metrics adapter, around a control plane.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::api::Api;
use crate::cluster::ControlPlane;
use crate::poll;
use crate::ports::free;
use crate::provision::keda::Programs;

/// KEDA's own namespace.
const NAMESPACE: &str = "keda";
/// KEDA is up in some ten seconds; on a busy small machine it takes several times that.
const START_LIMIT: Duration = Duration::from_secs(120);
/// What of the controllers is wanted: no node and no route is looked after.
const CONTROLLERS: [&str; 13] = [
    "deployment-controller",
    "disruption-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "statefulset-controller",
];

/// Where `kubectl proxy` lets us ask the API server; the controllers and the scheduler run as well.
pub(crate) fn start_controllers(plane: &mut ControlPlane, programs: &Programs) -> Result<Api> {
    let [proxy] = free()?;
    let admin = plane.kubeconfig();
    let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
    let kubectl = plane.kubectl_program().to_owned();
    plane.add_program(&kubectl, "kubectl-proxy.log", |command| {
        command.args(["proxy", &format!("--port={proxy}"), &option("kubeconfig", &admin)]);
    })?;
    let key = plane.file("service-accounts.key");
    plane.add_program(
        &programs.kube_controller_manager,
        "kube-controller-manager.log",
        |command| {
            command.args([
                "--leader-elect=false",
                "--secure-port=0",
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                // A tenth of the stock period: the run is about decisions, not about waiting for them.
                "--horizontal-pod-autoscaler-sync-period=1500ms",
                &format!("--controllers={}", CONTROLLERS.join(",")),
                &option("kubeconfig", &admin),
                &option("service-account-private-key-file", &key),
            ]);
        },
    )?;
    plane.add_program(&programs.kube_scheduler, "kube-scheduler.log", |command| {
        command.args(["--leader-elect=false", "--secure-port=0", &option("kubeconfig", &admin)]);
    })?;
    let api = Api::at(proxy);
    poll::until_blocking("kubectl proxy to answer", START_LIMIT, || {
        api.get("/version").map(drop).map_err(|error| format!("{error:#}"))
    })?;
    Ok(api)
}

/// Ports of KEDA's two programs, and the folder of their certificates.
struct Setup {
    metrics: u16,
    health: u16,
    grpc: u16,
    adapter_metrics: u16,
    adapter: u16,
    certificates: PathBuf,
}

/// Starts KEDA and waits until the API server serves its metrics.
pub(crate) fn start(
    plane: &mut ControlPlane,
    programs: &Programs,
    api: &Api,
    proxy: &str,
) -> Result<()> {
    define(plane, &programs.keda_crds)?;
    plane.kubectl(&["create", "namespace", NAMESPACE])?;
    let certificates = plane.peer_certificates("keda-certificates")?;
    let [metrics, health, grpc, adapter_metrics, adapter] = free()?;
    let setup = Setup { metrics, health, grpc, adapter_metrics, adapter, certificates };
    start_operator(plane, programs, &setup, proxy)?;
    start_adapter(plane, programs, &setup)?;
    register(plane, adapter)?;
    wait(plane, api)
}

fn start_operator(
    plane: &mut ControlPlane,
    programs: &Programs,
    setup: &Setup,
    proxy: &str,
) -> Result<()> {
    let admin = plane.kubeconfig();
    plane.add_program(&programs.keda_operator, "keda-operator.log", |command| {
        command
            .env("KUBECONFIG", &admin)
            .env("WATCH_NAMESPACE", "")
            .env("KEDA_CLUSTER_OBJECT_NAMESPACE", NAMESPACE)
            .env("POD_NAMESPACE", NAMESPACE)
            // Names of Services are known there; loopback addresses are dialled directly.
            .env("HTTPS_PROXY", proxy);
        command.args([
            &format!("--cert-dir={}", setup.certificates.display()),
            &format!("--metrics-bind-address=127.0.0.1:{}", setup.metrics),
            &format!("--health-probe-bind-address=127.0.0.1:{}", setup.health),
            &format!("--metrics-service-bind-address=127.0.0.1:{}", setup.grpc),
        ]);
    })
}

fn start_adapter(plane: &mut ControlPlane, programs: &Programs, setup: &Setup) -> Result<()> {
    let admin = plane.kubeconfig();
    let file = |name: &str| setup.certificates.join(name).display().to_string();
    plane.add_program(&programs.keda_adapter, "keda-adapter.log", |command| {
        command.env("KUBECONFIG", &admin).env("WATCH_NAMESPACE", "");
        let admin = admin.display();
        command.args([
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", setup.adapter),
            format!("--port={}", setup.adapter_metrics),
            format!("--cert-dir={}", setup.certificates.display()),
            format!("--tls-cert-file={}", file("tls.crt")),
            format!("--tls-private-key-file={}", file("tls.key")),
            format!("--metrics-service-address=localhost:{}", setup.grpc),
            format!("--lister-kubeconfig={admin}"),
            format!("--authentication-kubeconfig={admin}"),
            format!("--authorization-kubeconfig={admin}"),
        ]);
    })
}

fn define(plane: &ControlPlane, folder: &Path) -> Result<()> {
    ensure!(fs::read_dir(folder)?.count() >= 4, "KEDA's definitions are not all there");
    let folder = folder.to_string_lossy();
    // A definition of 600 kB is too long for the annotation that a plain apply leaves.
    plane.kubectl(&["apply", "--server-side", "--filename", &folder])?;
    plane.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]).map(drop)
}

fn register(plane: &ControlPlane, port: u16) -> Result<()> {
    let name = "v1beta1.external.metrics.k8s.io";
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "keda-metrics", "namespace": NAMESPACE},
            // The aggregator dials a name of this kind as it is.
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name},
            "spec": {"group": "external.metrics.k8s.io", "version": "v1beta1",
                "groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": true,
                "service": {"name": "keda-metrics", "namespace": NAMESPACE, "port": port}}},
    ]});
    plane.apply(&objects.to_string()).context("register KEDA's metrics")
}

fn wait(plane: &mut ControlPlane, api: &Api) -> Result<()> {
    let died = poll::until_blocking("KEDA's metrics to be served", START_LIMIT, || {
        if let Ok(Some(status)) = plane.ended() {
            return Ok(Some(status));
        }
        let path = "/apis/external.metrics.k8s.io/v1beta1";
        api.get(path).map(|_| None).map_err(|error| format!("{error:#}"))
    })?;
    ensure!(died.is_none(), "a program of the control plane ended: {died:?}");
    Ok(())
}
