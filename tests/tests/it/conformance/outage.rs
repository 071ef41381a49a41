//! A real broker that is away, killed, frozen and restarted, watched all the while through the eyes of KEDA.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::KedaClient;
use tests::management_double::{Behaviour, ManagementDouble, QUEUES};
use tests::poll;
use tests::rabbitmq::RabbitConfig;
use tests::scaler::{Launch, RunningScaler, Until};
use tokio::task::{JoinSet, block_in_place};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::bench::{ask, check_error};

/// Messages in the broker's one queue. It is durable, as they are: they outlast every restart.
const WORK: f64 = 3.0;
const MAX_AGE: Duration = Duration::from_secs(4);
/// A broker is back within this.
const BACK: Duration = Duration::from_secs(60);

/// Asks without pause until told to stop, on a thread of its own. Whatever the broker does, there is one right
/// number.
fn watching(address: SocketAddr, stop: CancellationToken) -> JoinHandle<(u32, u32)> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(watch(address, stop))
    })
}

async fn watch(address: SocketAddr, stop: CancellationToken) -> (u32, u32) {
    let client = KedaClient::connect(address).await.unwrap();
    let (mut numbers, mut errors) = (0, 0);
    let watched = poll::until("the end of the watch", Duration::from_secs(300), async || {
        match ask(&client, "default").await.answer {
            Ok(value) => {
                assert_eq!(value, WORK, "after {numbers} numbers and {errors} errors");
                numbers += 1;
            }
            Err(status) => {
                check_error("default", &status);
                errors += 1;
            }
        }
        if stop.is_cancelled() { Ok(()) } else { Err("it goes on") }
    });
    watched.await.unwrap();
    (numbers, errors)
}

async fn until_known(client: &KedaClient) {
    poll::until("the number", BACK, async || ask(client, "default").await.answer.map(drop))
        .await
        .unwrap();
}

/// Waits for an error; gives it and how long it took.
async fn until_unknown(client: &KedaClient) -> (Status, Duration) {
    let started = Instant::now();
    let status = poll::until("an error", MAX_AGE * 2, async || {
        ask(client, "default").await.answer.err().ok_or("the number is still told")
    });
    (status.await.unwrap(), started.elapsed())
}

/// Conformance 16: a real broker down at the start, killed, frozen and restarted: errors or the right number,
/// nothing else, and the right number again without a restart of the scaler.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_down_killed_frozen_and_restarted_never_reads_as_no_work() {
    let test = "a_broker_down_killed_frozen_and_restarted_never_reads_as_no_work";
    let Some(mut broker) =
        block_in_place(|| harness::private_broker(test, &RabbitConfig::default()))
    else {
        return;
    };
    let amqp = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    amqp.queue("proof-1", durable, &[]).await.unwrap();
    amqp.publish("proof-1", 3).await.unwrap();
    amqp.close().await.unwrap();
    block_in_place(|| broker.stop()).unwrap();

    let launch = Launch::new().broker(broker.access(), "/").until(Until::Listening);
    let launch = launch.args(["--max-age", "4s", "--read-timeout", "2s"]);
    let scaler = block_in_place(|| launch.start()).unwrap();
    let client = KedaClient::connect(scaler.grpc()).await.unwrap();
    let (down, _) = until_unknown(&client).await;
    assert!(down.message().contains("refused"), "{down:?}");
    let stop = CancellationToken::new();
    let watching = watching(scaler.grpc(), stop.clone());

    block_in_place(|| broker.start()).unwrap();
    until_known(&client).await;

    broker.pause().unwrap();
    let (frozen, after) = until_unknown(&client).await;
    assert!(frozen.message().contains("is 4 s old, the limit is 4 s"), "{frozen:?}");
    assert!(after > MAX_AGE / 2, "a short freeze goes unnoticed: {after:?}");
    broker.resume().unwrap();
    until_known(&client).await;

    block_in_place(|| broker.kill()).unwrap();
    until_unknown(&client).await;
    block_in_place(|| broker.start()).unwrap();
    until_known(&client).await;

    block_in_place(|| broker.restart()).unwrap();
    until_known(&client).await;
    stop.cancel();
    let (numbers, errors) = block_in_place(|| watching.join()).unwrap();
    assert!(numbers > 20 && errors > 20, "{numbers} numbers, {errors} errors");
}

