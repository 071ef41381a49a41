//! A task that is to be put aside and cannot be: it is neither lost nor tried in a circle.

use amqp_gateway::Config;
use futures_util::StreamExt as _;
use lapin::Consumer;
use serde_json::json;
use tests::access::segment;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::management::Policy;

use super::tags::{TASK, consumer, publish};
use super::{Behind, config_at, depth};
use crate::stand_in::{LIMIT, Reached as _};
use crate::user::{Rights, User};

const ASIDE: &str = "zero-dead-letter";
/// Everything but that queue.
const NOT_ASIDE: Rights<'_> = Rights {
    configure: "^(?!zero-dead-letter$).*",
    write: "^(?!zero-dead-letter$).*",
    read: "^(?!zero-dead-letter$).*",
};

/// Tasks are put aside when they have failed once.
fn once(uri: &str, vhost: &Vhost) -> Config {
    let mut config = config_at(uri, vhost.name());
    config.attempts = std::num::NonZeroU32::MIN;
    config
}

async fn with_tasks(vhost: &Vhost, tasks: usize) -> Amqp {
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    direct.paladin_queue("default").await.unwrap();
    for number in 0..tasks {
        publish(&direct, "default", TASK, &[("zero-task", &format!("t-{number}"))]).await;
    }
    direct
}

/// A child that has the task in its hands and dies of it, as its owner tells.
async fn dies_of_a_task(behind: &Behind) -> (Amqp, Consumer) {
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    let mut tasks = consumer(&child, "default").await;
    let task = tasks.next().await.unwrap().unwrap();
    task.nack(lapin::options::BasicNackOptions::default()).await.unwrap();
    (child, tasks)
}

#[tokio::test]
async fn without_the_right_to_its_queue_it_is_kept_and_the_right_is_named() {
    let Some(vhost) = harness::vhost("no_right_aside") else { return };
    let direct = with_tasks(&vhost, 1).await;
    let name = format!("aside {}", vhost.name());
    let user = User::add(vhost.access(), &name, "pw");
    user.may(vhost.name(), NOT_ASIDE);
    let uri =
        format!("amqp://{}:pw@{}/{}", segment(&name), vhost.access().amqp, segment(vhost.name()));
    let behind = Behind::start(once(&uri, &vhost)).await;
    let (_child, _tasks) = dies_of_a_task(&behind).await;
    let told = behind.tells("two tries", |told| told.counters.dead_letters_refused == 2).await;
    assert_eq!((told.counters.delivered, told.counters.given_back), (1, 0), "{told:?}");
    assert_eq!(depth(&direct, "default").await, 0, "it is nobody else's yet");
    let words = told.trouble.unwrap();
    let (user_is, vhost_is) = (format!("user '{name}'"), format!("vhost '{}'", vhost.name()));
    for part in
        ["`default`", &user_is, &vhost_is, "grant this user `configure`", "`zero-dead-letter`"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    user.may(vhost.name(), Rights::ALL);
    let told = behind.tells("a dead letter", |told| told.counters.dead_lettered == 1).await;
    assert_eq!((told.counters.delivered, told.counters.given_back), (1, 0), "{told:?}");
    assert_eq!(depth(&direct, ASIDE).await, 1);
}

#[tokio::test]
async fn a_drain_gives_it_back_at_once() {
    let Some(vhost) = harness::vhost("drained_aside") else { return };
    let direct = with_tasks(&vhost, 1).await;
    let full = json!({"max-length": 0, "overflow": "reject-publish"});
    let policy = Policy { name: "full", pattern: "^zero-dead-letter$", definition: full };
    vhost.access().management().set_policy(vhost.name(), &policy).unwrap();
    let behind = Behind::start(once(&vhost.amqp_uri(), &vhost)).await;
    let (_child, _tasks) = dies_of_a_task(&behind).await;
    let told = behind.tells("a full queue", |told| told.counters.dead_letters_refused > 0).await;
    assert!(told.trouble.unwrap().contains("takes no more"));
    tokio::time::timeout(LIMIT, behind.gateway.drain()).await.unwrap();
    let told = behind.activity();
    assert_eq!((told.counters.given_back, told.counters.dead_lettered), (1, 0), "{told:?}");
    assert_eq!(depth(&direct, "default").await, 1);
}

#[tokio::test]
async fn its_queue_is_made_again_when_somebody_has_removed_it() {
    let Some(vhost) = harness::vhost("gone_aside") else { return };
    let direct = with_tasks(&vhost, 2).await;
    let behind = Behind::start(once(&vhost.amqp_uri(), &vhost)).await;
    let (_child, mut tasks) = dies_of_a_task(&behind).await;
    behind.tells("a dead letter", |told| told.counters.dead_lettered == 1).await;
    direct.delete(ASIDE).await.unwrap();
    let task = tasks.next().await.unwrap().unwrap();
    task.nack(lapin::options::BasicNackOptions::default()).await.unwrap();
    let told = behind.tells("another", |told| told.counters.dead_lettered == 2).await;
    assert_eq!((told.counters.dead_letters_refused, told.counters.given_back), (1, 0), "{told:?}");
    assert_eq!(depth(&direct, ASIDE).await, 1);
}
