//! Connections: many calls on one, old ones, odd ones, and their end.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use scaler::grpc::proto::{GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse};
use tests::keda::scaled_object;
use tests::management_double::{Behaviour, QUEUES};
use tests::poll;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::bench::{ANSWER_WITHIN, Bench, GOOD, good};
use super::wire::{SERVICE, Wire};

const BROKER: &str = "one";
const METRICS: &str = "/externalscaler.ExternalScaler/GetMetrics";

/// A scaler on one good broker.
async fn on_a_good_broker(args: &[&str]) -> Bench {
    let bench =
        Bench::start(vec![(BROKER, good())], None, &[args, &["--max-age", "60s"]].concat()).await;
    bench.until_all_say(GOOD).await;
    bench
}

/// A scaler on a broker that never says a word: a first call waits in it for 1.5 s.
async fn on_a_silent_broker(args: &[&str]) -> Bench {
    let args = [args, &["--read-timeout", "600s", "--max-age", "60s"]].concat();
    Bench::start(vec![(BROKER, Behaviour::Silent)], None, &args).await
}

fn request(metric: &str) -> GetMetricsRequest {
    let object = scaled_object("ns", "so", &[("broker", BROKER)]);
    GetMetricsRequest { scaled_object_ref: Some(object), metric_name: metric.to_owned() }
}

async fn metric(bench: &Bench) -> String {
    let object = scaled_object("ns", "so", &[("broker", BROKER)]);
    bench.client.metric_spec(&object).await.unwrap().metric_name
}

/// How many calls of GetMetrics the scaler says have ended so.
fn count(bench: &Bench, code: &str) -> u32 {
    let (_, metrics) = bench.scaler.get("/metrics").unwrap();
    let line = format!(r#"zero_scaler_rpc_total{{method="GetMetrics",code="{code}"}} "#);
    let count = metrics.lines().find_map(|told| told.strip_prefix(&line));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Conformance 27: 500 concurrent unary calls and 200 streams on one connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_calls_and_two_hundred_streams_share_one_connection() {
    let bench = on_a_good_broker(&[]).await;
    let mut wire = Wire::connect(bench.scaler.grpc()).await;
    let request = request(&metric(&bench).await);
    let object = request.scaled_object_ref.clone().unwrap();
    let path = format!("/{SERVICE}/StreamIsActive");
    let mut streams = Vec::new();
    for _ in 0..200 {
        let opened = timeout(ANSWER_WITHIN, wire.begin(&path, &object, &[]).await).await;
        let mut body = opened.expect("one more stream is taken").unwrap().into_body();
        let first = timeout(ANSWER_WITHIN, body.data()).await.unwrap().unwrap().unwrap();
        assert_eq!(&first[..], [0, 0, 0, 0, 2, 8, 1], "`true` is said at once");
        streams.push(body);
    }
    let started = Instant::now();
    let calls = (0..500).map(|_| wire.call::<GetMetricsResponse>("GetMetrics", &request, &[]));
    for answer in join_all(calls).await {
        assert_eq!(answer.code, 0, "{answer:?}");
        assert_eq!(answer.message.unwrap().metric_values[0].metric_value_float, GOOD);
    }
    assert!(started.elapsed() < ANSWER_WITHIN, "{:?}", started.elapsed());
    assert!(wire.is_open());
}

/// Conformance 28: `grpc-timeout` is honoured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_the_client_sends_is_honoured() {
    let bench = on_a_silent_broker(&[]).await;
    let wire = Wire::connect(bench.scaler.grpc()).await;
    let request = request(&metric(&bench).await);
    let started = Instant::now();
    let answer =
        wire.call::<GetMetricsResponse>("GetMetrics", &request, &[("grpc-timeout", "200m")]).await;
    let took = started.elapsed();
    // tonic says CANCELLED where others say DEADLINE_EXCEEDED; the caller knows its own deadline.
    assert!([1, 4].contains(&answer.code), "{answer:?}");
    assert!(took >= Duration::from_millis(190) && took < Duration::from_secs(1), "{took:?}");
    let without = wire.call::<GetMetricsResponse>("GetMetrics", &request, &[]).await;
    assert_eq!(without.code, 14, "{without:?}");
}

/// Conformance 28: a client's cancel stops the work; 10 000 cancelled calls leave nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancelled_calls_leave_nothing_behind() {
    let bench = on_a_silent_broker(&[]).await;
    let request = request(&metric(&bench).await);
    let mut wires = join_all((0..16).map(|_| Wire::connect(bench.scaler.grpc()))).await;
    // Few at a time on one connection: HTTP/2 servers end it for many that they had no time to begin.
    let rounds = async |wire: &mut Wire, rounds: u32| {
        for _ in 0..rounds {
            let calls = join_all((0..15).map(|_| wire.begin(METRICS, &request, &[]))).await;
            // Answered when the calls before it were read.
            wire.ping().await.unwrap();
            let ended = timeout(Duration::from_millis(100), try_join_all(calls)).await;
            assert!(ended.is_err(), "no call ends before it is cancelled: {ended:?}");
        }
    };
    join_all(wires.iter_mut().map(|wire| rounds(wire, 10))).await;
    let before = bench.resident();
    join_all(wires.iter_mut().map(|wire| rounds(wire, 42))).await;
    let counted = poll::until("the calls to be over", Duration::from_secs(5), async || {
        let count = count(&bench, "cancelled");
        if count > 12_000 { Ok(count) } else { Err(format!("{count} are")) }
    });
    assert!(counted.await.unwrap() <= 52 * 15 * 16);
    let grown = bench.resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{} MiB more than before", grown >> 20);
    bench.all(&good());
    bench.until_all_say(GOOD).await;
}

