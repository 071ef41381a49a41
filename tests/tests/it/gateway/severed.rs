//! A broker that ends what the child relies on for a fault, of its own or of the child. paladin does not act
//! on it, so it is told to whoever can.

use amqp_admin::{Endpoint, VhostName};
use amqp_gateway::{Config, QueuePolicy};
use lapin::options::{BasicAckOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use tests::amqp::Amqp;
use tests::harness;
use tokio::net::TcpListener;

use super::raw::Raw;
use super::tags::consumer;
use super::{Behind, config_at};
use crate::stand_in::{Reached as _, V07};
use crate::wire::{Way, Wire, internal_error};

/// What a double of a broker says when a process of its has crashed.
const CRASHED: &[u8] = b"\x02\x1d\x0eINTERNAL_ERROR\0\0\0\0";

/// A child that is let in by a double of a broker, with durable queues: a lost connection would be made
/// anew.
async fn let_in() -> (Behind, Raw, Raw) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("amqp://{}", listener.local_addr().unwrap());
    let config = Config::new(vec![Endpoint::amqp(&uri).unwrap()], VhostName::new("/").unwrap());
    let behind = Behind::start(Config { policy: QueuePolicy::Durable, ..config }).await;
    let broker = Raw::welcoming_broker(listener);
    let child = Raw::client(behind.gateway.address());
    let (broker, mut child) = tokio::join!(broker, child);
    child.waits_for((10, 41)).await;
    (behind, broker, child)
}

#[tokio::test]
async fn a_child_whose_connection_is_closed_for_a_fault_is_told_as_cut_off() {
    for answers in [true, false] {
        let (behind, mut broker, mut child) = let_in().await;
        broker.says(0, (10, 50), CRASHED).await;
        child.waits_for((10, 50)).await;
        let told = behind.tells("a child cut off", |told| told.severed > 0).await;
        let words = told.trouble.unwrap();
        assert!(words.contains("closed the child's connection: INTERNAL_ERROR (541)"), "{words}");
        if answers {
            child.says(0, (10, 51), b"").await;
            broker.waits_for((10, 51)).await;
        }
        // The broker does not wait for an answer for ever.
        drop(broker);
        let told = behind.tells("no connection", |told| told.connections == 0).await;
        assert_eq!((told.severed, told.counters.reconnects), (1, 0), "{told:?}");
        assert_eq!(told.trouble.as_ref(), Some(&words));
    }
}

#[tokio::test]
async fn a_child_that_has_said_goodbye_is_not() {
    let (behind, mut broker, mut child) = let_in().await;
    child.says(0, (10, 50), b"\0\xc8\x03bye\0\0\0\0").await;
    broker.waits_for((10, 50)).await;
    broker.says(0, (10, 50), CRASHED).await;
    child.waits_for((10, 50)).await;
    child.says(0, (10, 51), b"").await;
    let told = behind.tells("no connection", |told| told.connections == 0).await;
    assert_eq!(told.severed, 0, "{told:?}");
}

/// Real paladin neither ends nor goes on.
#[tokio::test]
async fn a_leader_whose_connection_is_closed_for_a_fault_waits_and_is_told_as_cut_off() {
    let Some(vhost) = harness::vhost("fault_leader") else { return };
    let home = tempfile::tempdir().unwrap();
    let way = Wire::to(&vhost.access().amqp).await;
    let mut config = config_at(&way.through(&vhost.amqp_uri()), vhost.name());
    config.policy = QueuePolicy::Durable;
    let lead = Behind::start(config).await;
    let mut leader = V07.leader(6, &[], &lead, home.path());
    lead.tells("a leader that waits", |told| {
        !told.awaited.is_empty() && told.counters.published > 0
    })
    .await;
    way.say(Way::FromServer, internal_error());
    let told = lead.tells("a leader cut off", |told| told.severed > 0).await;
    assert!(told.trouble.unwrap().contains("INTERNAL_ERROR (541)"));
    lead.tells("no connection", |told| told.connections == 0).await;
    assert!(leader.end().is_none(), "{}", leader.errors());
}

/// A consumer on the same channel gets nothing any more, and nobody tells paladin of it.
#[tokio::test]
async fn a_child_whose_channel_is_closed_behind_its_back_is_told_as_cut_off() {
    let Some(vhost) = harness::vhost("fault_channel") else { return };
    let behind = Behind::stock(&vhost).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    let _tasks = consumer(&child, "default").await;
    child.channel().basic_ack(99, BasicAckOptions::default()).await.unwrap();
    let told = behind.tells("a child cut off", |told| told.severed > 0).await;
    let words = told.trouble.unwrap();
    assert!(words.contains("closed the child's channel: PRECONDITION_FAILED"), "{words}");
}

/// It hears of it by the answer that it waits for.
#[tokio::test]
async fn a_child_whose_question_is_refused_is_not() {
    let Some(vhost) = harness::vhost("refused_question") else { return };
    let behind = Behind::stock(&vhost).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    let _tasks = consumer(&child, "default").await;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = child.channel().queue_declare("nowhere".into(), options, FieldTable::default());
    let refused = asked.await.unwrap_err();
    assert!(refused.to_string().contains("NOT_FOUND"), "{refused}");
    assert_eq!(behind.activity().severed, 0);
}
