//! Whose a task is stands in its headers, and a result that is there twice is shown once.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Consumer};
use tests::amqp::Amqp;
use tests::harness;

use super::{Behind, config, depth};
use crate::stand_in::Reached as _;

/// A task of v0.7 whose result goes to `AbCdE`: a segment to be simulated.
pub(super) const TASK: &[u8] = b"\x05AbCdE\x01\x00\x02\x00\x00\x01\x03abc\x00";
/// The result of a simulation.
pub(super) const DONE: &[u8] = b"\x00\x01\x00\x00\x00";

pub(crate) fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    let value = properties.headers().as_ref()?.inner().get(name)?;
    let AMQPValue::LongString(text) = value else { panic!("{value:?}") };
    Some(text.to_string())
}

pub(super) async fn publish(amqp: &Amqp, queue: &str, body: &[u8], tags: &[(&str, &str)]) {
    let mut headers = FieldTable::default();
    for (name, text) in tags {
        headers.insert((*name).into(), AMQPValue::LongString((*text).into()));
    }
    let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
    let options = BasicPublishOptions::default();
    let sent = amqp.channel().basic_publish("".into(), queue.into(), options, body, properties);
    sent.await.unwrap().await.unwrap();
}

pub(super) async fn consumer(amqp: &Amqp, queue: &str) -> Consumer {
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    amqp.channel().basic_consume(queue.into(), "".into(), options, none).await.unwrap()
}

#[tokio::test]
async fn tasks_say_whose_they_are() {
    let Some(vhost) = harness::vhost("tagged_tasks") else { return };
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    let stock = Behind::stock(&vhost).await;
    let mut config = config(&vhost);
    config.proof = Some("tip-7".to_owned());
    config.block = Some(6);
    let told = Behind::start(config).await;
    let mut tasks = Vec::new();
    for behind in [&stock, &told, &told] {
        let leader = Amqp::connect(&behind.uri()).await.unwrap();
        publish(&leader, "default", TASK, &[("theirs", "kept")]).await;
        let got = direct.channel().basic_get("default".into(), BasicGetOptions::default()).await;
        let got = got.unwrap().unwrap();
        assert_eq!(got.data, TASK);
        let tag = |name: &str| header(&got.properties, name);
        assert_eq!(tag("theirs").as_deref(), Some("kept"));
        assert_eq!(tag("zero-attempt").as_deref(), Some("1"));
        assert_eq!(tag("zero-operation").as_deref(), Some("SegmentProofTestOnly"));
        tasks.push((tag("zero-task").unwrap(), tag("zero-proof").unwrap(), tag("zero-block")));
    }
    let [(first, by_queue, none), (second, named, block), (third, ..)] = &tasks[..] else {
        panic!("{tasks:?}")
    };
    assert_eq!((by_queue.as_str(), none), ("AbCdE", &None));
    assert_eq!((named.as_str(), block.as_deref()), ("tip-7", Some("6")));
    assert!(first != second && second != third, "{tasks:?}");
}

#[tokio::test]
async fn a_result_that_is_there_twice_is_shown_to_the_leader_once() {
    let Some(vhost) = harness::vhost("twins") else { return };
    let behind = Behind::stock(&vhost).await;
    let leader = Amqp::connect(&behind.uri()).await.unwrap();
    leader.paladin_queue("AbCdE").await.unwrap();
    let mut results = consumer(&leader, "AbCdE").await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    for task in ["one", "one", "two", "one", "two"] {
        publish(&direct, "AbCdE", task.as_bytes(), &[("zero-task", task)]).await;
    }
    // Untagged ones cannot be told apart, so all of them are shown.
    publish(&direct, "AbCdE", b"other", &[]).await;
    publish(&direct, "AbCdE", b"other", &[]).await;
    for expected in ["one", "two", "other", "other"] {
        let delivery = results.next().await.unwrap().unwrap();
        assert_eq!(delivery.data, expected.as_bytes());
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    leader.close().await.unwrap();
    assert_eq!(behind.tells("three twins", |told| told.counters.twins == 3).await.connections, 0);
    assert_eq!(depth(&direct, "AbCdE").await, 0);
}

#[tokio::test]
async fn a_workers_result_carries_the_tag_of_its_task() {
    let Some(vhost) = harness::vhost("tagged_result") else { return };
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    direct.paladin_queue("AbCdE").await.unwrap();
    publish(&direct, "default", TASK, &[("zero-task", "t-9"), ("zero-proof", "tip-7")]).await;
    let behind = Behind::stock(&vhost).await;
    let worker = Amqp::connect(&behind.uri()).await.unwrap();
    let mut tasks = consumer(&worker, "default").await;
    let task = tasks.next().await.unwrap().unwrap();
    let told = behind.tells("a task in hand", |told| told.in_hand.len() == 1).await;
    assert_eq!(told.in_hand[0].proof.as_deref(), Some("tip-7"));
    assert_eq!(told.in_hand[0].result_queue.as_ref().unwrap().as_str(), "AbCdE");
    assert_eq!(told.consuming, ["default"]);
    // As paladin does: acknowledged first, and then the result.
    task.ack(BasicAckOptions::default()).await.unwrap();
    publish(&worker, "AbCdE", DONE, &[]).await;
    behind.tells("it done", |told| told.in_hand.is_empty() && told.counters.done == 1).await;
    let got = direct.channel().basic_get("AbCdE".into(), BasicGetOptions::default()).await;
    let got = got.unwrap().unwrap();
    assert_eq!(header(&got.properties, "zero-task").as_deref(), Some("t-9"));
    worker.close().await.unwrap();
    assert_eq!(depth(&direct, "default").await, 0);
}