/// Conformance 29: pings without calls are tolerated, however many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pings_without_a_call_are_tolerated() {
    let bench = on_a_good_broker(&[]).await;
    let mut wire = Wire::connect(bench.scaler.grpc()).await;
    for _ in 0..1_000 {
        wire.ping().await.unwrap();
    }
    let request = request(&metric(&bench).await);
    let answer = wire.call::<GetMetricsResponse>("GetMetrics", &request, &[]).await;
    assert_eq!((answer.code, wire.is_open()), (0, true), "{answer:?}");
}

/// Conformance 30: the end of an old connection loses no call, neither short ones nor one under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_an_old_connection_loses_no_call() {
    let bench = on_a_silent_broker(&["--grpc-connection-age", "1s"]).await;
    let request = request(&metric(&bench).await);
    let mut wire = Wire::connect(bench.scaler.grpc()).await;
    let slow = wire.call::<GetMetricsResponse>("GetMetrics", &request, &[]).await;
    assert!(slow.code == 14 && slow.words.contains("was%20not%20read%20yet"), "{slow:?}");
    wire.ended(Duration::from_secs(3)).await.unwrap();
    bench.all(&good());
    bench.until_all_say(GOOD).await;
    let before = count(&bench, "ok");
    let (started, mut answered, mut connections) = (Instant::now(), 0, 0);
    while started.elapsed() < Duration::from_millis(3_500) {
        let wire = Wire::connect(bench.scaler.grpc()).await;
        connections += 1;
        let one_after_the_other = async || {
            let mut answered = 0;
            // Ends when the server takes no new call.
            while let Some(response) = wire.try_begin(METRICS, &request, &[]).await {
                let answer = wire.answer::<GetMetricsResponse>(response).await;
                // Sent after the server's last word on the connection: not taken, so not lost.
                let Ok(answer) = answer else { break };
                assert_eq!(answer.message.unwrap().metric_values[0].metric_value_float, GOOD);
                answered += 1;
            }
            answered
        };
        answered += join_all((0..8).map(|_| one_after_the_other())).await.iter().sum::<u32>();
    }
    assert!(answered > 500 && connections >= 3, "{answered} calls over {connections} connections");
    assert_eq!(count(&bench, "ok") - before, answered, "what the server took, it answered");
}

