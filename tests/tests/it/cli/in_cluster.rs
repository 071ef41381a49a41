//! The command line in a cluster: it finds the release, reads its Secret, reaches the broker through
//! the API server, names pods, leaves Events, and says what it is not let do.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};
use tests::access::{Access, segment};
use tests::cluster::{self, ControlPlane, Login, Pod};
use tests::poll;
use tests::scaler::RunningScaler;
use tests::zero::{Answer, Zero};

use super::desk::{Desk, LIMIT, TASKS};
use super::json::check;
use super::tasks::QUEUE;
use crate::certificates::Authority;
use crate::conformance::broker_tls::{SERVICE, Secured, write};

/// What every command that talks to the broker needs; docs/cli.md has the table.
pub(super) const REACH: &[(&str, &str)] = &[
    ("list", "configmaps"),
    ("get", "secrets"),
    ("get", "services"),
    ("list", "pods"),
    ("get", "pods/portforward"),
    ("create", "pods/portforward"),
];

/// A namespace with the broker of a desk in it, and a user.
pub(super) struct Site {
    pub(super) plane: &'static ControlPlane,
    pub(super) namespace: String,
    user: PathBuf,
}

impl Site {
    /// A pod that is the desk's broker, and a user who may do what the verbs say.
    fn build(desk: &mut Desk, test: &str, verbs: &[(&str, &str)]) -> Option<Self> {
        let plane = cluster::shared(test)?;
        let namespace = plane.namespace(test).unwrap();
        let login = Login { namespace: Some(&namespace), ..Login::of("alice") };
        let user = plane.kubeconfig_for(&login).unwrap();
        desk.known.push((namespace.clone(), "[namespace]"));
        let site = Self { plane, namespace, user };
        site.allow(verbs);
        site.broker(desk.vhost.access());
        Some(site)
    }

    /// Lets the user do these things in the namespace, and nothing that was allowed before.
    pub(super) fn allow(&self, verbs: &[(&str, &str)]) {
        let rules = verbs.iter().map(|(verb, resource)| {
            let groups = [resource.split_once('.').map_or("", |(_, group)| group)];
            let resource = resource.split('.').next().unwrap();
            json!({"apiGroups": groups, "resources": [resource], "verbs": [verb]})
        });
        let rules: Value = rules.collect();
        let rbac = "rbac.authorization.k8s.io";
        self.apply(&json!({"apiVersion": format!("{rbac}/v1"), "kind": "Role",
            "metadata": {"name": "zero"}, "rules": rules}));
        self.apply(&json!({"apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "metadata": {"name": "zero"},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "zero"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "alice"}]}));
        let wanted: BTreeSet<String> = verbs.iter().map(|(v, r)| format!("{v} {r}")).collect();
        // The API server hears of its own roles a moment later.
        let looked = poll::until_blocking("the role to be in force", LIMIT, || {
            let held = self.held();
            if held == wanted { Ok(()) } else { Err(format!("{held:?}")) }
        });
        looked.unwrap();
    }

    /// What the user may do in the namespace, of what is ever granted here.
    fn held(&self) -> BTreeSet<String> {
        let review = self.user.with_extension("review");
        let asked = json!({"apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview", "spec": {"namespace": self.namespace}});
        std::fs::write(&review, asked.to_string()).unwrap();
        let file = review.to_str().unwrap();
        let path = "--raw=/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
        let told = self.plane.kubectl(&["create", path, "-f", file, "--as=alice"]).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        let mut held = BTreeSet::new();
        for rule in told["status"]["resourceRules"].as_array().unwrap() {
            let group = rule["apiGroups"][0].as_str().unwrap_or_default();
            let dot = if group.is_empty() { "" } else { "." };
            let (verb, resource) = (&rule["verbs"][0], &rule["resources"][0]);
            let (verb, resource) = (verb.as_str().unwrap(), resource.as_str().unwrap());
            let name = format!("{verb} {resource}{dot}{group}");
            held.extend(Some(name).filter(|_| !group.ends_with(".k8s.io")));
        }
        held
    }

    /// A pod, its ports on this machine, and a Service of the same name before it.
    pub(super) fn serve(&self, name: &str, ip: Option<&str>, ports: &[(&str, u16, u16)]) {
        let pod = format!("{name}-0");
        let (labels, named) = ([("app", name)], ports.iter().map(|(name, port, _)| (*name, *port)));
        let (namespace, ports_of_pod) = (self.namespace.as_str(), named.collect::<Vec<_>>());
        let pod = Pod { namespace, name: &pod, labels: &labels, ip, ports: &ports_of_pod };
        self.plane.pod(&pod).unwrap();
        for (_, port, local) in ports {
            self.plane.forward(&self.namespace, pod.name, *port, *local).unwrap();
        }
        let ports = ports
            .iter()
            .map(|(name, port, _)| json!({"name": name, "port": port, "targetPort": name}));
        self.apply(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": ports.collect::<Value>()}}));
    }

    fn broker(&self, access: &Access) {
        let ports = [("amqp", 5672, &access.amqp), ("management", 15672, &access.management_url)];
        // Where the tests' own clients come from.
        self.serve(
            "rabbitmq",
            Some("127.0.0.1"),
            &ports.map(|(name, port, at)| (name, port, port_of(at))),
        );
        self.apply(&json!({"apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "rabbitmq-default-user"},
            "stringData": {"username": access.user, "password": access.password}}));
    }

    /// The object by which a release is found.
    fn release(&self, name: &str, desk: &Desk) {
        let uri = format!("amqp://rabbitmq:5672/{}", segment(desk.vhost.name()));
        let data = json!({"amqp-uri": uri, "credentials-secret": "rabbitmq-default-user",
                          "scaler-url": "http://scaler:8080"});
        self.release_of(name, &data);
    }

    pub(super) fn release_of(&self, name: &str, data: &Value) {
        self.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("{name}-connection"), "labels": {
                "app.kubernetes.io/part-of": "zero-prover",
                "app.kubernetes.io/component": "connection",
                "app.kubernetes.io/instance": name}},
            "data": data}));
    }

