//! What operators see: health, reflection, metrics, logs.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream;
use tests::keda::scaled_object;
use tests::management_double::{Behaviour, QUEUES};
use tests::poll;
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::{v1, v1alpha};

use super::bench::{ANSWER_WITHIN, Bench, GOOD, PASSWORD, good};
use super::wire::SERVICE;

const BROKER: &str = "one";

async fn bench(behaviour: Behaviour, args: &[&str]) -> Bench {
    Bench::start(vec![(BROKER, behaviour)], None, args).await
}

async fn health(bench: &Bench) -> HealthClient<tonic::transport::Channel> {
    HealthClient::new(bench.channel().await)
}

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// Conformance 38: grpc.health.v1 Check and Watch for "" and the service; an unknown service is `NOT_FOUND`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_checked_and_watched_by_its_standard_protocol() {
    let bench = bench(Behaviour::Silent, &["--max-age", "60s"]).await;
    let mut health = health(&bench).await;
    let whole = health.check(of("")).await.unwrap().into_inner().status();
    assert_eq!(whole, ServingStatus::Serving, "the process is well whatever its broker does");
    let mut watch = health.watch(of(SERVICE)).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    bench.all(&good());
    let next = timeout(Duration::from_secs(10), watch.message()).await.unwrap();
    assert_eq!(next.unwrap().unwrap().status(), ServingStatus::Serving);
    let service = health.check(of(SERVICE)).await.unwrap().into_inner().status();
    assert_eq!(service, ServingStatus::Serving);
    for unknown in ["externalscaler", "externalscaler.externalscaler", "grpc.health.v2.Health"] {
        let status = health.check(of(unknown)).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{unknown}");
    }
}

/// Conformance 38: liveness does not depend on the broker; readiness does until the first read, and then rather
/// lets calls fail with the reason, so that KEDA's fallback counts them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn liveness_depends_on_no_broker_and_readiness_only_for_a_while() {
    let bench = bench(Behaviour::refusal(500), &[]).await;
    assert_eq!(bench.scaler.get("/livez").unwrap().0, 200);
    assert_eq!(bench.scaler.get("/readyz").unwrap().0, 503);
    let mut health = health(&bench).await;
    poll::until("readiness after the age limit", Duration::from_secs(10), async || {
        let status = health.check(of(SERVICE)).await.unwrap().into_inner().status();
        let (code, words) = bench.scaler.get("/readyz").unwrap();
        if code == 200 && status == ServingStatus::Serving { Ok(()) } else { Err(words) }
    })
    .await
    .unwrap();
    assert!(bench.ask().await[0].answer.is_err());
    assert_eq!(bench.scaler.get("/livez").unwrap().0, 200);
}

async fn listed_by_v1(bench: &Bench) -> Result<BTreeSet<String>, tonic::Status> {
    use v1::server_reflection_request::MessageRequest;
    use v1::server_reflection_response::MessageResponse;
    let channel = bench.channel().await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel);
    let list = MessageRequest::ListServices(String::new());
    let request = v1::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let answers = client.server_reflection_info(stream::iter([request])).await?;
    let answer = answers.into_inner().message().await?.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    Ok(list.service.into_iter().map(|service| service.name).collect())
}

async fn listed_by_v1alpha(bench: &Bench) -> Result<BTreeSet<String>, tonic::Status> {
    use v1alpha::server_reflection_request::MessageRequest;
    use v1alpha::server_reflection_response::MessageResponse;
    let channel = bench.channel().await;
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    let list = MessageRequest::ListServices(String::new());
    let request =
        v1alpha::ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let answers = client.server_reflection_info(stream::iter([request])).await?;
    let answer = answers.into_inner().message().await?.unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    Ok(list.service.into_iter().map(|service| service.name).collect())
}

/// Conformance 39: reflection v1 and v1alpha list the service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_lists_the_service_in_both_versions() {
    let bench = bench(good(), &[]).await;
    for listed in [listed_by_v1(&bench).await.unwrap(), listed_by_v1alpha(&bench).await.unwrap()] {
        assert!(listed.contains(SERVICE) && listed.contains("grpc.health.v1.Health"), "{listed:?}");
    }
}

/// Conformance 39: reflection can be switched off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_can_be_switched_off() {
    let bench = bench(good(), &["--reflection", "false"]).await;
    for refused in [listed_by_v1(&bench).await, listed_by_v1alpha(&bench).await] {
        assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
    }
    bench.until_all_say(GOOD).await;
}

