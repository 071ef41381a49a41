//! The driver of the product does as it says, or tests built on it would mean little.

use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::rabbitmq::left_running;
use tests::scaler::RunningScaler;

#[tokio::test]
async fn a_scaler_is_started_asked_as_keda_asks_and_ended() {
    let Some(vhost) = harness::vhost("a_scaler_is_started_asked_as_keda_asks_and_ended") else {
        return;
    };
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    amqp.paladin_queue("task-ipc-routing-key").await.unwrap();
    amqp.publish("task-ipc-routing-key", 3).await.unwrap();
    let held = amqp.hold("task-ipc-routing-key", 1).await.unwrap();
    assert_eq!(held.held(), 1);

    let scaler = RunningScaler::on(vhost.access(), vhost.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object("ns", "workers", &[("vhost", vhost.name())]);
    let polled = keda.poll(&object).await.unwrap();
    assert!(polled.active);
    assert_eq!((polled.value.whole, polled.value.float), (3, 3.0));
    assert_eq!(polled.replicas_since_2_17().to_string(), "3");
    assert_eq!(scaler.status().unwrap()["brokers"][0]["reachable"], true);
    assert_eq!(scaler.get("/nowhere").unwrap().0, 404);

    let home = scaler.home().to_owned();
    assert_eq!(left_running(&home), [scaler.pid()]);
    drop(scaler);
    assert!(left_running(&home).is_empty() && !home.exists());
}

#[test]
fn a_scaler_that_cannot_start_says_why() {
    let Err(error) = RunningScaler::start(["--amqp-uri", "amqp://h"]) else {
        panic!("it started without a management address")
    };
    assert!(format!("{error:#}").contains("no management address"), "{error:#}");
}
