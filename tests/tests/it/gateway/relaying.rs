//! What real clients do goes through, and comes back, unchanged.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation};
use tests::amqp::Amqp;
use tests::harness;

use super::Behind;
use crate::stand_in::{Generation, Reached as _, V06, V07, VERIFIED};

/// Nothing, a byte, just below and above a frame, and many frames.
const SIZES: [usize; 6] = [0, 1, 131_064, 131_065, 400_000, 5_000_000];

#[tokio::test]
async fn messages_of_all_sizes_arrive_as_they_were_sent() {
    let Some(vhost) = harness::vhost("all_sizes") else { return };
    let behind = Behind::stock(&vhost).await;
    let amqp = Amqp::connect(&behind.uri()).await.unwrap();
    amqp.paladin_queue("plain").await.unwrap();
    let mut headers = FieldTable::default();
    headers.insert("kept".into(), AMQPValue::LongString("as it is".into()));
    let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
    let options = BasicPublishOptions::default();
    let body = |size: usize| (0..=250_u8).cycle().take(size).collect::<Vec<_>>();
    for size in SIZES {
        let body = body(size);
        let sent = amqp.channel().basic_publish(
            "".into(),
            "plain".into(),
            options,
            &body,
            properties.clone(),
        );
        assert_eq!(sent.await.unwrap().await.unwrap(), Confirmation::Ack(None));
    }
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = amqp.channel().basic_consume("plain".into(), "".into(), options, none);
    let mut consumer = consumer.await.unwrap();
    for size in SIZES {
        let delivery = consumer.next().await.unwrap().unwrap();
        assert!(delivery.data == body(size), "{size} bytes came as {}", delivery.data.len());
        assert_eq!(delivery.properties, properties);
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    amqp.close().await.unwrap();
}

#[tokio::test]
async fn refusals_and_returns_of_the_broker_reach_the_child() {
    let Some(vhost) = harness::vhost("refusals") else { return };
    let behind = Behind::stock(&vhost).await;
    let amqp = Amqp::connect(&behind.uri()).await.unwrap();
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sent = amqp.channel().basic_publish(
        "".into(),
        "nowhere".into(),
        options,
        b"lost",
        BasicProperties::default(),
    );
    let Confirmation::Ack(Some(returned)) = sent.await.unwrap().await.unwrap() else {
        panic!("it did not come back")
    };
    assert_eq!((returned.reply_code, &*returned.delivery.data), (312, &b"lost"[..]));
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let channel = amqp.new_channel().await.unwrap();
    let asked = channel.queue_declare("nowhere".into(), options, FieldTable::default());
    assert!(asked.await.unwrap_err().to_string().contains("NOT_FOUND"));
    let channel = amqp.new_channel().await.unwrap();
    amqp.paladin_queue("empty").await.unwrap();
    let got = channel.basic_get("empty".into(), BasicGetOptions::default()).await.unwrap();
    assert!(got.is_none());
    amqp.close().await.unwrap();
}

/// Leader and workers each behind a gateway of their own.
async fn proves(generation: &Generation) {
    let test = format!("{}_behind_gateways", generation.name());
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, first, second) =
        (Behind::stock(&vhost).await, Behind::stock(&vhost).await, Behind::stock(&vhost).await);
    let mut leader = generation.leader(6, &[], &lead, home.path());
    let args = ["--stand-in-ms-per-txn", "20"];
    let workers = [&first, &second]
        .into_iter()
        .enumerate()
        .map(|(number, behind)| generation.worker(number, &args, behind, home.path()))
        .collect::<Vec<_>>();
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(workers);
    let words = generation.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn a_v0_7_proof_is_made_through_gateways() {
    proves(&V07).await;
}

#[tokio::test]
async fn a_v0_6_proof_is_made_through_gateways() {
    proves(&V06).await;
}