/// Conformance 31: SIGTERM: health says `NOT_SERVING`, streams end with OK, unary calls finish, the process exits with 0.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sigterm_streams_end_with_ok_and_calls_under_way_finish() {
    let mut bench = on_a_silent_broker(&["--shutdown-grace", "8s"]).await;
    let object = scaled_object("ns", "so", &[("broker", BROKER)]);
    let mut active = bench.client.stream_is_active(&object).await.unwrap();
    let mut specs = bench.client.stream_metric_spec(&object).await.unwrap();
    assert!(specs.message().await.unwrap().is_some());
    let mut health = HealthClient::new(bench.channel().await);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let metric = metric(&bench).await;
    let unary = bench.client.metric_values(&object, &metric);
    let signal = async {
        // The first read is under way: the call waits for it, and SIGTERM comes meanwhile.
        poll::until("the call to be under way", Duration::from_secs(1), async || {
            if bench.cases[0].double.requests(QUEUES).is_empty() {
                Err("no read yet")
            } else {
                Ok(())
            }
        })
        .await
        .unwrap();
        bench.scaler.terminate().unwrap();
    };
    let (answer, ()) = tokio::join!(unary, signal);
    let status = answer.unwrap_err();
    assert!(
        status.message().contains("was not read yet"),
        "its own error, no broken connection: {status:?}"
    );
    assert_eq!(active.message().await.unwrap(), None, "ends with OK");
    assert_eq!(specs.message().await.unwrap(), None, "ends with OK");
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(watch.message().await.unwrap(), None, "ends with OK");
    let ended = bench.scaler.wait(Duration::from_secs(4)).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", bench.scaler.log());
    assert!(!bench.scaler.log().contains("did not close"), "{}", bench.scaler.log());
}

/// Conformance 31: a peer that never closes, or only connected, does not hold up the exit beyond the grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_never_close_do_not_hold_up_the_exit() {
    let mut bench = on_a_good_broker(&["--shutdown-grace", "3s"]).await;
    let idle = Wire::connect(bench.scaler.grpc()).await;
    let silent = TcpStream::connect(bench.scaler.grpc()).await.unwrap();
    // A client whose kernel holds the connection while its program does nothing any more.
    let mut frozen = TcpStream::connect(bench.scaler.grpc()).await.unwrap();
    frozen.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let silent_http = TcpStream::connect(bench.scaler.http()).await.unwrap();
    let started = Instant::now();
    bench.scaler.terminate().unwrap();
    let ended = bench.scaler.wait(Duration::from_secs(8)).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", bench.scaler.log());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop((idle, silent, frozen, silent_http));
}

/// Conformance 32: port open but nothing read: GetMetricSpec works, GetMetrics is UNAVAILABLE, readiness says no.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_first_read_specs_are_told_and_numbers_are_not() {
    let bench = on_a_silent_broker(&[]).await;
    let object = scaled_object("ns", "so", &[("broker", BROKER)]);
    let started = Instant::now();
    let spec = bench.client.metric_spec(&object).await.unwrap();
    assert!(started.elapsed() < Duration::from_millis(250), "{:?}", started.elapsed());
    let status = bench.client.metric_values(&object, &spec.metric_name).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(bench.client.is_active(&object).await.unwrap_err().code(), Code::Unavailable);
    let (code, words) = bench.scaler.get("/readyz").unwrap();
    assert!(code == 503 && words.contains("was not read yet"), "{code} {words}");
    let mut health = HealthClient::new(bench.channel().await);
    let service = HealthCheckRequest { service: SERVICE.to_owned() };
    let status = health.check(service).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::NotServing);
    assert_eq!(bench.scaler.get("/livez").unwrap().0, 200);
}

