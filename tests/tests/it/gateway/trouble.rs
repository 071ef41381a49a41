//! Who does not read: memory stays bounded, others go on, and the end still comes.

use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicPublishOptions};
use rustix::process::Signal;
use tests::amqp::Amqp;
use tests::harness;
use tests::rabbitmq::{PrivateBroker, RabbitConfig};
use tokio::time::timeout;

use super::tags::{TASK, consumer, publish};
use super::{Behind, config_at, depth};
use crate::host::Host;
use crate::stand_in::Reached as _;
use crate::wire::{Way, Wire};

/// Far more than all buffers between a broker and a child together.
const MESSAGES: usize = 96;
const MESSAGE: usize = 1 << 20;
/// A `zero-worker` without any load has 20 MB at the most; what it may add is a small part of
/// [`MESSAGES`].
const MOST_KB: u64 = 40 << 10;

/// A `zero-worker` whose worker is whoever reads where its broker is.
pub(super) struct Open {
    pub(super) host: Host,
    pub(super) uri: String,
}

impl Open {
    pub(super) async fn start(uri: &str, options: &[&str], home: &Path) -> Self {
        let options = [&["--listen", "127.0.0.1:0"], options].concat();
        let script = "echo \"its broker is at $AMQP_URI.\"; exec sleep 3600";
        let host = Host::start("open", uri, &options, &["sh", "-c", script], home);
        let uri = host.word_between("its broker is at ", ".\n").await;
        Self { host, uri }
    }

    /// The most memory that it has used so far.
    pub(super) fn most_memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.host.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

async fn fill(direct: &Amqp, queue: &str, messages: usize) {
    direct.paladin_queue(queue).await.unwrap();
    let body = vec![7; MESSAGE];
    for _ in 0..messages {
        publish(direct, queue, &body, &[]).await;
    }
}

/// A broker that wants to hear something each second, and says something as often.
fn impatient(test: &str) -> Option<PrivateBroker> {
    let extra_conf = "heartbeat = 1".to_owned();
    harness::private_broker(test, &RabbitConfig { extra_conf, ..RabbitConfig::default() })
}

/// Publishes and consumes some messages.
async fn goes_on(uri: &str, queue: &str) {
    let amqp = Amqp::connect(uri).await.unwrap();
    amqp.paladin_queue(queue).await.unwrap();
    let mut consumer = consumer(&amqp, queue).await;
    for _ in 0..20 {
        publish(&amqp, queue, &[7; 10_000], &[]).await;
        let got = consumer.next().await.unwrap().unwrap();
        got.ack(BasicAckOptions::default()).await.unwrap();
    }
    amqp.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_never_reads_costs_little_and_holds_up_neither_others_nor_the_end() {
    let Some(vhost) = harness::vhost("child_never_reads") else { return };
    let home = tempfile::tempdir().unwrap();
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    fill(&direct, "results", MESSAGES).await;
    let options = ["--drain-timeout", "500ms", "--kill-after", "100ms"];
    let mut open = Open::start(&vhost.amqp_uri(), &options, home.path()).await;
    let at = open.uri.trim_start_matches("amqp://").trim_end_matches('/').to_owned();
    let way = Wire::to(&at).await;
    let child = Amqp::connect(&way.through(&open.uri)).await.unwrap();
    child.paladin_queue("default").await.unwrap();
    let _tasks = consumer(&child, "default").await;
    way.stop(Way::FromServer);
    publish(&direct, "default", TASK, &[]).await;
    open.host.measures("zero_worker_deliveries_total 1.0").await;
    // The answer never comes.
    let _ = timeout(Duration::from_millis(1), consumer(&child, "results")).await;
    open.host.tells_of_bytes_from("broker", 1 << 20).await;
    goes_on(&open.uri, "another").await;
    open.host.signal(Signal::TERM);
    open.host.says("--drain-timeout is over").await;
    let most = open.most_memory_kb();
    assert!(most < MOST_KB, "{most} kB");
    assert_eq!(open.host.ended().await, Some(3), "{}", open.host.log());
    let left = (depth(&direct, "default").await, depth(&direct, "results").await);
    assert_eq!(left, (1, u32::try_from(MESSAGES).unwrap()));
}

/// Nobody reads from a broker for a child that does not read; the broker is not to blame.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_not_called_silent_while_it_is_the_child_that_does_not_read() {
    let Some(broker) = impatient("not_silent") else { return };
    let uri = broker.amqp_uri("/");
    let direct = Amqp::connect(&uri).await.unwrap();
    fill(&direct, "AbCdE", MESSAGES).await;
    let stuck = Behind::start(config_at(&uri, "/")).await;
    let way = Wire::to(&stuck.gateway.address().to_string()).await;
    let child = Amqp::connect(&way.through(&stuck.uri())).await.unwrap();
    way.stop(Way::FromServer);
    let _ = timeout(Duration::from_millis(1), consumer(&child, "AbCdE")).await;
    // Others, whose broker really is silent, tell when it would be noticed.
    for _ in 1..=2 {
        let silent = Wire::to(&broker.access().amqp).await;
        let clock = Behind::start(config_at(&silent.through(&uri), "/")).await;
        let _other = Amqp::connect(&clock.uri()).await.unwrap();
        silent.swallow();
        let told = clock.tells("a silent broker", |told| told.severed == 1).await;
        let why = told.trouble.unwrap();
        assert!(why.contains("nothing came within 2s"), "{why}");
    }
    let told = stuck.activity();
    assert_eq!((told.connections, told.counters.reconnects, told.severed), (1, 0, 0), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_never_reads_costs_little_and_is_left_for_a_stated_reason() {
    let test = "broker_never_reads";
    let config = RabbitConfig { extra_conf: "heartbeat = 1".to_owned(), ..RabbitConfig::default() };
    let Some(broker) = harness::private_broker(test, &config) else { return };
    let home = tempfile::tempdir().unwrap();
    let way = Wire::to(&broker.access().amqp).await;
    let uri = way.through(&broker.amqp_uri("/"));
    let mut open = Open::start(&uri, &["--drain-timeout", "500ms"], home.path()).await;
    let child = Amqp::connect(&open.uri).await.unwrap();
    child.paladin_queue("results").await.unwrap();
    way.stop(Way::ToServer);
    let body = vec![7; MESSAGE];
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    for _ in 0..MESSAGES {
        let sent = child.channel().basic_publish(
            "".into(),
            "results".into(),
            options,
            &body,
            properties.clone(),
        );
        drop(sent.await);
    }
    open.host.says("the connection to the broker was lost").await;
    let most = open.most_memory_kb();
    assert!(most < MOST_KB, "{most} kB");
    open.host.signal(Signal::TERM);
    assert_eq!(open.host.ended().await, Some(0), "{}", open.host.log());
}
