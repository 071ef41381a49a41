//! A broker that goes away and comes back: the child does not notice, and nothing is lost or doubled.

use amqp_gateway::{Config, QueuePolicy};
use tests::harness::{self, Vhost};
use tests::poll;
use tests::rabbitmq::RabbitConfig;

use super::{Behind, config_at};
use crate::stand_in::{Generation, LIMIT, Program, V06, V07, VERIFIED};
use crate::wire::Wire;

/// A gateway whose way to the broker can be cut.
async fn behind(vhost: &Vhost, policy: QueuePolicy) -> (Behind, Wire) {
    let way = Wire::to(&vhost.access().amqp).await;
    let mut config = config_at(&way.through(&vhost.amqp_uri()), vhost.name());
    config.policy = policy;
    (Behind::start(config).await, way)
}

async fn ends_well(leader: &mut Program, behinds: [&Behind; 2]) {
    let looked = poll::until("the leader to end", LIMIT, async || {
        let told = behinds.map(|behind| behind.gateway.activity().borrow().clone());
        leader.end().ok_or_else(|| format!("{told:?}"))
    });
    assert!(looked.await.unwrap().success(), "{}", leader.errors());
}

async fn outlives_cuts(generation: &Generation) {
    let test = format!("{}_outlives_cuts", generation.name());
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, leads_way) = behind(&vhost, QueuePolicy::Durable).await;
    let (work, works_way) = behind(&vhost, QueuePolicy::Durable).await;
    let worker = generation.worker(0, &["--stand-in-ms-per-txn", "100"], &work, home.path());
    work.tells("an idle worker", |told| !told.consuming.is_empty()).await;
    works_way.cut();
    work.tells("it there again", |told| told.counters.reconnects == 1 && told.connections == 1)
        .await;
    let mut leader = generation.leader(6, &[], &lead, home.path());
    for cuts in 2..=4 {
        let done = work.gateway.activity().borrow().counters.done;
        work.tells("a busy worker", |told| {
            told.in_hand.len() == 1 && told.counters.done > done.min(cuts)
        })
        .await;
        works_way.cut();
        leads_way.cut();
        work.tells("it there again", |told| told.counters.reconnects == cuts).await;
    }
    ends_well(&mut leader, [&lead, &work]).await;
    let told = work.gateway.activity().borrow().clone();
    // Not one task was done twice.
    let published = lead.gateway.activity().borrow().counters.published;
    assert_eq!((told.counters.done, told.counters.failed), (published, 0), "{told:?}");
    drop(worker);
    let words = generation.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn a_v0_7_proof_outlives_connections_that_are_cut() {
    outlives_cuts(&V07).await;
}

#[tokio::test]
async fn a_v0_6_proof_outlives_connections_that_are_cut() {
    outlives_cuts(&V06).await;
}

#[tokio::test]
async fn a_leader_whose_tasks_may_be_gone_is_told_and_does_not_wait_for_ever() {
    let Some(vhost) = harness::vhost("cut_leader") else { return };
    let home = tempfile::tempdir().unwrap();
    let (lead, way) = behind(&vhost, QueuePolicy::AsIs).await;
    let _leader = V07.leader(6, &[], &lead, home.path());
    lead.tells("a leader that waits", |told| {
        !told.awaited.is_empty() && told.counters.published > 0
    })
    .await;
    way.cut();
    let told = lead.tells("a connection cut off", |told| told.severed == 1).await;
    let words = told.trouble.unwrap();
    assert!(words.contains("not durable"), "{words}");
}

#[tokio::test]
async fn a_proof_outlives_a_restart_of_the_broker() {
    let test = "outlives_broker";
    let Some(mut broker) = harness::private_broker(test, &RabbitConfig::default()) else { return };
    let config =
        || Config { policy: QueuePolicy::Durable, ..config_at(&broker.amqp_uri("/"), "/") };
    let home = tempfile::tempdir().unwrap();
    let (lead, work) = (Behind::start(config()).await, Behind::start(config()).await);
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "200"], &work, home.path());
    let mut leader = V07.leader(6, &[], &lead, home.path());
    work.tells("a worker amid the proof", |told| {
        told.counters.done >= 2 && told.in_hand.len() == 1
    })
    .await;
    broker.restart().unwrap();
    ends_well(&mut leader, [&lead, &work]).await;
    drop(worker);
    let words = V07.verified(6, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn a_drain_that_begins_while_there_is_no_broker_loses_nothing() {
    let Some(vhost) = harness::vhost("drained_in_between") else { return };
    let home = tempfile::tempdir().unwrap();
    let wire = Wire::to(&vhost.access().amqp).await;
    let mut config = config_at(&wire.through(&vhost.amqp_uri()), vhost.name());
    config.policy = QueuePolicy::Durable;
    let work = Behind::start(config).await;
    let (lead, _way) = behind(&vhost, QueuePolicy::Durable).await;
    let mut leader = V07.leader(6, &[], &lead, home.path());
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "300"], &work, home.path());
    work.tells("a busy worker", |told| told.in_hand.len() == 1).await;
    wire.hold(true);
    wire.cut();
    work.tells("no broker", |told| told.connections == 0).await;
    let drain = work.gateway.drain();
    tokio::pin!(drain);
    let mend = async {
        work.tells("a drain", |told| told.draining).await;
        wire.hold(false);
    };
    tokio::select! {
        () = &mut drain => panic!("drained without a broker"),
        () = mend => {}
    }
    tokio::time::timeout(LIMIT, drain).await.unwrap();
    let told = work.activity();
    assert_eq!((told.counters.done, told.counters.failed, told.severed), (1, 0, 0), "{told:?}");
    drop(worker);
    let (next, _way) = behind(&vhost, QueuePolicy::Durable).await;
    let other = V07.worker(1, &["--stand-in-ms-per-txn", "10"], &next, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(other);
    assert!(V07.verified(6, home.path()).contains(VERIFIED));
}

/// It may be gone for good, as when a release is uninstalled with its broker.
#[tokio::test]
async fn a_worker_with_nothing_in_hand_drains_without_a_broker() {
    let Some(vhost) = harness::vhost("drained_without_broker") else { return };
    let home = tempfile::tempdir().unwrap();
    for drained_before in [false, true] {
        let (work, way) = behind(&vhost, QueuePolicy::Durable).await;
        let worker = V07.worker(usize::from(drained_before), &[], &work, home.path());
        work.tells("an idle worker", |told| !told.consuming.is_empty()).await;
        if drained_before {
            way.swallow();
        }
        let lose = async {
            if drained_before {
                work.tells("a drain", |told| told.draining).await;
            }
            way.hold(true);
            way.cut();
            work.tells("no broker", |told| told.connections == 0).await;
        };
        let drain = async {
            if drained_before {
                tokio::join!(work.gateway.drain(), lose);
            } else {
                lose.await;
                work.gateway.drain().await;
            }
        };
        tokio::time::timeout(LIMIT, drain).await.unwrap();
        drop(worker);
    }
}