    fn scaled(&self, name: &str, release: &str) {
        self.apply(&json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/instance": release}},
            "spec": {"scaleTargetRef": {"name": name}}}));
    }

    fn apply(&self, object: &Value) {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(self.namespace);
        self.plane.apply(&object.to_string()).unwrap();
    }

    fn annotations(&self, name: &str) -> String {
        let at = ["get", "scaledobject", name, "-n", &self.namespace];
        let annotations = self.plane.kubectl(&[&at, ["-o", "json"].as_slice()].concat()).unwrap();
        let object: Value = serde_json::from_str(&annotations).unwrap();
        let mut all = object["metadata"]["annotations"].clone();
        all.as_object_mut().unwrap().remove("kubectl.kubernetes.io/last-applied-configuration");
        all.to_string()
    }

    pub(super) fn events(&self) -> String {
        let shown = "jsonpath={range .items[*]}{.involvedObject.kind}/{.involvedObject.name} {.reason}: {.message}{\"\\n\"}{end}";
        let ours = "--field-selector=reason=ZeroChange";
        self.plane.kubectl(&["get", "events", "-n", &self.namespace, ours, "-o", shown]).unwrap()
    }

    pub(super) fn zero(&self, desk: &Desk) -> Zero {
        Zero::at(desk.folder.path()).env("KUBECONFIG", &self.user)
    }
}

pub(super) fn port_of(address: &str) -> u16 {
    address.rsplit(':').next().unwrap().parse().unwrap()
}

