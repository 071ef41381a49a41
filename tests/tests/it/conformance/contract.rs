//! Conformance 1 to 8: the contract.

use std::collections::HashMap;
use std::net::TcpListener;

use serde_json::json;
use tests::keda::{KedaClient, Value, scaled_object};
use tests::scaler::{Launch, Until};
use tonic::Code;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

use super::fixed::{FixedBroker, row};
use super::{NAMESPACE, stage};

/// KEDA's messages written down once more, by hand, as of 2.14 and of 2.17; a field of tomorrow in
/// each request.
mod words {
    use std::collections::HashMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Object {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) namespace: String,
        #[prost(map = "string, string", tag = "3")]
        pub(super) scaler_metadata: HashMap<String, String>,
        #[prost(string, tag = "77")]
        pub(super) tomorrow: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct MetricsRequest {
        #[prost(message, optional, tag = "1")]
        pub(super) object: Option<Object>,
        #[prost(string, tag = "2")]
        pub(super) metric: String,
        #[prost(fixed64, tag = "78")]
        pub(super) tomorrow: u64,
    }

    /// A spec and a value have the same shape.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Number2_14 {
        #[prost(string, tag = "1")]
        pub(super) metric: String,
        #[prost(int64, tag = "2")]
        pub(super) whole: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Numbers2_14 {
        #[prost(message, repeated, tag = "1")]
        pub(super) numbers: Vec<Number2_14>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Number2_17 {
        #[prost(string, tag = "1")]
        pub(super) metric: String,
        #[prost(int64, tag = "2")]
        pub(super) whole: i64,
        #[prost(double, tag = "3")]
        pub(super) float: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Numbers2_17 {
        #[prost(message, repeated, tag = "1")]
        pub(super) numbers: Vec<Number2_17>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Active {
        #[prost(bool, tag = "1")]
        pub(super) result: bool,
    }
}

async fn call<I, O>(channel: &Channel, method: &str, request: I) -> O
where
    I: prost::Message + Send + Sync + 'static,
    O: prost::Message + Default + Send + Sync + 'static,
{
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = format!("/externalscaler.ExternalScaler/{method}");
    let path = PathAndQuery::try_from(path).unwrap();
    let request = tonic::Request::new(request);
    if method.starts_with("Stream") {
        let codec = tonic_prost::ProstCodec::<I, O>::default();
        let answer = grpc.server_streaming(request, path, codec).await.unwrap();
        return answer.into_inner().message().await.unwrap().unwrap();
    }
    let codec = tonic_prost::ProstCodec::<I, O>::default();
    grpc.unary(request, path, codec).await.unwrap().into_inner()
}

/// Conformance 1: service, package and field numbers are those of the contract of 2.14, of 2.17 and
/// later, and of the coming release; unknown fields are ignored.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn service_package_and_field_numbers_are_those_of_2_14_and_2_17_and_unknown_fields_are_ignored()
 {
    let Some(stage) = stage("field_numbers").await else { return };
    stage.fill("task-ipc-routing-key", 5).await;
    let channel = Endpoint::from_shared(format!("http://{}", stage.scaler.grpc())).unwrap();
    let channel = channel.connect().await.unwrap();
    let metadata = [("vhost", stage.vhost.name()), ("target", "2.5")];
    let scaler_metadata: HashMap<_, _> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let object = words::Object {
        name: "workers".to_owned(),
        namespace: NAMESPACE.to_owned(),
        scaler_metadata,
        tomorrow: "a field nobody knows yet".to_owned(),
    };

    let old: words::Numbers2_14 = call(&channel, "GetMetricSpec", object.clone()).await;
    let new: words::Numbers2_17 = call(&channel, "GetMetricSpec", object.clone()).await;
    assert_eq!((old.numbers.len(), old.numbers[0].whole), (1, 3));
    assert_eq!((new.numbers.len(), new.numbers[0].float), (1, 2.5));
    let streamed: words::Numbers2_17 = call(&channel, "StreamMetricSpec", object.clone()).await;
    assert_eq!(streamed, new);

    let metric = new.numbers[0].metric.clone();
    let request = words::MetricsRequest { object: Some(object.clone()), metric, tomorrow: 7 };
    let old: words::Numbers2_14 = call(&channel, "GetMetrics", request.clone()).await;
    let new: words::Numbers2_17 = call(&channel, "GetMetrics", request).await;
    assert_eq!((old.numbers.len(), old.numbers[0].whole), (1, 5));
    assert_eq!((new.numbers.len(), new.numbers[0].float), (1, 5.0));
    let active: words::Active = call(&channel, "IsActive", object.clone()).await;
    assert!(active.result);
    let pushed: words::Active = call(&channel, "StreamIsActive", object).await;
    assert!(pushed.result);
}

/// Conformance 2: `GetMetricSpec` is exactly one spec with a stable name and both targets, and asks
/// no broker.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get_metric_spec_is_one_spec_with_a_stable_name_and_both_targets_and_asks_no_broker() {
    // Connections are accepted by the kernel, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let launch = Launch::new().until(Until::Listening).args([
        "--amqp-uri",
        &format!("amqp://u:p@{address}"),
        "--management-url",
        &format!("http://{address}"),
    ]);
    let mut names = Vec::new();
    for _ in 0..2 {
        let scaler = launch.start().unwrap();
        let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
        let object = scaled_object(NAMESPACE, "workers", &[("target", "2.5"), ("pool", "heavy")]);
        for _ in 0..2 {
            let specs = keda.metric_specs(&object).await.unwrap();
            assert_eq!(specs.len(), 1);
            assert_eq!((specs[0].target_size, specs[0].target_size_float), (3, 2.5));
            names.push(specs[0].metric_name.clone());
        }
        let other = scaled_object(NAMESPACE, "workers", &[("target", "2.5")]);
        assert_ne!(keda.metric_spec(&other).await.unwrap().metric_name, names[0]);
        // The same broker has no answer for what needs one.
        let status = keda.metric_values(&object, &names[0]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable);
    }
    assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
}

