//! The rules of a selective removal on a real broker: what it does when it is not alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amqp_admin::{Applier, End, Progress, QueueName, Sifted, Success};
use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use serde_json::json;
use tests::access::segment;
use tests::amqp::Amqp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::crowd::{QUEUE, apply, carry_out, endpoint, new_backup, plan, plan_of, remove};
use super::scene::{Scene, bodies, cause};
use crate::user::{Rights, User};

/// Messages of most scenes.
const SIZE: u64 = 60;

impl Scene {
    /// One more wanted message, at the queue's end.
    fn publish_late(&self) {
        let path = format!("/api/exchanges/{}/amq.default/publish", segment(self.name()));
        let message = json!({
            "properties": {"headers": {"zero-proof": "tip-1"}},
            "routing_key": QUEUE, "payload": "late", "payload_encoding": "string",
        });
        let routed = self.vhost.access().management().post(&path, &message).unwrap();
        assert_eq!(routed["routed"], true);
    }

    fn delete_queue(&self) {
        let path = format!("/api/queues/{}/{QUEUE}", segment(self.name()));
        self.vhost.access().management().delete(&path).unwrap();
    }
}

fn sifted(end: &End) -> Sifted {
    let End::Sifted(sifted) = end else { panic!("it was not sifted: {end:?}") };
    *sifted
}

#[tokio::test]
async fn a_queue_that_grows_is_sifted_no_further_than_its_end_at_the_start() {
    let Some(scene) = Scene::set("grows", SIZE).await else { return };
    let report = scene.watch(&plan(scene.name(), false), |_| scene.publish_late()).await;
    let sifted = sifted(&report.outcomes[0].end);
    assert_eq!((sifted.counted, sifted.seen), (SIZE, SIZE), "{report:?}");
    assert_eq!(scene.backed_up(), (scene.crowd.wanted(), true));
    let left = bodies(&scene.amqp, QUEUE).await;
    let (kept, late) = left.split_at(scene.crowd.kept().len());
    assert!(kept.iter().eq(scene.crowd.kept().iter().map(|number| scene.crowd.body(*number))));
    assert!(late.len() as u64 == SIZE && late.iter().all(|body| body == b"late"), "{late:?}");
}

#[tokio::test]
async fn a_second_sift_of_a_queue_is_refused() {
    let Some(scene) = Scene::set("locked", SIZE).await else { return };
    let mut other = scene.connection().await;
    let lock = QueueName::new(&format!("zero-lock.{QUEUE}")).unwrap();
    assert!(other.reserve(&lock).await.unwrap());
    let report = scene.carry_out(&plan(scene.name(), false)).await;
    let cause = cause(&report, 0);
    assert!(cause.contains(&format!("another sift is at work on `{QUEUE}`")), "{cause}");
    assert_eq!(report.success(), Success::None);

    other.close().await;
    let again = scene.folder.path().join("again.zero");
    let report = carry_out(&plan(scene.name(), false), &scene.endpoint(), &again).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    assert_eq!(scene.left().await, scene.crowd.kept());
    assert_eq!(scene.crowd.in_backup(&again), (scene.crowd.wanted(), true));
}

#[tokio::test]
async fn a_user_who_may_configure_nothing_is_told_that_nothing_was_locked() {
    let Some(scene) = Scene::set("no_lock", SIZE).await else { return };
    let user = User::add(scene.vhost.access(), scene.name(), "secret");
    user.may(scene.name(), Rights { configure: &format!("^{QUEUE}$"), ..Rights::ALL });
    let endpoint = endpoint(&user.access, &user.access.amqp, scene.name());
    let backup = new_backup(&scene.folder);
    let report = carry_out(&plan(scene.name(), false), &endpoint, &backup).await;
    assert_eq!(report.success(), Success::All, "{report:?}");
    let remark = report.outcomes[0].remark.as_deref().unwrap();
    assert!(remark.contains("not locked against a second sift"), "{remark}");
    assert_eq!(scene.left().await, scene.crowd.kept());
    assert_eq!(scene.backed_up(), (scene.crowd.wanted(), true));
}