pub(super) async fn site(test: &str, verbs: &[(&str, &str)]) -> Option<(Desk, Site)> {
    let mut desk = Desk::laid(test).await?;
    let site = Site::build(&mut desk, test, verbs)?;
    Some((desk, site))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_found_and_its_queues_are_managed_through_the_api_server() {
    let verbs = [REACH, &[("create", "events")]].concat();
    let Some((mut desk, site)) = site("in_cluster", &verbs).await else { return };
    site.release("zero", &desk);
    let zero = site.zero(&desk);
    let worker = desk.consumer(QUEUE).await;
    let status = desk.run_as(&zero, 0, &["queues", "-o", "wide"]);
    assert!(status.stdout.contains("rabbitmq-0:"), "pods are named: {status:#?}");
    worker.close().await.unwrap();
    let whole = ["status", "-o", "json"];
    let told = serde_json::from_str(&desk.try_as(&zero, &whole).stdout).unwrap();
    check(&whole, &told);
    assert_eq!(told["release"]["name"], "zero");
    desk.run_as(&zero, 0, &["peek", QUEUE, "-n", "2"]);
    desk.run_as(&zero, 7, &["purge", "--all"]);
    let remove = ["remove", "--block", "7", "--yes", "--reason", "a test"];
    desk.run_as(&zero, 0, &remove);
    assert_eq!(desk.left_in(QUEUE).await as u64, TASKS + 1);
    let events = site.events();
    assert!(events.starts_with("ConfigMap/zero-connection ZeroChange: zero remove: a test: "));
    assert!(events.contains("(by alice)"), "{events}");
    insta::assert_snapshot!("in_cluster", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_kubectl_runs_it_as_its_plugin() {
    let test = "as_a_plugin";
    let Some((desk, site)) = site(test, REACH).await else { return };
    site.release("zero", &desk);
    let link = desk.file("kubectl-zero");
    std::os::unix::fs::symlink(tests::zero::binary().unwrap(), link).unwrap();
    let mut kubectl = site.plane.kubectl_command(&site.user);
    kubectl.env("PATH", desk.folder.path()).args(["zero", "status"]);
    let answer = Answer::try_from(kubectl.output().unwrap()).unwrap();
    assert_eq!(answer.code, Some(6), "{answer:#?}");
    assert!(answer.stdout.contains("RabbitMQ") && answer.stdout.contains("! "), "{answer:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_are_both_named_and_one_is_chosen() {
    let Some((mut desk, site)) = site("two_releases", REACH).await else { return };
    let zero = site.zero(&desk);
    desk.run_as(&zero, 1, &["queues"]);
    site.allow(&[REACH, &[("list", "services")]].concat());
    desk.run_as(&zero, 4, &["queues"]);
    site.release("blue", &desk);
    site.release("green", &desk);
    desk.run_as(&zero, 2, &["queues"]);
    desk.run_as(&zero, 0, &["queues", "-o", "name", "--release", "green"]);
    desk.run_as(&zero, 4, &["queues", "--release", "red"]);
    let uri = desk.vhost.access().amqp_uri(desk.vhost.name());
    let both = site.zero(&desk).env("ZERO_AMQP_URI", uri);
    desk.run_as(&both, 2, &["queues", "--release", "green"]);
    insta::assert_snapshot!("two_releases", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_rabbitmqs_operator_is_found_without_a_release() {
    let verbs = [REACH, &[("list", "services")]].concat();
    let Some((mut desk, site)) = site("operator", &verbs).await else { return };
    let zero = site.zero(&desk).env("ZERO_VHOST", desk.vhost.name());
    let labels = json!({"app.kubernetes.io/part-of": "rabbitmq",
                        "app.kubernetes.io/component": "rabbitmq"});
    site.apply(&json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "rabbitmq", "labels": labels},
        "spec": {"selector": {"app": "rabbitmq"}, "ports": [
            {"name": "amqp", "port": 5672}, {"name": "management", "port": 15672}]}}));
    let answer = desk.run_as(&zero, 0, &["queues", "-o", "name"]);
    assert_eq!(answer.stdout.trim(), QUEUE);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_verb_that_is_missing_is_named_and_little_is_done_without() {
    let Some((mut desk, site)) = site("verbs", &[]).await else { return };
    site.release("zero", &desk);
    let zero = site.zero(&desk);
    for (at, (verb, resource)) in REACH.iter().enumerate() {
        site.allow(&[&REACH[..at], &REACH[at + 1..]].concat());
        let answer = desk.try_as(&zero, &["peek", QUEUE]);
        if *verb == "get" && *resource == "pods/portforward" {
            // Kubernetes before 1.35 wants `get`, and later ones `create`, for the same thing.
            continue;
        }
        assert_eq!(answer.code, Some(1), "without {verb} {resource}: {answer:#?}");
        let named = answer.stderr.contains(&format!("{verb} {resource}"));
        assert!(named, "{verb} {resource}: {answer:#?}");
    }
    site.allow(REACH);
    let answer = desk.run_as(&zero, 0, &["purge", "--queue", QUEUE, "--yes"]);
    assert!(answer.stderr.contains("warning: no Event was left"), "{answer:#?}");
    insta::assert_snapshot!("verbs", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_is_held_and_let_go_of() {
    let keda = [("list", "scaledobjects.keda.sh"), ("patch", "scaledobjects.keda.sh")];
    let verbs = [&[("list", "configmaps"), ("create", "events")], &keda[..]].concat();
    let Some((mut desk, site)) = site("hold", &verbs).await else { return };
    site.release("zero", &desk);
    let zero = site.zero(&desk);
    desk.run_as(&zero, 4, &["scale", "pause"]);
    site.scaled("worker", "zero");
    site.scaled("other", "another");
    desk.run_as(&zero, 7, &["scale", "pause"]);
    desk.run_as(&zero, 0, &["scale", "pause", "--dry-run"]);
    assert_eq!(site.annotations("worker"), "{}");
    desk.run_as(&zero, 0, &["scale", "pause", "--replicas", "0", "--yes", "--reason", "a test"]);
    assert_eq!(site.annotations("worker"), r#"{"autoscaling.keda.sh/paused-replicas":"0"}"#);
    assert_eq!(site.annotations("other"), "{}");
    let pause = ["scale", "pause", "worker", "--scale-in", "--yes", "-o", "json"];
    let paused = desk.run_as(&zero, 0, &pause);
    check(&pause, &serde_json::from_str(&paused.stdout).unwrap());
    assert_eq!(site.annotations("worker"), r#"{"autoscaling.keda.sh/paused-scale-in":"true"}"#);
    desk.run_as(&zero, 4, &["scale", "resume", "nobody", "--yes"]);
    site.allow(&verbs[..3]);
    desk.run_as(&zero, 1, &["scale", "resume", "--yes"]);
    site.allow(&verbs);
    let resume = ["scale", "resume", "--dry-run", "-o", "json"];
    let planned = desk.try_as(&zero, &resume);
    check(&resume, &serde_json::from_str(&planned.stdout).unwrap());
    desk.run_as(&zero, 0, &["scale", "resume", "--yes"]);
    assert_eq!(site.annotations("worker"), "{}");
    assert_eq!(site.events().lines().count(), 3, "{}", site.events());
    desk.run_as(&zero, 0, &["scale", "resume", "--yes"]);
    insta::assert_snapshot!("hold", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cluster_and_an_old_login_are_told_apart() {
    let Some((mut desk, site)) = site("no_cluster", REACH).await else { return };
    site.release("zero", &desk);
    let nowhere = Zero::at(desk.folder.path()).env("KUBECONFIG", "not-there");
    desk.run_as(&nowhere, 1, &["queues"]);
    let zero = site.zero(&desk);
    desk.run_as(&zero, 1, &["queues", "--context", "elsewhere"]);
    let answer = desk.try_as(&zero, &["queues", "--server", "https://127.0.0.1:1"]);
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("look at --context"), "{answer:#?}");
    let old = desk.file("old");
    let server = site.plane.server_url();
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "u", "user": {"token": "expired"}}]});
    std::fs::write(&old, config.to_string()).unwrap();
    let old = Zero::at(desk.folder.path()).env("KUBECONFIG", &old);
    desk.run_as(&old, 1, &["queues"]);
    insta::assert_snapshot!("no_cluster", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scaler_is_asked_through_the_api_server() {
    let Some((mut desk, site)) = site("explain", REACH).await else { return };
    let zero = site.zero(&desk);
    site.release_of("zero", &json!({"amqp-uri": "amqp://rabbitmq:5672/"}));
    desk.run_as(&zero, 1, &["scale", "explain"]);
    site.release("zero", &desk);
    site.serve("scaler", None, &[("http", 8080, 1)]);
    desk.run_as(&zero, 1, &["scale", "explain"]);
    let scaler = RunningScaler::on(desk.vhost.access(), desk.vhost.name()).unwrap();
    site.plane.forward(&site.namespace, "scaler-0", 8080, scaler.http().port()).unwrap();
    let vhost = format!("vhost={}", desk.vhost.name());
    let told = desk.run_as(&zero, 0, &["scale", "explain", &vhost]);
    assert!(told.stdout.contains("backlog: 7 messages"), "{told:#?}");
    insta::assert_snapshot!("explain_in_cluster", desk.record());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_speaks_tls_is_spoken_to_in_tls_through_the_api_server() {
    let test = "tls_in_cluster";
    let Some((desk, site)) = site(test, REACH).await else { return };
    let (authority, stranger) = (Authority::new("the broker's"), Authority::new("a stranger's"));
    let Some(secured) = Secured::start(test, &authority) else { return };
    let access = secured.broker.access();
    site.serve(SERVICE, None, &[("amqps", 5671, secured.amqps), ("https", 15671, secured.https)]);
    let secret = |name: &str, data: Value| {
        site.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": data}));
    };
    secret("user", json!({"username": access.user, "password": access.password}));
    let uri = format!("amqps://{SERVICE}:5671/");
    let mut data = json!({"amqp-uri": uri, "credentials-secret": "user"});
    site.release_of("tls", &data);
    let [cert, key] = write(desk.folder.path(), "client", &authority.client("zero"));
    let zero = site.zero(&desk).env("ZERO_CLIENT_CERT_FILE", cert).env("ZERO_CLIENT_KEY_FILE", key);
    let unknown = desk.try_as(&zero, &["queues"]);
    assert!(unknown.stderr.contains("`ca-secret`"), "{unknown:#?}");

    data["ca-secret"] = json!("authority");
    site.release_of("tls", &data);
    secret("authority", json!({"ca.crt": stranger.pem()}));
    let other = desk.try_as(&zero, &["queues"]);
    assert_eq!(other.code, Some(1));
    assert!(other.stderr.contains(&format!("no TLS with `{SERVICE}`")), "{other:#?}");
    secret("authority", json!({"ca.crt": authority.pem()}));
    let known = desk.try_as(&zero, &["status"]);
    assert!(known.stdout.contains("RabbitMQ"), "{known:#?}");
    assert_eq!(desk.try_as(&zero, &["peek", "nowhere"]).code, Some(4), "AMQP as well");
    let nobody = desk.try_as(&site.zero(&desk), &["queues"]);
    assert_eq!(nobody.code, Some(1), "it wants our certificate: {nobody:#?}");
}
