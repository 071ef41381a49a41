//! A broker and a namespace of one's own; workers whose addresses are those of pods.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use serde_json::{Value, json};
use tests::access::Access;
use tests::amqp::Amqp;
use tests::cluster::{self, ControlPlane, Login, Pod};
use tests::poll;
use tests::rabbitmq::PrivateBroker;
use tests::scaler::Launch;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use super::{LIMIT, private};

/// What workers of v0.7 take from.
pub(super) const TASKS: &str = "task-ipc-routing-key";
/// Rights to see everything and change nothing but the Lease.
pub(super) const MAY_LIST: &str = "\
- {apiGroups: [''], resources: [pods], verbs: [list]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}
";
const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
const DOCUMENTED: &str = include_str!("../../../../docs/operations.md");

/// Where a test takes place.
pub(super) struct Stage {
    pub(super) plane: &'static ControlPlane,
    pub(super) namespace: String,
    pub(super) broker: PrivateBroker,
}

/// A second namespace, without a broker.
pub(super) struct Second {
    plane: &'static ControlPlane,
    pub(super) namespace: String,
}

impl Stage {
    pub(super) fn set(test: &str) -> Option<Self> {
        let plane = cluster::shared(test)?;
        let broker = private(test)?;
        let namespace = plane.namespace(test).unwrap();
        Some(Self { plane, namespace, broker })
    }

    pub(super) fn second(&self, test: &str) -> Second {
        Second { plane: self.plane, namespace: self.plane.namespace(test).unwrap() }
    }

    /// A pod with the label `app`.
    pub(super) fn pod(&self, number: u8, app: &str) {
        pod(self.plane, &self.namespace, number, app);
    }

    pub(super) fn set_cost(&self, number: u8, cost: &str) {
        let name = format!("pod/worker-{number}");
        let cost = format!("{ANNOTATION}={cost}");
        self.plane.kubectl(&["--namespace", &self.namespace, "annotate", &name, &cost]).unwrap();
    }

    /// Waits until these pods, and no others, have these costs.
    pub(super) async fn costs(&self, expected: &[(u8, &str)]) {
        costs(self.plane, &self.namespace, expected).await;
    }

    /// A connection from nowhere in the cluster, with the queues declared.
    pub(super) async fn amqp(&self) -> Amqp {
        let amqp = Amqp::connect(&self.broker.amqp_uri("/")).await.unwrap();
        for queue in [TASKS, "command-ipc-routing-key", "AbCdE"] {
            amqp.paladin_queue(queue).await.unwrap();
        }
        amqp
    }

    /// A worker in the pod of this number, that consumes tasks.
    pub(super) async fn worker(&self, number: u8) -> Worker {
        self.worker_from(number, TASKS).await
    }

    pub(super) async fn worker_from(&self, number: u8, queue: &str) -> Worker {
        let mut worker = self.idle_worker(number).await;
        worker.consumer = Some(consume(&worker.channel, queue).await);
        worker
    }

    /// A worker that is connected and does not consume yet.
    pub(super) async fn idle_worker(&self, number: u8) -> Worker {
        let broker: SocketAddr = self.broker.access().amqp.parse().unwrap();
        let (way, local) = way(address(number), broker).await;
        let access = Access { amqp: local.to_string(), ..self.broker.access().clone() };
        let amqp = Amqp::connect(&access.amqp_uri("/")).await.unwrap();
        let channel = amqp.new_channel().await.unwrap();
        channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
        Worker { channel, consumer: None, also: None, held: Vec::new(), _amqp: amqp, _way: way }
    }

