//! Work that waits outlives its queue's lease; work that nobody waits for does not count.

use serde_json::{Value, json};
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::keda::KedaClient;
use tests::management::Policy;
use tests::poll;
use tests::scaler::{Launch, RunningScaler};

use super::{LIMIT, explain_path, object_in, reads, stage};
use crate::user::{Rights, User};

/// Without use for so long a queue of these tests is gone.
const LEASE_MS: u32 = 3_000;

/// A vhost with a short lease, a scaler on it, and KEDA that asks.
struct Waiting {
    amqp: Amqp,
    keda: KedaClient,
    scaler: RunningScaler,
    vhost: Vhost,
}

impl Waiting {
    async fn start(vhost: Vhost, args: &[&str]) -> Self {
        let definition = json!({"expires": LEASE_MS});
        let policy = Policy { name: "short-lease", pattern: ".*", definition };
        vhost.access().management().set_policy(vhost.name(), &policy).unwrap();
        let scaler = Launch::new().broker(vhost.access(), vhost.name()).args(args).start().unwrap();
        let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        Self { amqp, keda, scaler, vhost }
    }

    async fn fill(&self, queue: &str, messages: usize) {
        self.amqp.paladin_queue(queue).await.unwrap();
        self.amqp.publish(queue, messages).await.unwrap();
    }

    fn queues(&self) -> Vec<String> {
        let path = format!("/api/queues/{}?columns=name", self.vhost.name());
        let rows = self.vhost.access().management().get(&path).unwrap();
        let names = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    }

    async fn gone(&self, queue: &str) {
        let gone = poll::until("the lease to run out", LIMIT, async || {
            let left = self.queues();
            if left.iter().any(|name| name == queue) { Err(format!("{left:?}")) } else { Ok(()) }
        });
        gone.await.unwrap();
    }

    /// The queues that `/status.json` says are kept.
    fn kept(&self) -> Value {
        self.scaler.status().unwrap()["brokers"][0]["keep_alive"]["kept"].clone()
    }
}

/// A queue with work and no consumer outlives its lease, and `/status.json` lists it. The control: a
/// queue that no trigger counts is gone meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn waiting_work_outlives_its_lease_with_keep_alive() {
    let Some(vhost) = harness::vhost("kept_alive") else { return };
    let waiting = Waiting::start(vhost, &["--lease-interval", "1s"]).await;
    let object = object_in(&waiting.vhost, &[("excludeQueues", "not-.*")]);
    waiting.fill("proof-1", 2).await;
    reads(&waiting.keda, &object, 2.0).await;
    for _ in 0..2 {
        waiting.fill("not-counted", 1).await;
        waiting.gone("not-counted").await;
    }
    assert_eq!(waiting.queues(), ["proof-1"]);
    reads(&waiting.keda, &object, 2.0).await;
    let expected = json!([{"vhost": waiting.vhost.name(), "queue": "proof-1", "ready": 2}]);
    assert_eq!(waiting.kept(), expected);
    // Work that is taken needs no help.
    waiting.amqp.purge("proof-1").await.unwrap();
    waiting.gone("proof-1").await;
    reads(&waiting.keda, &object, 0.0).await;
}

/// With `--no-keep-alive` the same queue is gone with its work.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn waiting_work_is_lost_with_its_lease_without_keep_alive() {
    let Some(vhost) = harness::vhost("not_kept_alive") else { return };
    let args = ["--no-keep-alive", "--lease-interval", "1s"];
    let waiting = Waiting::start(vhost, &args).await;
    let object = object_in(&waiting.vhost, &[]);
    waiting.fill("proof-1", 2).await;
    reads(&waiting.keda, &object, 2.0).await;
    waiting.gone("proof-1").await;
    reads(&waiting.keda, &object, 0.0).await;
    assert_eq!(waiting.kept(), json!([]));
    let status = waiting.scaler.status().unwrap();
    assert_eq!(status["brokers"][0]["keep_alive"]["enabled"], false);
}