#[tokio::test]
async fn a_queue_that_a_user_may_not_read_does_not_keep_the_next_from_being_sifted() {
    let Some(scene) = Scene::empty("half_denied", SIZE).await else { return };
    for queue in ["denied", "allowed"] {
        scene.crowd.enter_into(queue, &[], &scene.amqp).await;
    }
    let user = User::add(scene.vhost.access(), scene.name(), "secret");
    user.may(scene.name(), Rights { read: "^allowed$", ..Rights::ALL });
    let endpoint = endpoint(&user.access, &user.access.amqp, scene.name());
    let plan = plan_of(scene.name(), ["denied", "allowed"].map(|queue| (queue, remove(false))));
    let report = carry_out(&plan, &endpoint, &new_backup(&scene.folder)).await;
    assert_eq!(report.success(), Success::Partial, "{report:?}");
    let cause = cause(&report, 0);
    assert!(cause.contains("`denied`") && cause.contains("ACCESS_REFUSED"), "{cause}");
    assert_eq!(sifted(&report.outcomes[1].end).wanted, scene.crowd.wanted().len() as u64);
    assert_eq!(scene.left_in("denied").await, scene.crowd.all());
    assert_eq!(scene.left_in("allowed").await, scene.crowd.kept());
    assert_eq!(scene.backed_up(), (scene.crowd.wanted(), false));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_gone() {
    let Some(scene) = Scene::set("not_there", SIZE).await else { return };
    let plan = plan_of(scene.name(), ["nowhere", QUEUE].map(|queue| (queue, remove(false))));
    let report = scene.carry_out(&plan).await;
    assert_eq!(report.outcomes[0].end, End::Gone);
    assert_eq!(report.success(), Success::All, "{report:?}");
    assert_eq!(scene.left().await, scene.crowd.kept());
}

#[tokio::test]
async fn a_queue_that_vanishes_half_way_is_a_failure_with_its_cause() {
    let Some(scene) = Scene::set("vanishes", SIZE).await else { return };
    scene.crowd.enter_into("other", &[], &scene.amqp).await;
    let plan = plan_of(scene.name(), [QUEUE, "other"].map(|queue| (queue, remove(false))));
    let half = SIZE / 2;
    let report = scene.watch(&plan, |told| {
        if told.step == 0 && told.sifted.seen == half {
            scene.delete_queue();
        }
    });
    let report = report.await;
    let cause = cause(&report, 0);
    assert!(cause.contains(QUEUE) && cause.contains("NOT_FOUND"), "{cause}");
    let End::Failed { so_far: Some(so_far), .. } = &report.outcomes[0].end else { panic!() };
    assert_eq!(so_far.seen, half);
    assert_eq!(report.success(), Success::Partial);
    assert_eq!(scene.left_in("other").await, scene.crowd.kept());
}

/// What is taken and finished by a worker, until it is told to end.
async fn work(uri: String, at_work: watch::Sender<usize>) -> Vec<u64> {
    let amqp = Amqp::connect(&uri).await.unwrap();
    let channel = amqp.channel();
    channel.basic_qos(1, BasicQosOptions::default()).await.unwrap();
    let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
    let consume = channel.basic_consume(QUEUE.into(), "".into(), options, none);
    let (mut consumer, mut done) = (consume.await.unwrap(), Vec::new());
    let ended = at_work.clone();
    loop {
        let delivery = tokio::select! {
            () = ended.closed() => break,
            delivery = consumer.next() => delivery.unwrap().unwrap(),
        };
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        done.push(u64::from_be_bytes(delivery.data[..8].try_into().unwrap()));
        at_work.send_replace(done.len());
    }
    amqp.close().await.unwrap();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_at_the_same_queue_and_a_sift_lose_nothing_between_them() {
    let Some(scene) = Scene::set("with_a_worker", 3000).await else { return };
    let (sender, mut finished) = watch::channel(0);
    let mut worker = JoinSet::new();
    worker.spawn(work(scene.vhost.amqp_uri(), sender));
    finished.wait_for(|finished| *finished > 5).await.unwrap();
    let before = *finished.borrow();
    let report = scene.carry_out(&plan(scene.name(), false)).await;
    let during = *finished.borrow() - before;
    drop(finished);
    let finished = worker.join_next().await.unwrap().unwrap();
    assert_eq!(report.success(), Success::All, "{report:?}");
    let (backup, closed) = scene.backed_up();
    assert!(closed && during > 0 && !backup.is_empty(), "{during}, {}", backup.len());
    let left = scene.left().await;
    assert!(left.is_sorted(), "{left:?}");
    let mut all = [finished, backup, left].concat();
    all.sort_unstable();
    assert_eq!(all, scene.crowd.all(), "each in one place, and in one only");
}

#[tokio::test]
async fn a_sift_that_is_stopped_has_finished_what_it_began() {
    let Some(scene) = Scene::set("stopped", SIZE).await else { return };
    let seen = SIZE / 3;
    let stop = AtomicBool::new(false);
    let endpoint = scene.endpoint();
    let timeout = Duration::from_secs(10);
    let applier = Applier { endpoint: &endpoint, timeout, rate: None, stop: &stop };
    let plan = plan_of(scene.name(), [QUEUE, "never"].map(|queue| (queue, remove(false))));
    let backup = new_backup(&scene.folder);
    let told = |told: Progress<'_>| stop.store(told.sifted.seen == seen, Ordering::Relaxed);
    let report = apply(&applier, &plan, &backup, told).await;
    let sifted = sifted(&report.outcomes[0].end);
    assert!(sifted.stopped && sifted.seen == seen, "{sifted:?}");
    assert_eq!(report.outcomes[1].end, End::NotStarted);
    assert_eq!(report.success(), Success::Partial);
    let (removed, rest): (Vec<u64>, Vec<u64>) =
        scene.crowd.wanted().into_iter().partition(|number| *number < seen);
    assert!(!removed.is_empty() && !rest.is_empty());
    assert_eq!(scene.backed_up(), (removed.clone(), true));
    let mut stays = scene.crowd.all();
    stays.retain(|number| !removed.contains(number));
    assert_eq!(scene.left().await, stays);
}