    /// Waits until the broker's list of channels counts so many messages on so many of them.
    pub(super) async fn broker_counts(&self, channels: usize, messages: u64) {
        let management = self.broker.access().management();
        let counted = poll::until("the broker's channels to show it", LIMIT, async || {
            let listed = management.get("/api/channels").map_err(|error| format!("{error:#}"))?;
            let unacked = |row: &Value| row["messages_unacknowledged"].as_u64();
            let held: Vec<u64> =
                listed.as_array().into_iter().flatten().filter_map(unacked).collect();
            let held: Vec<u64> = held.into_iter().filter(|held| *held > 0).collect();
            let is_so = held.len() == channels && held.iter().sum::<u64>() == messages;
            if is_so { Ok(()) } else { Err(listed.to_string()) }
        });
        counted.await.unwrap();
    }

    /// A scaler that protects the pods with the label `app=worker`.
    pub(super) fn scaler(&self, kubeconfig: &Path) -> Launch {
        let target = format!("{}/app=worker", self.namespace);
        let launch = Launch::new().broker(self.broker.access(), "/");
        launch.args(["--protect", &target]).env("KUBECONFIG", kubeconfig)
    }

    /// The same as a user of the broker with this tag alone, who may touch nothing.
    pub(super) fn scaler_as(&self, tag: &str, kubeconfig: &Path) -> Launch {
        let management = self.broker.access().management();
        let user = json!({"password": "secret", "tags": tag});
        management.put(&format!("/api/users/{tag}"), &user).unwrap();
        let none = json!({"configure": "^$", "write": "^$", "read": "^$"});
        management.put(&format!("/api/permissions/%2F/{tag}"), &none).unwrap();
        let access = self.broker.access().clone();
        let access = Access { user: tag.to_owned(), password: "secret".to_owned(), ..access };
        let target = format!("{}/app=worker", self.namespace);
        let launch = Launch::new().broker(&access, "/");
        launch.args(["--protect", &target]).env("KUBECONFIG", kubeconfig)
    }

    /// Somebody with exactly the rights that the documentation lists.
    pub(super) fn documented(&self) -> PathBuf {
        self.documented_for(&[])
    }

    /// The same, with the Role for workers in these namespaces too.
    pub(super) fn documented_for(&self, others: &[&str]) -> PathBuf {
        let user = format!("scaler-of-{}", self.namespace);
        let (pods, lease) = roles();
        let namespaces = others.iter().copied().chain([self.namespace.as_str()]);
        for namespace in namespaces {
            self.grant(&user, namespace, &pods);
        }
        self.grant(&user, &self.namespace, &lease);
        self.kubeconfig(&user)
    }

    /// Somebody with these rules in the namespace, as YAML.
    pub(super) fn login(&self, rules: &[&str]) -> PathBuf {
        let user = format!("somebody-with-{}-rules-in-{}", rules.len(), self.namespace);
        for rules in rules {
            let rules: Value = serde_norway::from_str(rules).unwrap();
            let role = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "somebody"}, "rules": rules,
            });
            self.grant(&user, &self.namespace, &role);
        }
        self.kubeconfig(&user)
    }

    /// Who has the Lease.
    pub(super) fn lease_holder(&self) -> String {
        let get = ["--namespace", &self.namespace, "get", "lease", "zero-scaler"];
        let holder = ["--output", "jsonpath={.spec.holderIdentity}"];
        self.plane.kubectl(&[&get[..], &holder].concat()).unwrap()
    }

    fn grant(&self, user: &str, namespace: &str, role: &Value) {
        let mut role = role.clone();
        role["metadata"]["namespace"] = namespace.into();
        let name = role["metadata"]["name"].clone();
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": namespace},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        });
        self.plane.apply(&role.to_string()).unwrap();
        self.plane.apply(&binding.to_string()).unwrap();
    }

    fn kubeconfig(&self, user: &str) -> PathBuf {
        let login = Login { group: Some("x"), namespace: Some(&self.namespace), ..Login::of(user) };
        self.plane.kubeconfig_for(&login).unwrap()
    }
}

impl Second {
    pub(super) fn pod(&self, number: u8, app: &str) {
        pod(self.plane, &self.namespace, number, app);
    }