/// Conformance 20: queues created and deleted while the broker is read: the others' sum is right in each answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_that_come_and_go_while_others_are_read_change_no_sum() {
    let test = "queues_that_come_and_go_while_others_are_read_change_no_sum";
    let Some(vhost) = block_in_place(|| harness::vhost(test)) else {
        return;
    };
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let stable: Vec<String> = (0..60).map(|number| format!("proof-{number}")).collect();
    amqp.many_paladin_queues(&stable).await.unwrap();
    amqp.publish_to(stable.iter().map(String::as_str)).await.unwrap();
    let scaler = block_in_place(|| RunningScaler::on(vhost.access(), vhost.name())).unwrap();
    let client = KedaClient::connect(scaler.grpc()).await.unwrap();
    let metadata = [("vhost", vhost.name())];
    let object = tests::keda::scaled_object("ns", "churn", &metadata);
    client.metrics(&object).await.unwrap();
    let stop = CancellationToken::new();
    let mut churning = JoinSet::new();
    churning.spawn(churn(amqp, stop.clone()));
    let started = Instant::now();
    let (mut right, mut unknown) = (0, 0);
    poll::until("five seconds of reading", Duration::from_secs(30), async || {
        match client.metrics(&object).await {
            Ok(value) => {
                assert_eq!(value.float, 60.0, "after {right} right answers");
                right += 1;
            }
            Err(status) => {
                assert!(status.message().contains("no message counts"), "{status:?}");
                unknown += 1;
            }
        }
        if started.elapsed() > Duration::from_secs(5) { Ok(()) } else { Err("not yet") }
    })
    .await
    .unwrap();
    stop.cancel();
    let rounds = churning.join_next().await.unwrap().unwrap();
    assert!(rounds > 20, "only {rounds} rounds of coming and going");
    assert!(unknown * 5 < right, "{unknown} unknown, {right} right");
}

async fn churn(amqp: Amqp, stop: CancellationToken) -> u32 {
    let mut rounds = 0;
    while !stop.is_cancelled() {
        let young: Vec<String> = (0..10).map(|number| format!("young-{rounds}-{number}")).collect();
        amqp.many_paladin_queues(&young).await.unwrap();
        for name in &young {
            amqp.delete(name).await.unwrap();
        }
        rounds += 1;
    }
    rounds
}

/// Conformance 16: a broker that answers everybody else's calls too late still lets KEDA's calls about other
/// brokers pass: one hung broker holds up no other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_broker_holds_up_no_other() {
    let good = tests::management_double::queue_list(&[("proof-1", 4, 3)]);
    let good = Behaviour::good(good);
    let brokers: Vec<ManagementDouble> = (0..6)
        .map(|number| if number == 0 { good.clone() } else { Behaviour::Silent })
        .map(|behaviour| ManagementDouble::of_queues(behaviour).unwrap())
        .collect();
    let mut yaml = String::from("brokers:\n");
    for (number, double) in brokers.iter().enumerate() {
        let at = format!("amqpUri: 'amqp://127.0.0.1:1', managementUrl: '{}'", double.url());
        writeln!(yaml, "  b{number}: {{{at}}}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("brokers.yaml");
    std::fs::write(&config, yaml).unwrap();
    let launch =
        Launch::new().args(["--config", config.to_str().unwrap(), "--read-timeout", "60s"]);
    let scaler = launch.until(Until::Listening).start().unwrap();
    let client = KedaClient::connect(scaler.grpc()).await.unwrap();
    let started = Instant::now();
    let calls = (0..6).map(|number| format!("b{number}"));
    let calls = calls.map(|name| {
        let client = client.clone();
        async move { ask(&client, &name).await.answer.is_ok() }
    });
    let known = futures_util::future::join_all(calls).await;
    assert_eq!(known, [true, false, false, false, false, false]);
    assert!(started.elapsed() < Duration::from_secs(4));
    let reads = brokers[0].requests(QUEUES).len();
    poll::until("the good one to be read on", Duration::from_secs(5), async || {
        if brokers[0].requests(QUEUES).len() > reads + 1 { Ok(()) } else { Err("it is not") }
    })
    .await
    .unwrap();
}
