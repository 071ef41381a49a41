//! Conformance 9: several replicas of the scaler.

use tests::amqp::Amqp;
use tests::harness;
use tests::keda::KedaClient;
use tests::poll;
use tests::scaler::RunningScaler;
use tonic::transport::{Channel, Endpoint};

use super::{LIMIT, object_in, reads};

/// Conformance 9: two replicas behind `round_robin`: alternate calls agree within one snapshot
/// interval.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_replicas_behind_round_robin_agree_within_one_snapshot_interval() {
    let Some(vhost) = harness::vhost("two_replicas") else { return };
    let scalers = [(); 2].map(|()| RunningScaler::on(vhost.access(), vhost.name()).unwrap());
    let endpoints = scalers
        .iter()
        .map(|scaler| Endpoint::from_shared(format!("http://{}", scaler.grpc())).unwrap());
    let both = KedaClient::over(Channel::balance_list(endpoints));
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    amqp.paladin_queue("task-ipc-routing-key").await.unwrap();
    let object = object_in(&vhost, &[("target", "2")]);

    for messages in [0, 6] {
        amqp.publish("task-ipc-routing-key", messages).await.unwrap();
        let value = if messages == 0 { 0.0 } else { 6.0 };
        for scaler in &scalers {
            let one = KedaClient::connect(scaler.grpc()).await.unwrap();
            reads(&one, &object, value).await;
        }
        // From here on it does not matter which replica takes which call.
        for _ in 0..10 {
            let polled = both.poll(&object).await.unwrap();
            assert_eq!((polled.value.float, polled.active), (value, value > 0.0));
        }
    }
    let asked = poll::until("both replicas to have been asked", LIMIT, async || {
        both.poll(&object).await.unwrap();
        let seen = scalers.iter().map(|scaler| scaler.status().unwrap()["triggers"].to_string());
        if seen.clone().all(|seen| seen.contains("\"workers\"")) { Ok(()) } else { Err("not yet") }
    });
    asked.await.unwrap();
}
