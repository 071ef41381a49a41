//! Moving messages to another queue, and deleting queues, on a real broker.

use amqp_admin::{Act, End, Success};
use lapin::options::QueueDeclareOptions;
use lapin::types::AMQPValue;
use tests::access::segment;

use super::crowd::{QUEUE, move_to, plan_of};
use super::scene::{Scene, cause};

const SIZE: u64 = 400;
/// Where wanted messages go.
const TARGET: &str = "set-aside";

fn delete(only_unused: bool) -> Act {
    Act::Delete { ready: None, only_unused }
}

#[tokio::test]
async fn moved_messages_arrive_unchanged_and_the_others_stay_in_order() {
    let Some(scene) = Scene::set("moves", SIZE).await else { return };
    scene.amqp.paladin_queue(TARGET).await.unwrap();
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, move_to(TARGET))])).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    assert_eq!(scene.left_in(TARGET).await, scene.crowd.wanted());
    assert_eq!(scene.left().await, scene.crowd.kept());
    assert_eq!(scene.backed_up(), (Vec::new(), true), "nothing was removed");
}

#[tokio::test]
async fn a_move_to_a_queue_that_is_not_there_moves_nothing() {
    let Some(scene) = Scene::set("moves_nowhere", SIZE).await else { return };
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, move_to("nowhere"))])).await;
    let cause = cause(&report, 0);
    assert!(cause.contains("`nowhere`") && cause.contains("there is no such queue"), "{cause}");
    assert_eq!(scene.left().await, scene.crowd.all());
}

#[tokio::test]
async fn a_move_to_a_full_queue_that_refuses_loses_nothing() {
    let Some(scene) = Scene::set("moves_into_full", SIZE).await else { return };
    let limits = [
        ("x-max-length", AMQPValue::LongInt(7)),
        ("x-overflow", AMQPValue::LongString("reject-publish".into())),
    ];
    scene.amqp.queue(TARGET, QueueDeclareOptions::default(), &limits).await.unwrap();
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, move_to(TARGET))])).await;
    let cause = cause(&report, 0);
    assert!(cause.contains("is the queue full"), "{cause}");
    let moved = scene.left_in(TARGET).await;
    assert!(!moved.is_empty() && moved.iter().all(|number| scene.crowd.wanted().contains(number)));
    assert_eq!(scene.left().await, scene.crowd.all(), "those that were moved may be in both");
}

#[tokio::test]
async fn a_queue_with_a_consumer_is_not_deleted_where_that_was_asked() {
    let Some(scene) = Scene::set("delete_in_use", SIZE).await else { return };
    let size = u16::try_from(SIZE).unwrap();
    let worker = scene.amqp.hold(QUEUE, size).await.unwrap();
    let report = scene.carry_out(&plan_of(scene.name(), [(QUEUE, delete(true))])).await;
    let cause = cause(&report, 0);
    assert!(cause.contains(QUEUE) && cause.contains("has a consumer now"), "{cause}");
    worker.close().await.unwrap();
    assert_eq!(scene.left().await, scene.crowd.all());
}

#[tokio::test]
async fn a_deleted_queue_leaves_its_messages_in_the_backup() {
    let Some(scene) = Scene::set("delete", SIZE).await else { return };
    scene.amqp.paladin_queue("empty").await.unwrap();
    let queues = ["empty", QUEUE, "nowhere"];
    let plan = plan_of(scene.name(), queues.map(|queue| (queue, delete(true))));
    let report = scene.carry_out(&plan).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    let ends: Vec<_> = report.outcomes.iter().map(|outcome| outcome.end.clone()).collect();
    let deleted = |messages| End::Deleted { messages };
    assert_eq!(ends, [deleted(0), deleted(SIZE), End::Gone]);
    assert_eq!(scene.backed_up(), (scene.crowd.all(), true));
    let vhost = segment(scene.name());
    let queues = scene.vhost.access().management().get(&format!("/api/queues/{vhost}")).unwrap();
    assert_eq!(queues.as_array().unwrap().len(), 0, "{queues}");
}
