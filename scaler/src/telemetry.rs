//! What `/metrics` tells: calls as they are counted, and everything else read from [`Status`] at
//! the moment of the scrape. What is not known has no sample; it is never 0.

mod export;
mod protect;

use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::clock;
use crate::snapshot::SourceKind;
use crate::status::Status;

/// Answers come from memory within a millisecond; only a first read waits, up to 1.5 s.
const BUCKETS: [f64; 9] = [0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.0, 5.0];
/// A read of some thousand queues takes a second; one that hangs is given up after some.
const READ_BUCKETS: [f64; 8] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The code of a call whose caller went away.
const CANCELLED: &str = "cancelled";

/// Both labels come from closed sets: our methods, and the codes of gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    code: &'static str,
}

/// Brokers are those of the configuration; outcomes are `live`, `metrics` and `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Read {
    broker: String,
    outcome: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// The handles through which calls and reads are counted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Telemetry {
    calls: Family<Call, Counter>,
    seconds: Durations<Call>,
    reads: Durations<Read>,
}

impl Telemetry {
    /// Makes the handles.
    pub fn register(registry: &mut Registry) -> Self {
        let calls = Family::default();
        let seconds: Durations<Call> = Family::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register("rpc", "Calls from KEDA that ended", calls.clone());
        registry.register_with_unit(
            "rpc_duration",
            "How long they took",
            Unit::Seconds,
            seconds.clone(),
        );
        let reads: Durations<Read> = Family::new_with_constructor(|| Histogram::new(READ_BUCKETS));
        registry.register_with_unit(
            "read_duration",
            "How long the broker took to tell a vhost's queues, by where they were read",
            Unit::Seconds,
            reads.clone(),
        );
        Self { calls, seconds, reads }
    }

    /// Begins a call.
    #[must_use]
    pub fn rpc(&self, method: &'static str) -> RpcObserver {
        RpcObserver { telemetry: self.clone(), method, code: CANCELLED, started: clock::now() }
    }

    /// A broker was asked for all queues of a vhost; `read` is where they came from, if they came.
    pub fn asked(&self, broker: &str, read: Option<SourceKind>, took: Duration) {
        let outcome = read.map_or("failed", SourceKind::name);
        let labels = Read { broker: broker.to_owned(), outcome };
        self.reads.get_or_create(&labels).observe(took.as_secs_f64());
    }
}

/// Adds the state of everything to what is exported.
pub fn register_status(
    registry: &mut Registry,
    status: impl Fn() -> Status + Send + Sync + 'static,
) {
    export::register(registry, Box::new(status));
}

/// One call: it counts when the value goes, as `cancelled` unless it ended before.
#[derive(Debug)]
pub struct RpcObserver {
    telemetry: Telemetry,
    method: &'static str,
    code: &'static str,
    started: Instant,
}

impl RpcObserver {
    /// The call ended with this code.
    pub fn end(mut self, code: &'static str) {
        self.code = code;
    }
}

impl Drop for RpcObserver {
    fn drop(&mut self) {
        let call = Call { method: self.method, code: self.code };
        self.telemetry.calls.get_or_create(&call).inc();
        let took = clock::now().saturating_duration_since(self.started);
        self.telemetry.seconds.get_or_create(&call).observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn calls_count_with_their_code_and_reads_with_what_came_of_them() {
        let mut registry = Registry::with_prefix("zero_scaler");
        let telemetry = Telemetry::register(&mut registry);
        telemetry.rpc("GetMetrics").end("ok");
        telemetry.rpc("GetMetrics").end("ok");
        drop(telemetry.rpc("GetMetrics"));
        telemetry.asked("default", Some(SourceKind::Live), Duration::from_millis(20));
        telemetry.asked("default", None, Duration::from_secs(3));
        let mut told = String::new();
        text::encode(&mut told, &registry).unwrap();
        for line in [
            r#"zero_scaler_rpc_total{method="GetMetrics",code="ok"} 2"#,
            r#"zero_scaler_rpc_total{method="GetMetrics",code="cancelled"} 1"#,
            r#"zero_scaler_rpc_duration_seconds_count{method="GetMetrics",code="ok"} 2"#,
            r#"zero_scaler_read_duration_seconds_count{broker="default",outcome="live"} 1"#,
            r#"zero_scaler_read_duration_seconds_sum{broker="default",outcome="failed"} 3.0"#,
        ] {
            assert!(told.contains(line), "{told}");
        }
    }
}