/// Conformance 33: HTTP/1.1, a TLS handshake and garbage are closed cleanly; the process serves on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http2_is_closed_and_serving_goes_on() {
    let bench = on_a_good_broker(&[]).await;
    let hello = [&[0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3][..], &[7; 54]].concat();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let words: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\nhost: scaler\r\n\r\n",
        &hello,
        b"\0\xff garbage of more bytes than the preface has \0\xff",
        b"AMQP\0\0\x09\x01AMQP\0\0\x09\x01AMQP\0\0\x09\x01",
        &[&preface[..], &[0xff; 200]].concat(),
        // A SETTINGS frame on a stream that has no settings, of a length it cannot have.
        &[&preface[..], b"\0\0\x05\x04\0\0\0\0\x07aaaaa"].concat(),
    ];
    for word in words {
        let mut connection = TcpStream::connect(bench.scaler.grpc()).await.unwrap();
        connection.write_all(word).await.unwrap();
        let mut rest = Vec::new();
        let read = timeout(Duration::from_secs(5), connection.read_to_end(&mut rest)).await;
        // A reset for the words that were not read is as good as an end.
        assert!(read.is_ok(), "{:?} is left open", String::from_utf8_lossy(word));
    }
    bench.until_all_say(GOOD).await;
    assert!(!bench.scaler.log().contains("panic"), "{}", bench.scaler.log());
}

/// Conformance 33: peers that connect and say nothing, or half of a preface, are let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_are_let_go_and_disturb_nobody() {
    let bench = on_a_good_broker(&[]).await;
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut connection = TcpStream::connect(bench.scaler.grpc()).await.unwrap();
        if number % 2 == 0 {
            connection.write_all(b"PRI * HT").await.unwrap();
        }
        silent.push(connection);
    }
    bench.until_all_say(GOOD).await;
    let mut byte = [0; 512];
    for connection in &mut silent {
        let read = async {
            // The server's own first words may come before its end.
            while connection.read(&mut byte).await.unwrap_or(0) > 0 {}
        };
        timeout(Duration::from_secs(15), read).await.expect("it is let go");
    }
    bench.until_all_say(GOOD).await;
}

/// Conformance 35: accepted encodings are ignored safely.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepted_encodings_are_ignored_safely() {
    let bench = on_a_good_broker(&[]).await;
    let wire = Wire::connect(bench.scaler.grpc()).await;
    let request = request(&metric(&bench).await);
    for encodings in ["zstd,gzip", "gzip", "identity,deflate,gzip,zstd", "nonsense", ""] {
        let headers = [("grpc-accept-encoding", encodings)];
        let answer = wire.call::<GetMetricsResponse>("GetMetrics", &request, &headers).await;
        assert_eq!(answer.code, 0, "{encodings}: {answer:?}");
        assert!(answer.headers.get("grpc-encoding").is_none_or(|encoding| encoding == "identity"));
        assert_eq!(answer.message.unwrap().metric_values[0].metric_value_float, GOOD);
    }
}

/// Conformance 35: a message near 4 MB is read and judged, a greater one refused; the connection lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_near_four_megabytes_is_judged_and_a_greater_one_refused() {
    let bench = on_a_good_broker(&[]).await;
    let mut wire = Wire::connect(bench.scaler.grpc()).await;
    let ask = async |bytes: usize| {
        let long = "x".repeat(bytes);
        let object = scaled_object("ns", "so", &[("broker", BROKER), ("remark", &long)]);
        wire.call::<GetMetricSpecResponse>("GetMetricSpec", &object, &[]).await
    };
    let answer = ask(200 << 10).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    let answer = ask((4 << 20) - 200).await;
    assert!(answer.code == 3 && answer.words.contains("the%20limit%20is"), "{answer:?}");
    let answer = ask((4 << 20) + 200).await;
    assert_eq!(answer.code, 11, "OUT_OF_RANGE: {answer:?}");
    assert!(wire.is_open());
}
