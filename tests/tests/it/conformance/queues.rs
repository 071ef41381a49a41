//! Conformance 21 to 23: queues and vhosts of every number, name and kind.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::AMQPValue;
use serde_json::{Value, json};
use tests::access::Access;
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::rabbitmq::RabbitConfig;
use tests::scaler::{Launch, RunningScaler};
use tonic::Code;

use super::fixed::{FixedBroker, row};
use super::{LIMIT, NAMESPACE, object_in, reads, stage};
use crate::user::{Rights, User};

/// Conformance 21: 0, 1, 499, 500, 501 and 10 000 matching queues.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_matching_queue_counts_at_0_1_499_500_501_and_10_000() {
    // A broker of its own: deleting so many queues takes longer than declaring them.
    let Some(broker) = harness::private_broker("many_queues", &RabbitConfig::default()) else {
        return;
    };
    let amqp = Amqp::connect(&broker.amqp_uri("/")).await.unwrap();
    let scaler = RunningScaler::on(broker.access(), "/").unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object(NAMESPACE, "workers", &[("queues", "proof-[0-9]+")]);
    let names: Vec<String> = (0..10_000).map(|number| format!("proof-{number}")).collect();
    let mut made = 0;
    for (number, value) in
        [(0, 0.0), (1, 1.0), (499, 499.0), (500, 500.0), (501, 501.0), (10_000, 10_000.0)]
    {
        let new = &names[made..number];
        amqp.many_paladin_queues(new).await.unwrap();
        amqp.publish_to(new.iter().map(String::as_str)).await.unwrap();
        made = number;
        let polled = reads(&keda, &object, value).await;
        assert_eq!(polled.active, number > 0);
    }
    assert_eq!(scaler.status().unwrap()["brokers"][0]["vhosts"][0]["queues"], 10_000);
    the_metrics_port_counts_them_too(broker.access()).await;
}

async fn the_metrics_port_counts_them_too(access: &Access) {
    let launch = Launch::new().broker(access, "/");
    let scaler = launch.args(["--metrics-url", &access.metrics_url]).start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object(NAMESPACE, "by-metrics", &[]);
    let read = poll::until("a reading of the metrics port", LIMIT, async || {
        let source = scaler.status().unwrap()["brokers"][0]["vhosts"][0]["source"].clone();
        if source == "metrics" { Ok(()) } else { Err(source.to_string()) }
    });
    read.await.unwrap();
    reads(&keda, &object, 10_000.0).await;
}

/// Conformance 21: names with unicode, spaces, `%2F` and `+` count like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn queue_names_with_unicode_spaces_percent_and_plus_count() {
    let Some(stage) = stage("odd_queue_names").await else { return };
    let odd =
        ["pröf 証明", "a b", "a%2Fb", "a+b", "a/b", "\"quoted\"", "a\\b", "x".repeat(255).leak()];
    for name in odd {
        stage.fill(name, 1).await;
    }
    stage.reads(&stage.object(&[]), 8.0).await;
    for name in odd {
        let pattern = regex::escape(name);
        stage.reads(&stage.object(&[("queues", &pattern)]), 1.0).await;
    }
}

/// Conformance 22: a missing vhost is an error and no number; `/` and names that need encoding are
/// read like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_missing_vhost_is_an_error_and_odd_vhost_names_are_read() {
    let Some(stage) = stage("odd_vhost_names").await else { return };
    let missing = stage.object(&[("vhost", "no/such%vhost")]);
    let told = poll::until("the missing vhost to be told", LIMIT, async || {
        match stage.keda.is_active(&missing).await {
            Err(status) if status.code() == Code::Unavailable => Ok(status.message().to_owned()),
            other => Err(format!("{other:?}")),
        }
    });
    let words = told.await.unwrap();
    assert!(words.contains("`no/such%vhost`") && words.contains("404"), "{words}");

    let management = stage.vhost.access().management();
    for suffix in ["/a", "%2F", "+ ü"] {
        let name = format!("{}{suffix}", stage.vhost.name());
        management.add_vhost(&name, &stage.vhost.access().user).unwrap();
        let amqp = Amqp::connect(&stage.vhost.access().amqp_uri(&name)).await.unwrap();
        amqp.paladin_queue("proof-1").await.unwrap();
        amqp.publish("proof-1", 3).await.unwrap();
        let object = stage.object(&[("vhost", &name)]);
        stage.reads(&object, 3.0).await;
        management.delete_vhost(&name).unwrap();
    }
    let root = Amqp::connect(&stage.vhost.access().amqp_uri("/")).await.unwrap();
    root.paladin_queue("proof-root").await.unwrap();
    root.publish("proof-root", 2).await.unwrap();
    let unnamed = scaled_object(NAMESPACE, "root", &[("queues", "proof-root")]);
    stage.reads(&unnamed, 2.0).await;
    root.delete("proof-root").await.unwrap();
    stage.reads(&unnamed, 0.0).await;
}

