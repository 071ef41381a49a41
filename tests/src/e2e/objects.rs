//! PURE: the objects of a small release, as one would write them by hand.

use serde_json::{Value, json};

/// How many transactions a leader puts into a task: few, so that there are many tasks.
const BATCH: &str = "2";

/// KEDA's default, in seconds. A poll that finds its scalers closed after another's error takes that for no work (2.20,
/// 2.21): where something is down and there is no fallback, the cooldown is what keeps the workers from it.
pub(super) const DEFAULT_COOLDOWN: u32 = 300;

/// Where a release is, and where its queues are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) namespace: &'a str,
    pub(super) vhost: &'a str,
}

/// A Deployment of workers.
#[derive(Debug, Clone)]
pub struct Workers {
    /// Its name.
    pub name: String,
    /// Milliseconds that the stand-in worker takes for a transaction.
    pub ms_per_txn: u32,
    /// Seconds that a worker has for the task in hand when its pod is deleted.
    pub grace: u32,
    /// More options of `zero-worker`.
    pub options: Vec<String>,
    /// More environment, which the worker sees too.
    pub env: Vec<(String, String)>,
    /// The prover's own worker without our program around it.
    pub bare: bool,
    /// The machines it may be on, by a label.
    pub node: Option<(String, String)>,
}

impl Default for Workers {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            ms_per_txn: 250,
            grace: 60,
            options: Vec::new(),
            env: Vec::new(),
            bare: false,
            node: None,
        }
    }
}

/// A ScaledObject for one of those.
#[derive(Debug, Clone)]
pub struct Scaling {
    /// The Deployment, and the ScaledObject's own name.
    pub workers: String,
    /// `external` or `external-push`, or one of KEDA's built-in kinds.
    pub kind: &'static str,
    /// Seconds between two polls.
    pub polling: u32,
    /// Seconds without work before the last worker goes.
    pub cooldown: u32,
    /// `minReplicaCount` and `maxReplicaCount`.
    pub replicas: (u32, u32),
    /// The trigger's metadata; for the external kinds the scaler's address is added.
    pub metadata: Vec<(&'static str, String)>,
    /// More of the ScaledObject's spec.
    pub more: Value,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            workers: "worker".to_owned(),
            kind: "external",
            polling: 2,
            cooldown: 4,
            replicas: (0, 4),
            metadata: vec![("target", "1".to_owned())],
            more: json!({}),
        }
    }
}

fn labels(app: &str) -> Value {
    json!({"app": app})
}

fn deployment(place: Place<'_>, name: &str, replicas: u32, pod: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": place.namespace, "name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels(name)},
            "template": {"metadata": {"labels": labels(name)}, "spec": pod}}})
}

fn service(place: Place<'_>, name: &str, ports: &[(&str, u16)]) -> Value {
    let ports =
        ports.iter().map(|(name, port)| json!({"name": name, "port": port, "targetPort": name}));
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"namespace": place.namespace, "name": name},
        "spec": {"selector": labels(name), "ports": ports.collect::<Value>()}})
}

/// The broker's credentials as files, and where they are.
fn credentials() -> (Value, Value) {
    (
        json!([{"name": "rabbitmq", "secret": {"secretName": "rabbitmq"}}]),
        json!([{"name": "rabbitmq", "mountPath": "/etc/rabbitmq", "readOnly": true}]),
    )
}

/// The options by which programs find the broker, as environment.
fn broker(place: Place<'_>, prefix: &str) -> Vec<Value> {
    let set = |name: &str, value: &str| json!({"name": format!("{prefix}_{name}"), "value": value});
    vec![
        set("AMQP_URI", &format!("amqp://rabbitmq:5672/{}", place.vhost)),
        set("USERNAME_FILE", "/etc/rabbitmq/username"),
        set("PASSWORD_FILE", "/etc/rabbitmq/password"),
    ]
}

