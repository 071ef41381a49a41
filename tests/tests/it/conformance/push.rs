//! Conformance 36 and 37: what is pushed. Time is paused where only its passing is tested.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use amqp_admin::{Queue, QueueName, QueueRole, Reading, VhostName};
use futures_util::{FutureExt as _, StreamExt as _};
use prometheus_client::registry::Registry;
use scaler::answers::{Answers, Beside};
use scaler::broker_state::BrokerState;
use scaler::clock;
use scaler::grpc::Grpc;
use scaler::grpc::proto::external_scaler_server::ExternalScaler as _;
use scaler::grpc::proto::{IsActiveResponse, ScaledObjectRef};
use scaler::snapshot::{Orphans, SourceKind, VhostReading};
use scaler::status::KeepAliveStatus;
use scaler::telemetry::Telemetry;
use scaler::triggers::Triggers;
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::scaler::RunningScaler;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Request;
use tonic::codec::Streaming;

use super::{LIMIT, NAMESPACE, object_in, reads, stage};

/// The scaler's gRPC service in this process, over counts that a test sets.
struct InProcess {
    grpc: Grpc,
    state: Arc<BrokerState>,
    shutdown: CancellationToken,
}

type Pushed =
    <Grpc as scaler::grpc::proto::external_scaler_server::ExternalScaler>::StreamIsActiveStream;

impl InProcess {
    fn new() -> Self {
        let keep_alive =
            KeepAliveStatus { enabled: false, every_seconds: 0, kept: Vec::new(), error: None };
        let tick = watch::Sender::new(0);
        let state = BrokerState::new("default".into(), "none".into(), keep_alive, tick.clone());
        let state = Arc::new(state);
        let (triggers, forever) = (Arc::new(Triggers::default()), Duration::from_secs(1 << 32));
        let answers = Answers::new(vec![state.clone()], triggers, forever, tick, Beside::default());
        let telemetry = Telemetry::register(&mut Registry::default());
        let shutdown = CancellationToken::new();
        Self { grpc: Grpc::new(answers, telemetry, shutdown.clone()), state, shutdown }
    }

    fn ready(&self, ready: u64) {
        let name = QueueName::new("proof-1").unwrap();
        let queue = Queue::classic(name, QueueRole::Other, Reading::known(ready, 0));
        let reading = VhostReading {
            taken_at: clock::now(),
            source: SourceKind::Live,
            queues: [queue].into(),
            orphans: Orphans::None,
        };
        self.state.update(|snapshot| {
            snapshot.vhosts.insert(VhostName::default(), reading);
        });
    }

    async fn stream(&self) -> Pushed {
        let object = scaled_object(NAMESPACE, "workers", &[]);
        self.grpc.stream_is_active(Request::new(object)).await.unwrap().into_inner()
    }
}

/// Whether a stream says `true` without waiting; anything but that and silence is a fault.
fn says_true(stream: &mut Pushed) -> bool {
    match stream.next().now_or_never() {
        None => false,
        Some(Some(Ok(IsActiveResponse { result: true }))) => true,
        Some(other) => panic!("{other:?}"),
    }
}

/// Conformance 36: while a trigger stays active, `true` is repeated, but not within KEDA's default
/// polling interval; while it is inactive nothing is said.
#[tokio::test(start_paused = true)]
async fn true_is_repeated_slowly_while_active_and_false_is_never_said() {
    let scaler = InProcess::new();
    scaler.ready(1);
    let mut stream = scaler.stream().await;
    assert!(says_true(&mut stream));
    for _ in 0..3 {
        let said = Instant::now();
        assert!(stream.next().await.unwrap().unwrap().result);
        let pause = said.elapsed();
        assert!((30..=60).contains(&pause.as_secs()), "{pause:?}");
    }
    scaler.ready(0);
    assert!(timeout(Duration::from_secs(3_600), stream.next()).await.is_err());
    scaler.ready(1);
    assert!(says_true(&mut stream));
}

/// Conformance 36: under a reader that is blocked changes coalesce to the latest state.
#[tokio::test(start_paused = true)]
async fn changes_coalesce_under_a_blocked_reader() {
    let scaler = InProcess::new();
    scaler.ready(0);
    let mut stream = scaler.stream().await;
    assert!(!says_true(&mut stream), "it is inactive");
    for round in 0..1_000 {
        scaler.ready((round + 1) % 2);
    }
    assert!(!says_true(&mut stream), "the latest state is inactive");
    for round in 0..1_001 {
        scaler.ready((round + 1) % 2);
    }
    assert!(says_true(&mut stream));
    assert!(!says_true(&mut stream), "once is enough");
    for ready in 2..1_000 {
        scaler.ready(ready);
        assert!(!says_true(&mut stream), "more work is no edge");
    }
}

