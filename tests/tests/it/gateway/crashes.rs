//! A broker that is restarted or killed at the worst moments, and programs that are.

use amqp_gateway::{Config, QueuePolicy};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Consumer};
use tests::amqp::{Amqp, PALADIN_EXPIRES_MS};
use tests::harness;
use tests::rabbitmq::{PrivateBroker, RabbitConfig};
use tokio::time::timeout;

use super::tags::{DONE, TASK};
use super::{Behind, config_at, depth};
use crate::stand_in::{LIMIT, Reached as _, V07, VERIFIED};
use crate::wire::{Way, Wire};

/// Of twelve transactions: six segments, five joins and the block.
const BLOCK: u64 = 6;
/// Each takes a broker's start.
const ROUNDS: usize = 2;

fn durable(uri: &str) -> Config {
    Config { policy: QueuePolicy::Durable, ..config_at(uri, "/") }
}

fn private(test: &str) -> Option<PrivateBroker> {
    harness::private_broker(test, &RabbitConfig::default())
}

/// A connection as paladin has it: nothing is confirmed to it.
struct Paladin {
    /// Held: it ends with the value.
    _connection: lapin::Connection,
    channel: Channel,
}

async fn paladin(behind: &Behind) -> Paladin {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(&behind.uri(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let paladin = Paladin { _connection: connection, channel };
    for queue in ["default", "AbCdE"] {
        let mut lease = FieldTable::default();
        lease.insert("x-expires".into(), AMQPValue::LongInt(PALADIN_EXPIRES_MS));
        let options = QueueDeclareOptions::default();
        paladin.channel.queue_declare(queue.into(), options, lease).await.unwrap();
    }
    paladin
}

impl Paladin {
    async fn publish(&self, queue: &str, body: &[u8]) {
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let sent = self.channel.basic_publish("".into(), queue.into(), options, body, properties);
        drop(sent.await.unwrap());
    }

    async fn consume(&self, queue: &str) -> Consumer {
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        self.channel.basic_consume(queue.into(), "".into(), options, none).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_outlives_a_broker_that_is_killed_again_and_again() {
    let Some(mut broker) = private("outlives_kills") else { return };
    let uri = broker.amqp_uri("/");
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (Behind::start(durable(&uri)).await, Behind::start(durable(&uri)).await);
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "300"], &work, home.path());
    let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
    for kills in 1..=3 {
        work.tells("a worker amid the proof", |told| {
            told.counters.done >= 2 * kills && told.in_hand.len() == 1
        })
        .await;
        broker.kill().unwrap();
        broker.start().unwrap();
    }
    assert!(leader.ended().await.success(), "{} {:?}", leader.errors(), work.activity());
    let told = [lead.activity(), work.activity()];
    assert!(told.iter().all(|told| told.counters.reconnects >= 3 && told.severed == 0), "{told:?}");
    drop(worker);
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

/// The queues are as new as can be when it happens.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_were_just_handed_in_outlive_a_broker_that_is_killed() {
    let Some(mut broker) = private("killed_at_once") else { return };
    for round in 0..ROUNDS {
        let vhost = format!("round-{round}");
        broker.add_vhost(&vhost).unwrap();
        let uri = broker.amqp_uri(&vhost);
        let config = || Config { policy: QueuePolicy::Durable, ..config_at(&uri, &vhost) };
        let home = tempfile::tempdir().unwrap();
        let lead = Behind::start(config()).await;
        let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
        lead.tells("six tasks", |told| told.counters.published == 6).await;
        broker.kill().unwrap();
        broker.start().unwrap();
        let work = Behind::start(config()).await;
        let worker = V07.worker(0, &["--stand-in-ms-per-txn", "1"], &work, home.path());
        assert!(leader.ended().await.success(), "{} {:?}", leader.errors(), lead.activity());
        drop(worker);
        assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restarted_during_a_drain_gets_the_result_all_the_same() {
    let Some(mut broker) = private("restarted_drain") else { return };
    let uri = broker.amqp_uri("/");
    let (lead, work) = (Behind::start(durable(&uri)).await, Behind::start(durable(&uri)).await);
    let leader = paladin(&lead).await;
    let worker = paladin(&work).await;
    let mut tasks = worker.consume("default").await;
    leader.publish("default", TASK).await;
    let task = tasks.next().await.unwrap().unwrap();
    let drain = work.gateway.drain();
    tokio::pin!(drain);
    let finish = async {
        work.tells("a drain", |told| told.draining).await;
        broker.restart().unwrap();
        work.tells("the broker again", |told| told.counters.reconnects == 1).await;
        worker.publish("AbCdE", DONE).await;
        task.ack(BasicAckOptions::default()).await.unwrap();
    };
    tokio::join!(timeout(LIMIT, &mut drain), finish).0.unwrap();
    let told = work.activity();
    assert_eq!((told.counters.done, told.severed, told.in_hand.len()), (1, 0, 0), "{told:?}");
    let direct = Amqp::connect(&uri).await.unwrap();
    assert_eq!(depth(&direct, "AbCdE").await, 1);
}

/// Its result is with the broker, and the broker's word that it is has not come.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restarted_between_a_result_and_its_confirm_gets_it_once_more_and_shows_it_once() {
    let Some(mut broker) = private("unconfirmed") else { return };
    let uri = broker.amqp_uri("/");
    let way = Wire::to(&broker.access().amqp).await;
    let (lead, work) =
        (Behind::start(durable(&uri)).await, Behind::start(durable(&way.through(&uri))).await);
    let leader = paladin(&lead).await;
    leader.publish("default", TASK).await;
    let worker = paladin(&work).await;
    let mut tasks = worker.consume("default").await;
    let task = tasks.next().await.unwrap().unwrap();
    way.stop(Way::FromServer);
    worker.publish("AbCdE", DONE).await;
    task.ack(BasicAckOptions::default()).await.unwrap();
    let direct = Amqp::connect(&uri).await.unwrap();
    let looked = tests::poll::until("the result to be there", LIMIT, async || {
        let there = depth(&direct, "AbCdE").await;
        if there == 1 { Ok(()) } else { Err(there.to_string()) }
    });
    looked.await.unwrap();
    drop(direct);
    broker.restart().unwrap();
    way.cut();
    work.tells("a task that is done", |told| {
        told.counters.reconnects == 1 && told.in_hand.is_empty() && told.counters.done == 1
    })
    .await;
    let direct = Amqp::connect(&uri).await.unwrap();
    let looked = tests::poll::until("both copies of the result", LIMIT, async || {
        let there = (depth(&direct, "AbCdE").await, depth(&direct, "default").await);
        if there == (2, 0) { Ok(()) } else { Err(format!("{there:?}")) }
    });
    looked.await.unwrap();
    let mut results = leader.consume("AbCdE").await;
    assert_eq!(results.next().await.unwrap().unwrap().data, DONE);
    lead.tells("a twin that is not shown", |told| told.counters.twins == 1).await;
    assert_eq!(work.activity().severed, 0);
}