/// The broker: its Secret, its Service, a pod that stands for the node.
pub(super) fn of_broker(place: Place<'_>, (user, password): (&str, &str), leads_to: &str) -> Value {
    let Place { namespace, vhost } = place;
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": "rabbitmq-0", "labels": labels("rabbitmq"),
            "annotations": {super::services::LEADS_TO: leads_to}},
        "spec": {"containers": [{"name": "rabbitmq", "image": "rabbitmq", "ports": [
            {"name": "amqp", "containerPort": 5672}, {"name": "management", "containerPort": 15672},
            {"name": "prometheus", "containerPort": 15692}]}]}});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": "rabbitmq"},
            "stringData": {"username": user, "password": password,
                "uri": format!("amqp://{user}:{password}@rabbitmq:5672/{vhost}")}},
        service(place, "rabbitmq", &[("amqp", 5672), ("management", 15672), ("prometheus", 15692)]),
        pod,
    ]})
}

/// What the release says of itself, by which `kubectl zero` finds it.
pub(super) fn of_connection(Place { namespace, vhost }: Place<'_>) -> Value {
    let labels = json!({"app.kubernetes.io/part-of": "zero-prover",
        "app.kubernetes.io/component": "connection", "app.kubernetes.io/instance": "zero"});
    json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": "connection", "labels": labels},
        "data": {"amqp-uri": format!("amqp://rabbitmq:5672/{vhost}"),
            "management-url": "http://rabbitmq:15672", "credentials-secret": "rabbitmq",
            "scaler-url": "http://zero-scaler:8080", "leader-url": "http://zero-leader:8080"}})
}

/// The scaler's account, with the rights that it needs to protect busy workers.
pub(super) fn of_protector(Place { namespace, .. }: Place<'_>) -> Value {
    let named = json!({"namespace": namespace, "name": "zero-scaler"});
    let group = "rbac.authorization.k8s.io";
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named},
        {"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": named, "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "patch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update"]}]},
        {"apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": named,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "zero-scaler"},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": "zero-scaler"}]},
    ]})
}

/// The scaler and its Service; with `protect` it has an account of its own.
pub(super) fn of_scaler(place: Place<'_>, replicas: u32, protect: bool) -> Value {
    let (volumes, mounts) = credentials();
    let mut env = broker(place, "ZERO_SCALER");
    env.push(json!({"name": "ZERO_SCALER_MANAGEMENT_URL", "value": "http://rabbitmq:15672"}));
    env.push(json!({"name": "ZERO_SCALER_METRICS_URL", "value": "http://rabbitmq:15692"}));
    env.push(json!({"name": "ZERO_SCALER_STATISTICS_INTERVAL", "value": "1s"}));
    if protect {
        let workers = format!("{}/app=worker", place.namespace);
        env.push(json!({"name": "ZERO_SCALER_PROTECT", "value": workers}));
    }
    let container = json!({"name": "scaler", "image": "zero-scaler",
        "args": ["--grpc-listen", "0.0.0.0:50051", "--http-listen", "0.0.0.0:8080"],
        "env": env, "volumeMounts": mounts,
        "ports": [{"name": "grpc", "containerPort": 50051}, {"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}}});
    let account = if protect { "zero-scaler" } else { "default" };
    let pod = json!({"terminationGracePeriodSeconds": 30, "serviceAccountName": account,
        "containers": [container], "volumes": volumes});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        service(place, "zero-scaler", &[("grpc", 50051), ("http", 8080)]),
        deployment(place, "zero-scaler", replicas, &pod),
    ]})
}

/// A Deployment of workers; nobody says how many.
pub(super) fn of_workers(place: Place<'_>, workers: &Workers) -> Value {
    let ms = workers.ms_per_txn.to_string();
    let worker = ["worker", "--runtime=amqp", "--stand-in-ms-per-txn", &ms];
    if workers.bare {
        let uri = json!({"name": "PALADIN_AMQP_URI",
            "valueFrom": {"secretKeyRef": {"name": "rabbitmq", "key": "uri"}}});
        let container =
            json!({"name": "worker", "image": "prover", "command": worker, "env": [uri]});
        let pod =
            json!({"terminationGracePeriodSeconds": workers.grace, "containers": [container]});
        return deployment(place, &workers.name, 0, &pod);
    }
    let (volumes, mounts) = credentials();
    let mut env = broker(place, "ZERO_WORKER");
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    env.push(field("POD_NAME", "metadata.name"));
    env.push(field("POD_NAMESPACE", "metadata.namespace"));
    // By this the scaler knows whose task it is.
    env.push(json!({"name": "ZERO_WORKER_POD", "value": "$(POD_NAMESPACE)/$(POD_NAME)"}));
    env.extend(workers.env.iter().map(|(name, value)| json!({"name": name, "value": value})));
    let mut args = vec!["--listen", "0.0.0.0:9090", "--queue-policy", "durable"];
    args.extend(workers.options.iter().map(String::as_str));
    args.push("--");
    args.extend(worker);
    let container = json!({"name": "worker", "image": "zero-worker", "args": args,
        "env": env, "volumeMounts": mounts, "ports": [{"name": "http", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}}});
    let selector: serde_json::Map<String, Value> =
        workers.node.iter().map(|(label, value)| (label.clone(), value.as_str().into())).collect();
    let pod = json!({"terminationGracePeriodSeconds": workers.grace, "containers": [container],
        "volumes": volumes, "nodeSelector": selector});
    deployment(place, &workers.name, 0, &pod)
}

/// A proof service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Leaders at once.
    pub parallel: u32,
    /// How queues are declared; the same for workers.
    pub policy: &'static str,
    /// More options of the leader.
    pub options: &'static str,
}

