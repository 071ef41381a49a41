//! Several tasks answered at once: each goes when what replaces it is safe, and not before.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use super::tags::{DONE, TASK, consumer, header, publish};
use super::{Behind, depth};
use crate::stand_in::{LIMIT, Reached as _};
use crate::wire::Wire;

/// Three tasks in the hands of one client behind a gateway.
async fn three_in_hand(direct: &Amqp, child: &Amqp) -> Vec<Delivery> {
    direct.paladin_queue("default").await.unwrap();
    direct.paladin_queue("AbCdE").await.unwrap();
    for number in ["t-1", "t-2", "t-3"] {
        publish(direct, "default", TASK, &[("zero-task", number)]).await;
    }
    let mut tasks = consumer(child, "default").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(tasks.next().await.unwrap().unwrap());
    }
    held
}

/// Until so many tasks are ready in their queue.
async fn ready(direct: &Amqp, expected: u32) {
    let looked = poll::until("tasks in their queue", LIMIT, async || {
        let ready = depth(direct, "default").await;
        if ready == expected { Ok(()) } else { Err(ready) }
    });
    looked.await.unwrap();
}

async fn acknowledged(vhost: &Vhost, all: bool) {
    let behind = Behind::stock(vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let way = Wire::to(&behind.gateway.address().to_string()).await;
    let child = Amqp::connect(&way.through(&behind.uri())).await.unwrap();
    let held = three_in_hand(&direct, &child).await;
    let options = BasicAckOptions { multiple: true };
    if all {
        child.channel().basic_ack(0, options).await.unwrap();
    } else {
        held[2].ack(options).await.unwrap();
    }
    // One result, of three: two tasks have none when their worker is gone.
    publish(&child, "AbCdE", DONE, &[]).await;
    behind.tells("a result", |told| told.in_hand.len() == 2 && told.counters.done == 3).await;
    drop(way);
    ready(&direct, 2).await;
    assert_eq!(depth(&direct, "AbCdE").await, 1);
}

#[tokio::test]
async fn tasks_that_are_acknowledged_together_are_gone_only_when_their_results_are_there() {
    let Some(vhost) = harness::vhost("several_acks") else { return };
    acknowledged(&vhost, false).await;
}

#[tokio::test]
async fn so_are_all_tasks_that_are_acknowledged_by_the_tag_zero() {
    let Some(vhost) = harness::vhost("all_acks") else { return };
    acknowledged(&vhost, true).await;
}

#[tokio::test]
async fn tasks_that_are_dropped_together_are_each_tried_again() {
    let Some(vhost) = harness::vhost("several_nacks") else { return };
    let behind = Behind::stock(&vhost).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let held = three_in_hand(&direct, &child).await;
    let options = BasicNackOptions { multiple: true, requeue: false };
    held[2].nack(options).await.unwrap();
    behind.tells("three failed tasks", |told| told.counters.retried == 3).await;
    let mut again = consumer(&direct, "default").await;
    let mut seen = Vec::new();
    child.close().await.unwrap();
    for _ in 0..3 {
        let task = again.next().await.unwrap().unwrap();
        assert_eq!(header(&task.properties, "zero-attempt").as_deref(), Some("2"));
        seen.push(header(&task.properties, "zero-task").unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["t-1", "t-2", "t-3"]);
}