/// Conformance 22: `*` sums over every vhost the user may see, and over no other. The user has the
/// least rights that do.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_star_sums_over_the_vhosts_the_user_may_see() {
    let test = "a_star";
    let Some(one) = harness::vhost(test) else { return };
    let (Some(two), Some(hidden)) = (harness::vhost(test), harness::vhost(test)) else { return };
    let access = one.access();
    let user = User::add(access, one.name(), "star");
    for (vhost, messages) in [(&one, 1), (&two, 2), (&hidden, 4)] {
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        amqp.paladin_queue("proof-1").await.unwrap();
        amqp.publish("proof-1", messages).await.unwrap();
    }
    user.may(one.name(), Rights::NONE);
    user.may(two.name(), Rights::NONE);
    let scaler = RunningScaler::on(&user.access, one.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let all = scaled_object(NAMESPACE, "all", &[("vhost", "*")]);
    reads(&keda, &all, 3.0).await;
    let object = object_in(&hidden, &[]);
    assert_eq!(keda.is_active(&object).await.unwrap_err().code(), Code::Unavailable);
    // A vhost that goes is no trouble of the others', or not for long.
    drop(two);
    let left =
        poll::until("the sum over what is left", Duration::from_secs(8), async || {
            match keda.poll(&all).await {
                Ok(polled) if polled.value.whole == 1 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    left.await.unwrap();
}

/// Conformance 23: auto-delete, durable and quorum queues count; exclusive queues and streams do
/// not, and the explanation says why.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn exclusive_queues_and_streams_do_not_count_and_every_other_kind_does() {
    let Some(stage) = stage("kinds_of_queues").await else { return };
    let plain = QueueDeclareOptions::default();
    let durable = QueueDeclareOptions { durable: true, ..plain };
    let of_type = |kind: &str| [("x-queue-type", AMQPValue::LongString(kind.into()))];
    let amqp = &stage.amqp;
    let auto_delete = QueueDeclareOptions { auto_delete: true, ..plain };
    amqp.queue("auto-delete", auto_delete, &[]).await.unwrap();
    amqp.queue("durable", durable, &[]).await.unwrap();
    amqp.queue("quorum", durable, &of_type("quorum")).await.unwrap();
    amqp.queue("exclusive", QueueDeclareOptions { exclusive: true, ..plain }, &[]).await.unwrap();
    amqp.queue("stream", durable, &of_type("stream")).await.unwrap();
    for (queue, messages) in
        [("auto-delete", 1), ("durable", 2), ("quorum", 4), ("exclusive", 8), ("stream", 16)]
    {
        amqp.publish(queue, messages).await.unwrap();
    }
    let object = stage.object(&[]);
    stage.reads(&object, 7.0).await;
    let told = stage.explain(&object);
    for words in [
        "excluded: 1 because a stream is a log, not a backlog: `stream`",
        "excluded: 1 because it is exclusive to one connection: `exclusive`",
    ] {
        assert!(told.contains(words), "{told}");
    }
}

/// Conformance 23: a queue that is down or without a majority has no count; that is an error, and
/// never 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_queue_that_is_down_or_in_minority_is_an_error_and_never_zero() {
    let good = row("proof-1", &json!(3), &json!(1));
    let with_state = |state: &str, ready: Value| {
        let mut row = row("proof-2", &ready, &Value::Null);
        row["state"] = json!(state);
        row
    };
    let broker = FixedBroker::start(std::slice::from_ref(&good));
    let scaler = broker.launch().start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object(NAMESPACE, "workers", &[]);
    let spared = scaled_object(NAMESPACE, "spared", &[("excludeQueues", "proof-2")]);
    reads(&keda, &object, 4.0).await;
    for sick in [
        with_state("down", Value::Null),
        with_state("minority", json!(0)),
        with_state("crashed", json!(0)),
        with_state("running", Value::Null),
    ] {
        broker.list(&[good.clone(), sick]);
        let told = poll::until("the queue without counts to be told", LIMIT, async || {
            match keda.poll(&object).await {
                Err(status) if status.code() == Code::Unavailable => Ok(status),
                other => Err(format!("{other:?}")),
            }
        });
        assert!(told.await.unwrap().message().contains("`proof-2`"));
        assert_eq!(keda.poll(&spared).await.unwrap().value.whole, 4);
        broker.list(std::slice::from_ref(&good));
        reads(&keda, &object, 4.0).await;
    }
}
