//! A task that a worker drops, or dies of, is tried again; in the end it is put aside, with its reason.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions};
use tests::amqp::Amqp;
use tests::harness;
use tests::poll;

use super::tags::{TASK, consumer, header, publish};
use super::{Behind, config, depth};
use crate::stand_in::{Generation, LIMIT, Reached as _, V06, V07, VERIFIED};
use crate::wire::Wire;

const DROP: BasicNackOptions = BasicNackOptions { multiple: false, requeue: false };

async fn fails_once(generation: &Generation) {
    let test = format!("{}_fails_once", generation.name());
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, bad, good) =
        (Behind::stock(&vhost).await, Behind::stock(&vhost).await, Behind::stock(&vhost).await);
    let args = ["--stand-in-ms-per-txn", "20", "--stand-in-fail-after", "1"];
    let failing = generation.worker(0, &args, &bad, home.path());
    let mut leader = generation.leader(6, &[], &lead, home.path());
    bad.tells("a failed task", |told| told.counters.retried == 1).await;
    let other = generation.worker(1, &["--stand-in-ms-per-txn", "20"], &good, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop((failing, other));
    let words = generation.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
    assert_eq!(bad.tells("its end", |told| told.connections == 0).await.counters.dead_lettered, 0);
}

#[tokio::test]
async fn a_v0_7_proof_outlives_a_task_that_fails_once() {
    fails_once(&V07).await;
}

#[tokio::test]
async fn a_v0_6_proof_outlives_a_task_that_fails_once() {
    fails_once(&V06).await;
}

#[tokio::test]
async fn the_same_failure_ends_a_leader_that_has_no_gateway() {
    let Some(vhost) = harness::vhost("fails_without") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(6, &[], &vhost, home.path());
    let args = ["--stand-in-ms-per-txn", "20", "--stand-in-fail-after", "1"];
    let _failing = V07.worker(0, &args, &vhost, home.path());
    assert!(!leader.ended().await.success());
}

#[tokio::test]
async fn a_task_that_always_fails_is_put_aside_and_the_leader_hears_why() {
    let Some(vhost) = harness::vhost("always_fails") else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (Behind::stock(&vhost).await, Behind::stock(&vhost).await);
    let args = ["--stand-in-ms-per-txn", "20", "--stand-in-fail-txn", "6:0"];
    let _worker = V07.worker(0, &args, &work, home.path());
    let mut leader = V07.leader(6, &["--test-only"], &lead, home.path());
    assert!(!leader.ended().await.success());
    let told = work.tells("a dead letter", |told| told.counters.dead_lettered == 1).await;
    assert_eq!((told.counters.retried, told.counters.failed), (2, 3));
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let options = BasicGetOptions { no_ack: true };
    let dead = direct.channel().basic_get("zero-dead-letter".into(), options).await.unwrap();
    let dead = dead.unwrap();
    let tag = |name: &str| header(&dead.properties, name).unwrap();
    assert_eq!((tag("zero-attempt").as_str(), tag("zero-queue").as_str()), ("3", V07.task_queue));
    let reason = tag("zero-reason");
    let log = std::fs::read_to_string(home.path().join("leader.log")).unwrap();
    let heard = format!("{log}{}", leader.errors());
    assert!(!reason.is_empty() && heard.contains(&reason), "{reason}: {heard}");
}

/// A body larger than what is kept in memory, that says where its result goes.
fn large() -> Vec<u8> {
    let rest = (0..=250_u8).cycle().take(900_000);
    TASK.iter().copied().chain(rest).collect()
}

#[tokio::test]
async fn a_task_whose_child_has_died_is_tried_again_as_it_was() {
    let Some(vhost) = harness::vhost("died_with_task") else { return };
    let mut config = config(&vhost);
    config.kept_in_memory = 200_000;
    let behind = Behind::start(config).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    publish(&direct, "default", &large(), &[("zero-task", "t-1"), ("theirs", "kept")]).await;
    for attempt in ["1", "2", "3"] {
        let way = Wire::to(&behind.gateway.address().to_string()).await;
        let child = Amqp::connect(&way.through(&behind.uri())).await.unwrap();
        let mut tasks = consumer(&child, "default").await;
        let task = tasks.next().await.unwrap().unwrap();
        assert!(task.data == large(), "{} bytes", task.data.len());
        assert_eq!(header(&task.properties, "theirs").as_deref(), Some("kept"));
        if attempt != "1" {
            assert_eq!(header(&task.properties, "zero-attempt").as_deref(), Some(attempt));
        }
        drop(way);
        behind.gateway.child_died("it was killed: out of memory").await;
    }
    let told = behind.tells("a dead letter", |told| told.counters.dead_lettered == 1).await;
    assert!(told.in_hand.is_empty(), "{told:?}");
    let words = told.trouble.unwrap();
    assert!(words.contains("out of memory") && words.contains("`default`"), "{words}");
    assert_eq!(depth(&direct, "zero-dead-letter").await, 1);
    assert_eq!(depth(&direct, "default").await, 0);
    let got = direct.channel().basic_get("AbCdE".into(), BasicGetOptions::default()).await;
    assert!(got.is_err() || got.unwrap().is_none(), "nobody declared it");
}

#[tokio::test]
async fn a_dropped_task_without_a_word_ends_with_a_failed_result_of_our_own() {
    let Some(vhost) = harness::vhost("no_words") else { return };
    let behind = Behind::stock(&vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    direct.paladin_queue("AbCdE").await.unwrap();
    publish(&direct, "default", TASK, &[("zero-task", "t-1")]).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let mut tasks = consumer(&child, "default").await;
    for _ in 0..3 {
        let task = tokio::time::timeout(LIMIT, tasks.next()).await.unwrap().unwrap().unwrap();
        task.nack(DROP).await.unwrap();
    }
    behind.tells("a dead letter", |told| told.counters.dead_lettered == 1).await;
    let got = direct.channel().basic_get("AbCdE".into(), BasicGetOptions::default()).await;
    let got = got.unwrap().unwrap();
    let read = amqp_admin::paladin::result(&got.data).unwrap();
    assert_eq!(read.outcome.unwrap_err(), "the worker dropped it and gave no reason");
    assert_eq!(header(&got.properties, "zero-task").as_deref(), Some("t-1"));
    got.ack(BasicAckOptions::default()).await.unwrap();
    assert_eq!(depth(&direct, "default").await, 0);
}

#[tokio::test]
async fn a_child_that_ends_without_a_word_of_its_owner_gives_its_task_back_as_it_was() {
    let Some(vhost) = harness::vhost("no_owner") else { return };
    let behind = Behind::stock(&vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let way = Wire::to(&behind.gateway.address().to_string()).await;
    let child = Amqp::connect(&way.through(&behind.uri())).await.unwrap();
    let _task = consumer(&child, "default").await.next().await.unwrap().unwrap();
    drop(way);
    let back = poll::until("the task in its queue", LIMIT, async || {
        let ready = depth(&direct, "default").await;
        if ready == 1 { Ok(()) } else { Err(ready) }
    });
    back.await.unwrap();
    let got = direct.channel().basic_get("default".into(), BasicGetOptions::default()).await;
    assert_eq!(header(&got.unwrap().unwrap().properties, "zero-attempt"), None);
}
