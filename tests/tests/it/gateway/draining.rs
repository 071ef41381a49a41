//! The end in good order: nothing that was finished is thrown away, nothing that was not is lost.

use amqp_gateway::frame::Kind;
use futures_util::StreamExt as _;
use lapin::options::BasicAckOptions;
use tests::amqp::Amqp;
use tests::harness;
use tokio::time::timeout;

use super::raw::Raw;
use super::tags::{DONE, TASK, consumer, publish};
use super::{Behind, depth};
use crate::stand_in::{LIMIT, Reached as _, V07, VERIFIED};

#[tokio::test]
async fn a_worker_that_drains_finishes_its_task_and_takes_no_other() {
    let Some(vhost) = harness::vhost("drained_worker") else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, first, second) =
        (Behind::stock(&vhost).await, Behind::stock(&vhost).await, Behind::stock(&vhost).await);
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "300"], &first, home.path());
    let mut leader = V07.leader(6, &[], &lead, home.path());
    first.tells("a busy worker", |told| told.in_hand.len() == 1).await;
    first.gateway.drain().await;
    let told = first.gateway.activity().borrow().clone();
    assert_eq!((told.in_hand.len(), told.counters.done), (0, 1), "{told:?}");
    assert_eq!((told.counters.results, told.draining), (1, true), "{told:?}");
    drop(worker);
    let other = V07.worker(1, &["--stand-in-ms-per-txn", "10"], &second, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    let told = second.gateway.activity().borrow().clone();
    // Six segments, five joins and the block, less the one that was done before.
    assert_eq!(told.counters.done, lead.gateway.activity().borrow().counters.published - 1);
    drop(other);
    let words = V07.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn an_idle_worker_drains_at_once_and_one_that_connects_later_gets_nothing() {
    let Some(vhost) = harness::vhost("drained_idle") else { return };
    let behind = Behind::stock(&vhost).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    let _tasks = consumer(&child, "default").await;
    behind.gateway.drain().await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let later = Amqp::connect(&behind.uri()).await.unwrap();
    let _none = consumer(&later, "default").await;
    later.close().await.unwrap();
    assert_eq!(behind.gateway.activity().borrow().counters.delivered, 0);
    assert_eq!(depth(&direct, "default").await, 1);
}

/// A broker whose memory is short stops reading in the middle of a result, and a drain begins. What the
/// gateway has to say comes behind the result: RabbitMQ closes a connection on which anything else comes
/// amid a message.
#[tokio::test]
async fn a_drain_that_begins_amid_a_result_lets_it_come_to_its_end() {
    let Some(vhost) = harness::vhost("drained_amid") else { return };
    let behind = Behind::stock(&vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    direct.paladin_queue("AbCdE").await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let mut child = Raw::client(behind.gateway.address()).await;
    child.opens(1).await;
    let tag = child.takes_from(1, "default").await;
    child.begins(1, "AbCdE", DONE, 1000).await;
    let drain = behind.gateway.drain();
    tokio::pin!(drain);
    tokio::select! {
        () = &mut drain => panic!("drained amid a result"),
        // By the time that this is answered the gateway has heard of the drain.
        () = child.opens(2) => {}
    }
    let finish = async {
        child.carries(Kind::Body, 1, &[0; 1000]).await;
        child.says(1, (60, 80), &[&tag.to_be_bytes()[..], b"\0"].concat()).await;
    };
    let both = async { tokio::join!(drain, finish) };
    timeout(LIMIT, both).await.unwrap();
    assert_eq!((depth(&direct, "AbCdE").await, depth(&direct, "default").await), (1, 0));
    let told = behind.activity();
    assert_eq!((told.counters.done, told.severed, &told.trouble), (1, 0, &None), "{told:?}");
}

#[tokio::test]
async fn a_drain_waits_for_the_result_that_follows_the_acknowledgement() {
    let Some(vhost) = harness::vhost("drained_result") else { return };
    let behind = Behind::stock(&vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    direct.paladin_queue("AbCdE").await.unwrap();
    publish(&direct, "default", TASK, &[]).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let task = consumer(&child, "default").await.next().await.unwrap().unwrap();
    let drain = behind.gateway.drain();
    tokio::pin!(drain);
    let acknowledged = async {
        behind.tells("a drain", |told| told.draining).await;
        task.ack(BasicAckOptions::default()).await.unwrap();
        behind.tells("an acknowledged task", |told| told.counters.done == 1).await;
    };
    tokio::select! {
        () = &mut drain => panic!("drained before there is a result"),
        () = acknowledged => {}
    }
    let finish = async {
        let sent = child.channel().basic_publish(
            "".into(),
            "AbCdE".into(),
            lapin::options::BasicPublishOptions::default(),
            DONE,
            lapin::BasicProperties::default(),
        );
        // The channel is closed before the confirm comes to the child.
        drop(sent.await.unwrap());
    };
    tokio::join!(drain, finish);
    assert_eq!((depth(&direct, "AbCdE").await, depth(&direct, "default").await), (1, 0));
}