/// Conformance 36: a stream ends cleanly when the scaler ends.
#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_ok_when_the_scaler_ends() {
    let scaler = InProcess::new();
    scaler.ready(0);
    let mut stream = scaler.stream().await;
    assert!(!says_true(&mut stream));
    scaler.shutdown.cancel();
    assert!(stream.next().await.is_none());
}

/// Conformance 36: the state is told at opening, then only its edges, over one connection and on
/// several streams for one object; a cancelled stream and reconnects leave nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stream_is_active_tells_the_state_at_opening_and_then_only_edges() {
    let Some(stage) = stage("edges").await else { return };
    let object = stage.object(&[]);
    stage.fill("task-ipc-routing-key", 2).await;
    stage.reads(&object, 2.0).await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        streams.push(stage.keda.stream_is_active(&object).await.unwrap());
    }
    for stream in &mut streams {
        told(stream).await;
    }
    for _ in 0..2 {
        // Still active, then not, then again: one edge.
        stage.amqp.publish("task-ipc-routing-key", 1).await.unwrap();
        stage.amqp.purge("task-ipc-routing-key").await.unwrap();
        stage.reads(&object, 0.0).await;
        assert!(streams.iter_mut().all(|stream| stream.message().now_or_never().is_none()));
        stage.amqp.publish("task-ipc-routing-key", 1).await.unwrap();
        for stream in &mut streams {
            told(stream).await;
        }
        // Two more readings: what the first one pushed would be here by the second.
        for value in [2.0, 3.0] {
            stage.amqp.publish("task-ipc-routing-key", 1).await.unwrap();
            stage.reads(&object, value).await;
        }
        assert!(streams.iter_mut().all(|stream| stream.message().now_or_never().is_none()));
    }
    drop(streams);
    // As KEDA's watcher does after each break.
    for _ in 0..20 {
        told(&mut stage.keda.stream_is_active(&object).await.unwrap()).await;
    }
    assert_eq!(stage.reads(&object, 3.0).await.value.whole, 3);
}

async fn told(stream: &mut Streaming<IsActiveResponse>) {
    let said = timeout(LIMIT, stream.message()).await.expect("no push in time");
    assert!(said.unwrap().expect("the stream ended").result);
}

/// Publishes to the queue of one trigger after another, each while it is inactive, and measures how
/// long the push takes.
async fn push_delays(keda: KedaClient, vhost: &harness::Vhost, publishes: usize) -> Vec<Duration> {
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let mut delays = Vec::new();
    for number in 0..publishes {
        let queue = format!("proof-{number}");
        let object: ScaledObjectRef = object_in(vhost, &[("queues", &queue)]);
        amqp.paladin_queue(&queue).await.unwrap();
        reads(&keda, &object, 0.0).await;
        let mut stream = keda.stream_is_active(&object).await.unwrap();
        let since = Instant::now();
        amqp.publish(&queue, 1).await.unwrap();
        told(&mut stream).await;
        delays.push(since.elapsed());
    }
    delays
}

/// Conformance 36: a publish is pushed at once. How fast is measured by the bench; this prints what
/// it saw.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_publish_on_an_idle_system_is_pushed() {
    const CHAINS: usize = 3;
    let vhosts: Vec<_> = (0..CHAINS).map_while(|_| harness::vhost("pushed")).collect();
    let Some(first) = vhosts.first() else { return };
    let scaler = RunningScaler::on(first.access(), first.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let chains = vhosts.iter().map(|vhost| push_delays(keda.clone(), vhost, 30 / CHAINS));
    let mut delays = futures_util::future::join_all(chains).await.concat();
    assert_eq!(delays.len(), 30);
    delays.sort_unstable();
    println!("publish to push, 30 times: p50 {:?}, p99 {:?}", delays[14], delays[29]);
}

/// Conformance 37: `StreamMetricSpec` says the current spec at opening, equal to `GetMetricSpec`,
/// and stays open.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn stream_metric_spec_says_at_opening_what_get_metric_spec_says() {
    let Some(stage) = stage("metric_spec_stream").await else { return };
    for metadata in [&[("target", "2.5"), ("pool", "heavy")][..], &[]] {
        let object = stage.object(metadata);
        let mut stream = stage.keda.stream_metric_spec(&object).await.unwrap();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(first.metric_specs, stage.keda.metric_specs(&object).await.unwrap());
        stage.fill("proof-1", 1).await;
        let seen = poll::until("a change of the counts", LIMIT, async || {
            let polled = stage.keda.poll(&stage.object(&[])).await;
            polled.ok().filter(|polled| polled.active).map(drop).ok_or("not yet")
        });
        seen.await.unwrap();
        assert!(stream.message().now_or_never().is_none(), "it stays open and says no more");
    }
    let bad = stage.object(&[("target", "0")]);
    let mut stream = stage.keda.stream_metric_spec(&bad).await.unwrap();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.metric_specs, stage.keda.metric_specs(&bad).await.unwrap());
    let empty: HashMap<String, String> = HashMap::new();
    assert_eq!(scaled_object("a", "b", &[]).scaler_metadata, empty);
}
