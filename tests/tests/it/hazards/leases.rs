//! H6: a queue that nobody consumes from is deleted with its tasks.

use amqp_gateway::QueuePolicy;
use lapin::options::QueueDeclareOptions;
use lapin::types::AMQPValue;
use serde_json::json;
use tests::access::segment;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::management::Policy;
use tests::poll;

use super::{BLOCK, FAST, consumed, tasks_are};
use crate::gateway::{Behind, config};
use crate::stand_in::{LIMIT, Reached as _, V07};

/// Instead of paladin's half an hour.
const LEASE_MS: i32 = 1500;

/// Until a queue is there no more.
async fn gone(vhost: &Vhost, queue: &str) {
    let path = format!("/api/queues/{}/{}", segment(vhost.name()), segment(queue));
    let looked = poll::until("a queue to expire", LIMIT, async || {
        if vhost.access().management().get(&path).is_err() { Ok(()) } else { Err("it is there") }
    });
    looked.await.unwrap();
}

/// Declares a task queue as paladin does, but for a shorter time, and puts three tasks into it.
async fn hands_in(leader: &Amqp, queue: &str) {
    let lease = [("x-expires", AMQPValue::LongInt(LEASE_MS))];
    leader.queue(queue, QueueDeclareOptions::default(), &lease).await.unwrap();
    leader.publish(queue, 3).await.unwrap();
}

#[tokio::test]
async fn h6_tasks_go_with_a_queue_that_no_worker_looks_after_unless_a_gateway_is_there() {
    let Some(vhost) = harness::vhost("h6_without") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    let expires = json!({"expires": LEASE_MS});
    let policy = Policy { name: "short", pattern: "^task-ipc-routing-key$", definition: expires };
    vhost.access().management().set_policy(vhost.name(), &policy).unwrap();
    gone(&vhost, V07.task_queue).await;
    let worker = V07.worker(0, &FAST, &vhost, home.path());
    consumed(&vhost, 1).await;
    tasks_are(&vhost, 0, 0).await;
    assert_eq!(leader.end(), None, "its tasks are gone, and nobody has told it");
    drop((leader, worker));

    let Some(vhost) = harness::vhost("h6_with") else { return };
    let mut config = config(&vhost);
    config.policy = QueuePolicy::Durable;
    let behind = Behind::start(config).await;
    hands_in(&Amqp::connect(&behind.uri()).await.unwrap(), V07.task_queue).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    // It is younger and has the lease, so by its end the other would have ended too.
    hands_in(&direct, "witness").await;
    gone(&vhost, "witness").await;
    assert_eq!(direct.ready(V07.task_queue).await.unwrap(), 3);
}