/// Conformance 40: metrics per call and code, the snapshot's age, queues matched, the value served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_calls_by_code_age_queues_and_the_value_served() {
    let bench = bench(good(), &[]).await;
    bench.until_all_say(GOOD).await;
    let unknown = scaled_object("ns", "so", &[("broker", "elsewhere")]);
    bench.client.metric_values(&unknown, "any").await.unwrap_err();
    let object = scaled_object("ns", BROKER, &[("broker", BROKER)]);
    assert_eq!(
        bench.client.metric_values(&object, "other").await.unwrap_err().code(),
        Code::NotFound
    );
    bench.all(&Behaviour::refusal(404));
    poll::until("an error", Duration::from_secs(10), async || {
        bench.ask().await.remove(0).answer.err().ok_or("a number")
    })
    .await
    .unwrap();
    bench.all(&good());
    bench.until_all_say(GOOD).await;
    let (code, metrics) = bench.scaler.get("/metrics").unwrap();
    assert_eq!(code, 200);
    for line in [
        r#"zero_scaler_rpc_total{method="GetMetrics",code="ok"} "#,
        r#"zero_scaler_rpc_total{method="GetMetrics",code="not_found"} 2"#,
        r#"zero_scaler_rpc_total{method="GetMetrics",code="unavailable"} "#,
        r#"zero_scaler_rpc_total{method="GetMetricSpec",code="ok"} "#,
        r#"zero_scaler_rpc_total{method="IsActive",code="ok"} "#,
        r#"zero_scaler_rpc_duration_seconds_count{method="GetMetrics",code="ok"} "#,
        r#"zero_scaler_snapshot_age_seconds{broker="one",vhost="/",source="live"} "#,
        r#"zero_scaler_queues{broker="one",vhost="/",role="other"} 2.0"#,
        r#"zero_scaler_messages_ready{broker="one",vhost="/",role="other"} 4.0"#,
        r#"zero_scaler_messages_unacked{broker="one",vhost="/",role="other"} 3.0"#,
        r#"zero_scaler_broker_up{broker="one"} 1.0"#,
        "zero_scaler_process_resident_memory_bytes ",
    ] {
        assert!(metrics.lines().any(|told| told.starts_with(line)), "no `{line}` in\n{metrics}");
    }
    let of_one =
        |line: &&str| line.starts_with(r#"zero_scaler_trigger_value{namespace="ns",name="one""#);
    let value = metrics.lines().find(of_one).unwrap();
    assert!(value.ends_with(" 7.0"), "{value}");
    assert!(metrics.trim_end().ends_with("# EOF"), "OpenMetrics ends with its mark");
}

/// Conformance 40: error details are bounded, whatever broker and caller say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn error_details_are_bounded() {
    let long = "reason ".repeat(20_000);
    let bench = bench(Behaviour::Answer(500, long), &[]).await;
    let object = scaled_object("ns", "so", &[("broker", BROKER)]);
    let metric = bench.client.metric_spec(&object).await.unwrap().metric_name;
    let of_broker = bench.client.metric_values(&object, &metric).await.unwrap_err();
    let other = bench.client.metric_values(&object, &"m".repeat(50_000)).await.unwrap_err();
    let alias = scaled_object("ns", "so", &[("broker", &"b".repeat(50_000))]);
    let of_alias = bench.client.is_active(&alias).await.unwrap_err();
    let pattern = scaled_object("ns", "so", &[("queues", &"(".repeat(50_000))]);
    let of_pattern = bench.client.metrics(&pattern).await.unwrap_err();
    // In an address each of these letters takes six characters.
    let vhost = scaled_object("ns", "so", &[("broker", BROKER), ("vhost", &"é".repeat(120))]);
    let metric = bench.client.metric_spec(&vhost).await.unwrap().metric_name;
    let of_vhost = bench.client.metric_values(&vhost, &metric).await.unwrap_err();
    for status in [of_broker, other, of_alias, of_pattern, of_vhost] {
        let length = status.message().chars().count();
        assert!((1..=400).contains(&length), "{length}: {status:?}");
    }
    assert!(bench.scaler.log().len() < 20_000, "{}", bench.scaler.log().len());
}

/// Conformance 40: logs, pages, metrics and errors hold no secret, not even when everything is logged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_the_scaler_writes_holds_a_secret() {
    let bench = Bench::start_with(vec![(BROKER, good())], |launch| {
        launch.env("RUST_LOG", "trace").args(["--max-age", "3s"])
    })
    .await;
    bench.until_all_say(GOOD).await;
    bench.all(&Behaviour::refusal(401));
    poll::until("a refusal", Duration::from_secs(10), async || {
        let calls = timeout(ANSWER_WITHIN * 2, bench.ask()).await.unwrap();
        calls.into_iter().next().unwrap().answer.err().ok_or("a number")
    })
    .await
    .unwrap();
    assert!(!bench.cases[0].double.requests(QUEUES).is_empty());
    // What a header of HTTP's basic authentication holds.
    let encoded = base64_of(&format!("zero:{PASSWORD}"));
    let pages = ["/status", "/status.json", "/metrics", "/explain", "/readyz"];
    let written = pages.map(|page| bench.scaler.get(page).unwrap().1);
    for text in written.iter().chain([&bench.scaler.log()]) {
        for secret in [PASSWORD, &encoded] {
            if let Some(at) = text.find(secret) {
                let start = text[..at].rfind('\n').map_or(0, |line| line + 1);
                panic!("a secret is written: {}", &text[start..at + secret.len()]);
            }
        }
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
