//! An abort reaches every worker it concerns, and none that it does not.

use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use tests::amqp::Amqp;
use tests::harness;

use super::Behind;
use crate::stand_in::{Reached as _, V07, VERIFIED};

const EXCHANGE: &str = "command-ipc-routing-key";
const ABORT_ALL: &[u8] = b"\x00\x0dabort-all-key";

async fn abort(direct: &Amqp, proof: Option<&str>) {
    let mut headers = FieldTable::default();
    if let Some(proof) = proof {
        headers.insert("zero-proof".into(), AMQPValue::LongString(proof.into()));
    }
    let properties = BasicProperties::default().with_headers(headers);
    let options = BasicPublishOptions::default();
    let sent =
        direct.channel().basic_publish(EXCHANGE.into(), "".into(), options, ABORT_ALL, properties);
    sent.await.unwrap().await.unwrap();
}

#[tokio::test]
async fn an_abort_while_they_are_idle_harms_no_worker() {
    let Some(vhost) = harness::vhost("stale_abort") else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (Behind::stock(&vhost).await, Behind::stock(&vhost).await);
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "20"], &work, home.path());
    work.tells("a ready worker", |told| !told.consuming.is_empty()).await;
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    // The worker's private queue comes after its task queue.
    work.tells("a dropped abort", |told| told.connections == 1).await;
    let told = tests::poll::until("a dropped abort", crate::stand_in::LIMIT, async || {
        abort(&direct, None).await;
        let dropped = work.gateway.activity().borrow().counters.aborts_dropped;
        if dropped > 0 { Ok(()) } else { Err("none yet") }
    });
    told.await.unwrap();
    let mut leader = V07.leader(6, &[], &lead, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(worker);
    let words = V07.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn an_abort_reaches_every_busy_worker_of_its_proof_and_no_other() {
    let Some(vhost) = harness::vhost("busy_aborts") else { return };
    let home = tempfile::tempdir().unwrap();
    let lead = Behind::stock(&vhost).await;
    let works = [Behind::stock(&vhost).await, Behind::stock(&vhost).await];
    let workers = [0, 1].map(|number| {
        V07.worker(number, &["--stand-in-hang-txn", "6"], &works[number], home.path())
    });
    let _leader = V07.leader(6, &["--test-only"], &lead, home.path());
    let mut proof = None;
    for work in &works {
        let told = work.tells("a busy worker", |told| {
            told.in_hand.first().is_some_and(|task| task.proof.is_some())
        });
        proof = told.await.in_hand[0].proof.clone();
    }
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    abort(&direct, Some("another")).await;
    for work in &works {
        let told =
            work.tells("an abort that was dropped", |told| told.counters.aborts_dropped == 1);
        assert_eq!(told.await.in_hand.len(), 1);
    }
    abort(&direct, proof.as_deref()).await;
    for work in &works {
        let told = work.tells("an aborted task", |told| told.counters.aborted == 1).await;
        assert!(told.spent && told.counters.failed == 0, "{told:?}");
    }
    drop(workers);
}

/// What a worker declares to hear commands.
async fn listens(child: &Amqp) {
    let exchange = child.channel().exchange_declare(
        EXCHANGE.into(),
        lapin::ExchangeKind::Fanout,
        lapin::options::ExchangeDeclareOptions::default(),
        FieldTable::default(),
    );
    exchange.await.unwrap();
    let none = FieldTable::default;
    let options = lapin::options::QueueDeclareOptions::default();
    let declared = child.channel().queue_declare(EXCHANGE.into(), options, none()).await.unwrap();
    assert_eq!(declared.name().as_str(), EXCHANGE);
    let options = lapin::options::QueueBindOptions::default();
    let bound =
        child.channel().queue_bind(EXCHANGE.into(), EXCHANGE.into(), "".into(), options, none());
    bound.await.unwrap();
}

#[tokio::test]
async fn each_worker_has_a_control_queue_of_its_own_that_goes_with_it() {
    let Some(vhost) = harness::vhost("private_queues") else { return };
    let behind = Behind::stock(&vhost).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    listens(&child).await;
    let mut commands = super::tags::consumer(&child, EXCHANGE).await;
    let path = format!("/api/queues/{}", tests::access::segment(vhost.name()));
    let queues = || vhost.access().management().get(&path).unwrap();
    let listed = queues();
    let [queue] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    assert!(queue["name"].as_str().unwrap().starts_with("zero-abort-"), "{queue}");
    // A word that is no command of paladin's is passed on.
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let sent = direct.channel().basic_publish(
        EXCHANGE.into(),
        "".into(),
        BasicPublishOptions::default(),
        b"hello",
        BasicProperties::default(),
    );
    sent.await.unwrap().await.unwrap();
    assert_eq!(commands.next().await.unwrap().unwrap().data, b"hello");
    drop(commands);
    child.close().await.unwrap();
    let gone = tests::poll::until("no queue", crate::stand_in::LIMIT, async || {
        let listed = queues();
        if listed.as_array().unwrap().is_empty() { Ok(()) } else { Err(listed.to_string()) }
    });
    gone.await.unwrap();
}