    pub(super) async fn costs(&self, expected: &[(u8, &str)]) {
        costs(self.plane, &self.namespace, expected).await;
    }
}

/// The Roles of the documentation: for workers, and for the Lease.
fn roles() -> (Value, Value) {
    let blocks = DOCUMENTED.split("```yaml\n").skip(1).filter_map(|block| block.split_once("```"));
    let block = blocks.map(|(block, _)| block).find(|block| block.contains("kind: Role")).unwrap();
    let mut roles = block.split("\n---\n").map(|role| serde_norway::from_str(role).unwrap());
    (roles.next().unwrap(), roles.next().unwrap())
}

/// The address of the pod of this number.
pub(super) fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 7, number).into()
}

fn pod(plane: &ControlPlane, namespace: &str, number: u8, app: &str) {
    let (name, ip) = (format!("worker-{number}"), address(number).to_string());
    let pod = Pod { labels: &[("app", app)], ip: Some(&ip), ..Pod::of(namespace, &name) };
    plane.pod(&pod).unwrap();
}

async fn costs(plane: &ControlPlane, namespace: &str, expected: &[(u8, &str)]) {
    let expected: BTreeMap<String, String> = expected
        .iter()
        .map(|(number, cost)| (format!("worker-{number}"), (*cost).to_owned()))
        .collect();
    let what = format!("the costs {expected:?}");
    let found = poll::until(&what, LIMIT, async || {
        let get = ["--namespace", namespace, "get", "pods", "--output", "json"];
        let listed = plane.kubectl(&get).map_err(|error| format!("{error:#}"))?;
        let listed: Value = serde_json::from_str(&listed).map_err(|error| error.to_string())?;
        let cost = |pod: &Value| {
            let metadata = &pod["metadata"];
            let cost = metadata["annotations"][ANNOTATION].as_str()?.to_owned();
            Some((metadata["name"].as_str()?.to_owned(), cost))
        };
        let found: BTreeMap<String, String> =
            listed["items"].as_array().into_iter().flatten().filter_map(cost).collect();
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    });
    found.await.unwrap();
}

/// A worker with prefetch 1, and its way to the broker.
pub(super) struct Worker {
    channel: Channel,
    consumer: Option<Consumer>,
    also: Option<Consumer>,
    held: Vec<Delivery>,
    _amqp: Amqp,
    _way: JoinSet<()>,
}

impl Worker {
    pub(super) async fn consume(&mut self) {
        self.consumer = Some(consume(&self.channel, TASKS).await);
    }

    /// On the same channel, as paladin does.
    pub(super) async fn consume_also(&mut self, queue: &str) {
        self.also = Some(consume(&self.channel, queue).await);
    }

    pub(super) async fn take(&mut self) {
        self.held.push(next(self.consumer.as_mut()).await);
    }

    pub(super) async fn take_also(&mut self) {
        self.held.push(next(self.also.as_mut()).await);
    }

    /// Acknowledges what it holds, and takes no more.
    pub(super) async fn finish(&mut self) {
        if let Some(consumer) = &self.consumer {
            let cancelled =
                self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
            cancelled.await.unwrap();
        }
        for delivery in self.held.drain(..) {
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
    }
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    channel.basic_consume(queue.into(), "".into(), options, none).await.unwrap()
}

async fn next(consumer: Option<&mut Consumer>) -> Delivery {
    let next = tokio::time::timeout(Duration::from_secs(20), consumer.unwrap().next());
    next.await.expect("a message comes").unwrap().unwrap()
}

/// A port whose connections reach the broker from another address.
async fn way(from: IpAddr, broker: SocketAddr) -> (JoinSet<()>, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let local = listener.local_addr().unwrap();
    let mut ways = JoinSet::new();
    ways.spawn(async move {
        let mut relayed = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            relayed.spawn(async move {
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind((from, 0).into()).unwrap();
                let mut far = socket.connect(broker).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (ways, local)
}