impl Default for Service {
    fn default() -> Self {
        Self { parallel: 1, policy: "durable", options: "" }
    }
}

/// The proof service and its Service.
pub(super) fn of_leader(place: Place<'_>, proving: Service) -> Value {
    let Service { parallel, policy, options } = proving;
    let (mut volumes, mut mounts) = credentials();
    if let (Some(volumes), Some(mounts)) = (volumes.as_array_mut(), mounts.as_array_mut()) {
        volumes.push(json!({"name": "data", "emptyDir": {}}));
        mounts.push(json!({"name": "data", "mountPath": "/data"}));
    }
    let leader = format!("leader --batch-size {BATCH} {options}");
    let container = json!({"name": "leader", "image": "zero-leader",
        "args": ["--listen", "0.0.0.0:8080", "--queue-policy", policy, "--data-dir", "/data",
            "--leader", leader, "--verifier", "verifier", "--min-free-mib", "1",
            "--parallel", parallel.to_string()],
        "env": broker(place, "ZERO_LEADER"), "volumeMounts": mounts,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}}});
    let pod =
        json!({"terminationGracePeriodSeconds": 30, "containers": [container], "volumes": volumes});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        service(place, "zero-leader", &[("http", 8080)]),
        deployment(place, "zero-leader", 1, &pod),
    ]})
}

/// A ScaledObject.
pub(super) fn of_scaling(namespace: &str, scaling: &Scaling, scaler: &str) -> Value {
    let Scaling { workers, kind, polling, cooldown, replicas: (min, max), metadata, more } =
        scaling;
    let mut metadata: serde_json::Map<String, Value> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into())).collect();
    if kind.starts_with("external") {
        metadata.insert("scalerAddress".to_owned(), scaler.into());
        // The vhost of a site has its name.
        metadata.entry("vhost").or_insert_with(|| namespace.into());
    }
    // Down as soon as the numbers say so: what waits for minutes in production is not what is tested.
    let behaviour = json!({"scaleDown": {"stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]}});
    let mut spec = json!({"scaleTargetRef": {"name": workers}, "pollingInterval": polling,
        "cooldownPeriod": cooldown, "minReplicaCount": min, "maxReplicaCount": max,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behaviour}},
        "triggers": [{"type": kind, "metadata": metadata}]});
    if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
        spec.extend(more.clone());
    }
    json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"namespace": namespace, "name": workers}, "spec": spec})
}
