//! A proof's priority: its tasks come first where the queue can tell, and nothing changes elsewhere.

use amqp_gateway::{Config, QueuePolicy};
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};

use super::tags::{TASK, consumer, header, publish};
use super::{Behind, config};
use crate::stand_in::{Reached as _, V07, VERIFIED};

fn with(vhost: &Vhost, policy: QueuePolicy, change: impl Fn(&mut Config)) -> Config {
    let mut config = config(vhost);
    config.policy = policy;
    change(&mut config);
    config
}

/// Two leaders hand in three tasks each, the one without a priority first; the order in which a
/// worker gets them.
async fn order(vhost: &Vhost, policy: QueuePolicy, most: Option<u8>) -> Vec<String> {
    let usual = with(vhost, policy, |config| config.max_priority = most);
    let urgent = with(vhost, policy, |config| {
        (config.max_priority, config.priority) = (most, Some(5));
    });
    let work = Behind::start(usual.clone()).await;
    for (name, config) in [("usual", usual), ("urgent", urgent)] {
        let behind = Behind::start(Config { proof: Some(name.to_owned()), ..config }).await;
        let leader = Amqp::connect(&behind.uri()).await.unwrap();
        leader.paladin_queue("default").await.unwrap();
        for _ in 0..3 {
            publish(&leader, "default", TASK, &[]).await;
        }
        leader.close().await.unwrap();
    }
    let child = Amqp::connect(&work.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    child.channel().basic_qos(1, lapin::options::BasicQosOptions::default()).await.unwrap();
    let mut tasks = consumer(&child, "default").await;
    let mut seen = Vec::new();
    for _ in 0..6 {
        let task: Delivery = tasks.next().await.unwrap().unwrap();
        seen.push(header(&task.properties, "zero-proof").unwrap());
        task.ack(BasicAckOptions::default()).await.unwrap();
        publish(&child, "AbCdE", b"\x00\x01\x00\x00\x00", &[]).await;
    }
    child.close().await.unwrap();
    seen
}

const URGENT_FIRST: [&str; 6] = ["urgent", "urgent", "urgent", "usual", "usual", "usual"];
const AS_THEY_CAME: [&str; 6] = ["usual", "usual", "usual", "urgent", "urgent", "urgent"];

#[tokio::test]
async fn the_tasks_of_an_urgent_proof_come_first_where_the_queue_knows_priorities() {
    let Some(vhost) = harness::vhost("urgent_first") else { return };
    assert_eq!(order(&vhost, QueuePolicy::Durable, Some(5)).await, URGENT_FIRST);
}

#[tokio::test]
async fn tasks_come_in_the_order_they_came_where_it_does_not() {
    let Some(vhost) = harness::vhost("not_urgent") else { return };
    assert_eq!(order(&vhost, QueuePolicy::Durable, None).await, AS_THEY_CAME);
}

#[tokio::test]
async fn a_task_that_is_tried_again_keeps_its_priority() {
    let Some(vhost) = harness::vhost("again_urgent") else { return };
    let config = with(&vhost, QueuePolicy::Durable, |config| {
        (config.max_priority, config.priority) = (Some(5), Some(4));
    });
    let behind = Behind::start(config).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    publish(&child, "default", TASK, &[]).await;
    let mut tasks = consumer(&child, "default").await;
    for attempt in ["1", "2"] {
        let task = tasks.next().await.unwrap().unwrap();
        assert_eq!(*task.properties.priority(), Some(4));
        assert_eq!(header(&task.properties, "zero-attempt").as_deref(), Some(attempt));
        task.nack(BasicNackOptions::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_queue_with_another_number_of_priorities_is_named_with_both_numbers() {
    let Some(vhost) = harness::vhost("other_priorities") else { return };
    let first = with(&vhost, QueuePolicy::Durable, |config| config.max_priority = Some(5));
    let second = with(&vhost, QueuePolicy::Durable, |config| config.max_priority = Some(7));
    let (first, second) = (Behind::start(first).await, Behind::start(second).await);
    let leader = Amqp::connect(&first.uri()).await.unwrap();
    leader.paladin_queue("default").await.unwrap();
    let child = Amqp::connect(&second.uri()).await.unwrap();
    let refused = format!("{:#}", child.paladin_queue("default").await.unwrap_err());
    let told = second.tells("a word about it", |told| told.trouble.is_some()).await;
    for words in [refused, told.trouble.unwrap()] {
        for part in ["PRECONDITION_FAILED", "`default`", "'x-max-priority'", "'7'", "'5'", "delete"]
        {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

#[tokio::test]
async fn a_proof_with_a_priority_is_made() {
    let Some(vhost) = harness::vhost("urgent_proof") else { return };
    let home = tempfile::tempdir().unwrap();
    let with = |change: fn(&mut Config)| with(&vhost, QueuePolicy::Durable, change);
    let lead = with(|config| (config.max_priority, config.priority) = (Some(5), Some(5)));
    let work = with(|config| config.max_priority = Some(5));
    let (lead, work) = (Behind::start(lead).await, Behind::start(work).await);
    let mut leader = V07.leader(6, &[], &lead, home.path());
    let _worker = V07.worker(0, &["--stand-in-ms-per-txn", "20"], &work, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    assert!(V07.verified(6, home.path()).contains(VERIFIED));
}
