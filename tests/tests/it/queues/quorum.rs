//! A quorum queue counts how often a message was given back, so there what stays is published anew.

use std::sync::atomic::AtomicBool;

use amqp_admin::{
    Act, End, PutBack, QueueName, SiftCause, Success, Wanted, look, presence, restore,
};
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::{AMQPValue, FieldTable};
use tests::amqp::Amqp;
use tests::harness;

use super::crowd::{Crowd, QUEUE, new_backup, plan, plan_of};
use super::scene::Scene;

/// A scene whose queue is a quorum queue.
async fn scene(test: &str, size: u64) -> Option<Scene> {
    let mut scene = Scene::empty(test, 0).await?;
    scene.crowd = Crowd::new(8, size, true);
    let quorum = [("x-queue-type", AMQPValue::LongString("quorum".into()))];
    scene.crowd.enter_into(QUEUE, &quorum, &scene.amqp).await;
    Some(scene)
}

/// A way to give back what was taken.
#[derive(Debug, Clone, Copy)]
enum Way {
    Reject,
    Nack,
    Close,
}

/// Takes everything and gives it back; what the broker told before of how often it was given back.
async fn give_back_by(way: Way, amqp: &Amqp) -> Vec<Option<i64>> {
    let channel = amqp.new_channel().await.unwrap();
    let (get, mut counts, mut tags) = (BasicGetOptions::default(), Vec::new(), Vec::new());
    while let Some(got) = channel.basic_get(QUEUE.into(), get).await.unwrap() {
        let headers = got.delivery.properties.headers().clone().unwrap_or_default();
        let count = headers.inner().get("x-delivery-count").cloned();
        counts.push(count.and_then(|count| count.as_long_long_int()));
        tags.push(got.delivery.delivery_tag);
    }
    let all = BasicNackOptions { multiple: true, requeue: true };
    match way {
        Way::Reject => {
            for tag in tags {
                channel.basic_reject(tag, BasicRejectOptions { requeue: true }).await.unwrap();
            }
        }
        Way::Nack => channel.basic_nack(0, all).await.unwrap(),
        Way::Close => {}
    }
    channel.close(200, "done".into()).await.unwrap();
    counts
}

/// The same so many times, in a way that every broker counts; what it told last.
async fn give_back(amqp: &Amqp, times: usize) -> Vec<Option<i64>> {
    let mut counts = Vec::new();
    for _ in 0..times {
        counts = give_back_by(Way::Reject, amqp).await;
    }
    counts
}

/// Whether each of them was never given back; 3.10 says that with a zero, others with no word.
fn are_new(counts: &[Option<i64>]) -> bool {
    !counts.is_empty() && counts.iter().all(|count| matches!(count, None | Some(0)))
}

/// Empties the queue as a worker does: it hears of a count only where there is one.
async fn consumed(scene: &Scene, messages: usize) -> Vec<u64> {
    let channel = scene.amqp.new_channel().await.unwrap();
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consume = channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default());
    let deliveries = consume.await.unwrap().take(messages).map(|delivery| {
        let delivery = delivery.unwrap();
        scene.crowd.known(&delivery.data, &delivery.properties)
    });
    deliveries.collect().await
}

#[tokio::test]
async fn what_stays_in_a_quorum_queue_stays_in_order() {
    let Some(scene) = scene("quorum_order", 700).await else { return };
    let report = scene.carry_out(&plan(scene.name(), true)).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    assert_eq!(scene.backed_up(), (scene.crowd.wanted(), true));
    let kept = scene.crowd.kept();
    assert_eq!(scene.ready().await, kept.len() as u64);
    assert_eq!(consumed(&scene, kept.len()).await, kept);
}

#[tokio::test]
async fn a_deleted_quorum_queue_leaves_each_message_in_the_backup_once() {
    let Some(scene) = scene("quorum_delete", 700).await else { return };
    let act = Act::Delete { ready: None, only_unused: true };
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, act)])).await;
    assert_eq!(report.outcomes[0].end, End::Deleted { messages: 700 }, "{report:?}");
    assert_eq!(scene.backed_up(), (scene.crowd.all(), true));
}

/// So few messages come back in order; of more a RabbitMQ 3.10 makes a muddle.
#[tokio::test]
async fn what_stays_in_a_quorum_queue_is_counted_anew() {
    let Some(scene) = scene("quorum_count", 30).await else { return };
    let counts = give_back(&scene.amqp, 3).await;
    assert!(counts.iter().all(|count| *count == Some(2)), "{counts:?}");

    let report = scene.carry_out(&plan(scene.name(), true)).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    assert_eq!(scene.backed_up(), (scene.crowd.wanted(), true), "the count is not in the backup");
    // A worker hears of no count: nothing was given back yet.
    let kept = scene.crowd.kept();
    assert_eq!(consumed(&scene, kept.len()).await, kept);
}