/// Leases are renewed from the moment a trigger asks, not from the next round on: the scaler may have
/// been away for most of a lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_lease_is_renewed_as_soon_as_a_trigger_counts_the_queue() {
    let Some(vhost) = harness::vhost("kept_at_once") else { return };
    let waiting = Waiting::start(vhost, &["--lease-interval", "1h"]).await;
    waiting.fill("proof-1", 2).await;
    // The scaler knows the work before anybody asks for it.
    let known = poll::until("the work to be known", LIMIT, async || {
        let roles = waiting.scaler.status().unwrap()["brokers"][0]["vhosts"][0]["roles"].clone();
        if roles[1]["ready"] == 2 { Ok(()) } else { Err(roles.to_string()) }
    });
    known.await.unwrap();
    reads(&waiting.keda, &object_in(&waiting.vhost, &[]), 2.0).await;
    let listed = poll::until("the queue to be kept", LIMIT, async || {
        let kept = waiting.kept();
        if kept[0]["queue"] == "proof-1" { Ok(()) } else { Err(kept.to_string()) }
    });
    listed.await.unwrap();
}

/// Ready tasks beside result queues of which none has a consumer lose their leader's claim: after a
/// while they no longer count, and that is told. A living leader's tasks stay counted, and what a
/// worker holds counts in any case.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn orphaned_tasks_stop_counting_and_a_living_leaders_tasks_do_not() {
    let (Some(dead), Some(living)) = (stage("orphans").await, stage("leader").await) else {
        return;
    };
    for stage in [&dead, &living] {
        stage.fill("task-ipc-routing-key", 4).await;
        stage.fill("BmXij", 1).await;
        stage.amqp.paladin_queue("aB3dE").await.unwrap();
    }
    let leader = living.amqp.worker("aB3dE", 1).await.unwrap();
    let busy = dead.amqp.hold("task-ipc-routing-key", 1).await.unwrap();
    let (orphaned, awaited) = (dead.object(&[]), living.object(&[]));
    dead.reads(&orphaned, 4.0).await;
    living.reads(&awaited, 4.0).await;

    let limit = LIMIT * 2;
    let since = tokio::time::Instant::now();
    let told = poll::until("the orphans to be left out", limit, async || {
        match dead.keda.poll(&orphaned).await {
            Ok(polled) if polled.value.whole == 1 => Ok(polled.active),
            other => Err(format!("{other:?}")),
        }
    });
    assert!(told.await.unwrap(), "a worker is busy");
    assert!(since.elapsed().as_secs() >= 15, "a leader between two directives looks the same");
    let (_, words) = dead.scaler.get(&explain_path(&orphaned)).unwrap();
    let line = "orphaned: 3 ready tasks have no leader waiting, not counted";
    assert!(words.contains(line), "{words}");
    let status = dead.scaler.status().unwrap().to_string();
    assert!(status.contains("\"orphaned\":3") && status.contains("\"certain\""), "{status}");

    assert_eq!(living.keda.poll(&awaited).await.unwrap().value.whole, 4);
    assert!(!living.explain(&awaited).contains("orphaned"));
    // A new leader takes the queue up: its tasks count again at once, and so do the old ones.
    dead.amqp.paladin_queue("Zz9Yy").await.unwrap();
    dead.amqp.publish("task-ipc-routing-key", 2).await.unwrap();
    dead.reads(&orphaned, 6.0).await;
    drop((leader, busy));
}

/// The tag `management` shows a user its own consumers, and the answer looks as if nobody else had any.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_scaler_that_is_shown_its_own_consumers_alone_takes_no_leader_for_gone() {
    let Some(vhost) = harness::vhost("own_alone") else { return };
    let user = User::add(vhost.access(), vhost.name(), "own");
    user.may(vhost.name(), Rights::NONE);
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    for (queue, messages) in [("task-ipc-routing-key", 4), ("aB3dE", 0)] {
        amqp.paladin_queue(queue).await.unwrap();
        amqp.publish(queue, messages).await.unwrap();
    }
    let leader = amqp.worker("aB3dE", 1).await.unwrap();
    let scaler = RunningScaler::on(&user.access, vhost.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = object_in(&vhost, &[]);
    reads(&keda, &object, 4.0).await;
    let said = poll::until("the scaler to say what it cannot see", LIMIT * 2, async || {
        let told = scaler.log().contains("no consumers but its own: give it the tag `monitoring`");
        if told { Ok(()) } else { Err(scaler.status().unwrap().to_string()) }
    });
    said.await.unwrap();
    assert!(scaler.status().unwrap().to_string().contains("\"orphaned\":0"), "{}", scaler.log());
    reads(&keda, &object, 4.0).await;
    drop(leader);
}