/// Conformance 3: `GetMetrics` is exactly one value with the name echoed; int = ⌈float⌉.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn get_metrics_is_one_value_with_the_name_echoed_and_int_is_the_float_rounded_up() {
    let Some(stage) = stage("one_value").await else { return };
    stage.fill("task-ipc-routing-key", 7).await;
    for (target, most, float, whole) in
        [("1", "100", 7.0, 7), ("0.3", "4", 1.2, 2), ("0.001", "1", 0.001, 1), ("4", "1", 4.0, 4)]
    {
        let object = stage.object(&[("target", target), ("maxWorkers", most)]);
        let spec = stage.keda.metric_spec(&object).await.unwrap();
        stage.reads(&object, float).await;
        let values = stage.keda.metric_values(&object, &spec.metric_name).await.unwrap();
        assert_eq!(values.len(), 1);
        assert_eq!(values[0].metric_name, spec.metric_name);
        assert_eq!((values[0].metric_value_float, values[0].metric_value), (float, whole));
    }
}

/// Conformance 4: an unknown metric name is `NOT_FOUND`; an empty name or a missing object is
/// `INVALID_ARGUMENT`.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_unknown_metric_name_is_not_found_and_a_missing_one_an_invalid_argument() {
    let Some(stage) = stage("unknown_metric").await else { return };
    let object = stage.object(&[]);
    let name = stage.reads(&object, 0.0).await.spec.metric_name;
    let elsewhere = stage.keda.metric_spec(&stage.object(&[("target", "9")])).await.unwrap();
    let prefixed = format!("s0-{name}");
    for wrong in [elsewhere.metric_name.as_str(), &prefixed, "queueLength"] {
        let status = stage.keda.metric_values(&object, wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{wrong}: {status}");
        assert!(status.message().contains(&name), "{status}");
    }
    let status = stage.keda.metric_values(&object, "").await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);

    let request = scaler::grpc::proto::GetMetricsRequest {
        scaled_object_ref: None,
        metric_name: name.clone(),
    };
    let status = stage.keda.stub().get_metrics(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let nameless = scaled_object(NAMESPACE, "", &[]);
    assert_eq!(stage.keda.is_active(&nameless).await.unwrap_err().code(), Code::InvalidArgument);
    let status = stage.keda.metric_spec(&nameless).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// Conformance 5: `IsActive` says whether the value of the same snapshot is above the activation
/// target, strictly.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn is_active_is_value_above_activation_of_the_same_snapshot_and_equality_is_inactive() {
    let Some(stage) = stage("strictly_above").await else { return };
    stage.fill("task-ipc-routing-key", 3).await;
    for (activation, active) in [("2.999", true), ("3", false), ("4", false), ("0", true)] {
        let object = stage.object(&[("activationTarget", activation)]);
        assert_eq!(stage.reads(&object, 3.0).await.active, active, "{activation}");
    }
    stage.amqp.publish("task-ipc-routing-key", 1).await.unwrap();
    let object = stage.object(&[("activationTarget", "3")]);
    assert!(stage.reads(&object, 4.0).await.active);
}

/// Conformance 6: 0 is 0 in both fields, and inactive.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn value_zero_is_zero_in_both_fields_and_inactive() {
    let Some(stage) = stage("zero").await else { return };
    stage.amqp.paladin_queue("task-ipc-routing-key").await.unwrap();
    let polled = stage.reads(&stage.object(&[]), 0.0).await;
    assert_eq!(polled.value, Value { whole: 0, float: 0.0 });
    assert!(!polled.active);
}

/// Conformance 7: a client that reads only integers and one that reads floats want the same
/// replicas. The target must be whole for that: one that reads integers cannot see its fraction.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn integer_and_float_readings_give_the_same_replicas() {
    let Some(stage) = stage("same_replicas").await else { return };
    stage.fill("task-ipc-routing-key", 8).await;
    let held = stage.amqp.hold("task-ipc-routing-key", 1).await.unwrap();
    assert_eq!(held.held(), 1);
    for (target, replicas) in [("1", 8.0), ("2", 4.0), ("3", 3.0), ("5", 2.0), ("8", 1.0)] {
        let polled = stage.reads(&stage.object(&[("target", target)]), 8.0).await;
        assert_eq!(polled.replicas_until_2_16(), replicas, "{target}");
        assert_eq!(polled.replicas_since_2_17(), replicas, "{target}");
    }
}

/// Conformance 8: 100 objects with 3 triggers each on one broker cost one read of the broker an
/// interval, not one a call.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hundred_objects_with_three_triggers_cost_one_broker_poll_an_interval() {
    let broker = FixedBroker::start(&[row("proof-1", &json!(4), &json!(0))]);
    let scaler = broker.launch().start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let (started, before) = (tokio::time::Instant::now(), broker.reads());
    for number in 0..100 {
        for target in ["1", "2", "3"] {
            let object = scaled_object(NAMESPACE, &format!("so-{number}"), &[("target", target)]);
            assert_eq!(keda.poll(&object).await.unwrap().value.whole, 4);
        }
    }
    let (took, reads) = (started.elapsed(), broker.reads() - before);
    // A small vhost is read each second, up to a tenth earlier.
    let allowed = took.as_millis() / 900 + 2;
    assert!(reads as u128 <= allowed, "{reads} reads in {took:?} for 900 calls");
    assert_eq!(scaler.status().unwrap()["triggers"].as_array().unwrap().len(), 300);
}