/// Looking gives back too, and may do so only as often as the queue bears it.
#[tokio::test]
async fn a_look_at_a_quorum_queue_ends_before_its_limit() {
    let Some(scene) = scene("quorum_limit", 5).await else { return };
    give_back(&scene.amqp, 8).await;
    let mut connection = scene.connection().await;
    let queue = QueueName::new(QUEUE).unwrap();
    let depth = connection.touch(&queue).await.unwrap().unwrap();
    let failure = look(&connection, &queue, depth.ready, None, |_| ()).await.unwrap_err();
    assert!(matches!(failure.source, SiftCause::NearDeliveryLimit(8)), "{failure:?}");
    connection.close().await;

    let report = scene.carry_out(&plan(scene.name(), true)).await;
    assert_eq!(report.success(), Success::All, "a removal helps: {report:?}");
    let counts = give_back(&scene.amqp, 1).await;
    assert!(are_new(&counts), "{counts:?}");
}

/// Why looking is counted, though RabbitMQ 4.3 no longer counts what a `basic.nack` gave back.
#[tokio::test]
async fn closing_and_rejecting_count_everywhere_and_a_nack_before_4_3() {
    let Some(scene) = scene("quorum_ways", 3).await else { return };
    let nacks = i64::from(harness::series().counts_nacks());
    let mut expected = 0;
    for (way, counted) in [(Way::Reject, 1), (Way::Close, 1), (Way::Nack, nacks), (Way::Close, 1)] {
        let counts = give_back_by(way, &scene.amqp).await;
        let same = counts.iter().all(|count| count.unwrap_or(0) == expected);
        assert!(same && counts.len() == 3, "before {way:?}: {counts:?} instead of {expected}");
        expected += counted;
    }
}

/// Why there is a limit for looking.
#[tokio::test]
async fn a_message_given_back_too_often_is_gone_where_a_limit_is_the_default() {
    let Some(scene) = scene("quorum_gone", 2).await else { return };
    let limit = harness::series().delivery_limit().unwrap_or(30);
    let told = give_back(&scene.amqp, limit).await;
    assert_eq!(told.len(), 2, "gone too early");
    let told = give_back(&scene.amqp, 1).await;
    assert!(told.iter().all(|count| *count == i64::try_from(limit).ok()), "{told:?}");
    let left = if harness::series().delivery_limit().is_some() { 0 } else { 2 };
    assert_eq!(scene.ready().await, left);
}

/// The broker tells that it was taken before; that makes no other message of it.
#[tokio::test]
async fn a_message_without_headers_is_known_again_after_a_look() {
    let Some(scene) = scene("quorum_bare", 0).await else { return };
    scene.amqp.publish(QUEUE, 1).await.unwrap();
    let (backup, stop, queue) =
        (new_backup(&scene.folder), AtomicBool::new(false), QueueName::new(QUEUE).unwrap());
    let wanted = Wanted::Everything;
    let remove = Act::Remove { wanted, messages: None, ready: None, quorum: true };
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, remove)])).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    for (restored, present) in [(1, 0), (0, 1), (0, 1)] {
        let mut connection = scene.connection().await;
        let there = presence(&mut connection, &queue, &stop).await.unwrap().unwrap();
        let done = restore(&connection, &backup, None, [(queue.clone(), there)].into(), &stop);
        let done = done.await.unwrap();
        connection.close().await;
        assert_eq!(done.queues, [(queue.clone(), PutBack { restored, present })].into());
    }
}

/// What is in the queue is known again, though the broker has counted a look at it meanwhile.
#[tokio::test]
async fn a_backup_restored_again_into_a_quorum_queue_doubles_nothing() {
    let Some(scene) = scene("quorum_restore", 30).await else { return };
    let report = scene.carry_out(&plan(scene.name(), true)).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    let (backup, stop) = (new_backup(&scene.folder), AtomicBool::new(false));
    let (queue, wanted) = (QueueName::new(QUEUE).unwrap(), scene.crowd.wanted().len() as u64);
    for (restored, present) in [(wanted, 0), (0, wanted), (0, wanted)] {
        let mut connection = scene.connection().await;
        let there = presence(&mut connection, &queue, &stop).await.unwrap().unwrap();
        let there = [(queue.clone(), there)].into();
        let done = restore(&connection, &backup, None, there, &stop).await.unwrap();
        connection.close().await;
        assert_eq!(done.queues, [(queue.clone(), PutBack { restored, present })].into());
    }
    assert_eq!(scene.ready().await, 30);
}
