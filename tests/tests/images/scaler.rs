//! The scaler's image on a real broker.

use std::time::Duration;

use tests::harness;
use tests::images::Launch;
use tests::poll;
use tests::ports;
use tests::scaler::http_get;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::shape::image;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_keda_and_probes_and_ends_when_it_is_told_to() {
    let vhost = harness::vhost("it_answers_keda_and_probes").unwrap();
    let [grpc, http] = ports::free().unwrap();
    // By name: a program without a C library of its own has to look names up too.
    let by_name = |address: String| address.replace("127.0.0.1", "localhost");
    let mut container = Launch::of(&image("scaler"))
        .args([
            format!("--amqp-uri={}", by_name(vhost.amqp_uri())),
            format!("--management-url={}", by_name(vhost.access().management_url.clone())),
            format!("--grpc-listen=127.0.0.1:{grpc}"),
            format!("--http-listen=127.0.0.1:{http}"),
        ])
        .start()
        .unwrap();
    let ready = poll::until("the scaler to be ready", LIMIT, async || {
        match http_get(&format!("http://127.0.0.1:{http}/readyz")) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}; {}", container.log())),
        }
    });
    ready.await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{grpc}")).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    let serving = poll::until("the service to be well", LIMIT, async || {
        let service = "externalscaler.ExternalScaler".to_owned();
        let answer = health.check(HealthCheckRequest { service }).await;
        match answer.map(|answer| answer.into_inner().status()) {
            Ok(ServingStatus::Serving) => Ok(()),
            other => Err(format!("{other:?}; {}", container.log())),
        }
    });
    serving.await.unwrap();
    drop(health);
    container.terminate().unwrap();
    let status = container.ended(LIMIT).unwrap();
    assert!(status.success(), "{status}: {}", container.log());
}

#[test]
fn it_reaches_a_broker_over_tls_with_the_authorities_in_the_image() {
    let output = Launch::of(&image("scaler"))
        .args([
            "--check",
            "--amqp-uri=amqps://localhost:1/",
            "--management-url=https://localhost:1",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("refused"), "it came as far as the port: {said}");
}
