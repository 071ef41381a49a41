//! How queues are declared behind a gateway, whatever the child asks for.

use amqp_gateway::QueuePolicy;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use serde_json::Value;
use tests::access::segment;
use tests::amqp::{Amqp, PALADIN_EXPIRES_MS};
use tests::harness::{self, Vhost};
use tests::rabbitmq::RabbitConfig;

use super::{Behind, config, config_at};
use crate::stand_in::{Reached as _, V07, VERIFIED};

async fn with_policy(vhost: &Vhost, policy: QueuePolicy) -> Behind {
    let mut config = config(vhost);
    config.policy = policy;
    Behind::start(config).await
}

fn looked_up(vhost: &Vhost, queue: &str) -> Value {
    let path = format!("/api/queues/{}/{}", segment(vhost.name()), segment(queue));
    vhost.access().management().get(&path).unwrap()
}

async fn proves_with(policy: QueuePolicy, name: &str, kind: &str) {
    let Some(vhost) = harness::vhost(name) else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (with_policy(&vhost, policy).await, with_policy(&vhost, policy).await);
    let mut leader = V07.leader(6, &[], &lead, home.path());
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "20"], &work, home.path());
    let awaited = lead.tells("a result queue", |told| !told.awaited.is_empty()).await.awaited;
    let results = looked_up(&vhost, awaited[0].as_str());
    assert_eq!((&results["durable"], &results["type"]), (&true.into(), &"classic".into()));
    assert_eq!(results["arguments"]["x-expires"], PALADIN_EXPIRES_MS);
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(worker);
    let words = V07.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
    let tasks = looked_up(&vhost, "task-ipc-routing-key");
    assert_eq!((&tasks["durable"], &tasks["type"]), (&true.into(), &kind.into()), "{tasks}");
    assert_eq!(tasks["arguments"]["x-expires"], Value::Null);
}

#[tokio::test]
async fn a_proof_is_made_over_durable_queues() {
    proves_with(QueuePolicy::Durable, "durable_proof", "classic").await;
}

#[tokio::test]
async fn a_proof_is_made_over_quorum_queues() {
    proves_with(QueuePolicy::Quorum, "quorum_proof", "quorum").await;
}

#[tokio::test]
async fn a_queue_left_by_another_policy_is_named_with_what_to_do() {
    let Some(vhost) = harness::vhost("left_queue") else { return };
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    let behind = with_policy(&vhost, QueuePolicy::Durable).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let refused = format!("{:#}", child.paladin_queue("default").await.unwrap_err());
    let told = behind.tells("a word about it", |told| told.trouble.is_some()).await;
    for words in [refused, told.trouble.unwrap()] {
        for part in ["`default`", "`durable`", "current is 'false'", "delete what another one left"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

#[tokio::test]
async fn tasks_survive_a_restart_of_the_broker() {
    let test = "tasks_survive";
    let Some(mut broker) = harness::private_broker(test, &RabbitConfig::default()) else { return };
    let mut config = config_at(&broker.amqp_uri("/"), "/");
    config.policy = QueuePolicy::Durable;
    let behind = Behind::start(config).await;
    let leader = Amqp::connect(&behind.uri()).await.unwrap();
    leader.paladin_queue("default").await.unwrap();
    leader.publish("default", 3).await.unwrap();
    broker.restart().unwrap();
    let direct = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = direct.channel().queue_declare("default".into(), options, FieldTable::default());
    assert_eq!(asked.await.unwrap().message_count(), 3);
}
