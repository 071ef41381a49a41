//! KEDA's contract over gRPC. The proto's types and the choice of a status code stay here.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::answers::{Answered, Answers, AskError};
use crate::clock;
use crate::decide::whole;
use crate::snapshot::Snapshot;
use crate::telemetry::Telemetry;
use crate::trigger::metric_name;
use crate::triggers::{Known, NotTaken};

/// The generated code, both sides: tests are clients.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "generated"
)]
pub mod proto {
    tonic::include_proto!("externalscaler");
}

use proto::external_scaler_server::ExternalScaler;
pub use proto::external_scaler_server::ExternalScalerServer;
use proto::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};

/// The compiled contract, for reflection.
pub const DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/externalscaler.bin"));

/// KEDA's own name of the service, for health checks.
pub const SERVICE: &str = "externalscaler.ExternalScaler";

/// While a trigger stays active, `true` is said again this often: KEDA can lose one. Not more
/// often than its default polling interval, because each one restarts the cooldown.
const REPEAT: Duration = Duration::from_secs(30);

/// Messages KEDA shows in events stay short.
const MESSAGE_CHARS: usize = 400;

type Pushed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
#[derive(Debug, Clone)]
pub struct Grpc {
    answers: Answers,
    telemetry: Telemetry,
    shutdown: CancellationToken,
}

impl Grpc {
    /// Streams end cleanly at `shutdown`: KEDA forgets its backoff only then.
    #[must_use]
    pub fn new(answers: Answers, telemetry: Telemetry, shutdown: CancellationToken) -> Self {
        Self { answers, telemetry, shutdown }
    }

    async fn answer(&self, known: Arc<Known>) -> Result<Answered, Status> {
        self.answers.answer(known).await.map_err(|error| status(&error))
    }

    fn known(&self, object: Option<&ScaledObjectRef>) -> Result<Arc<Known>, Status> {
        let object = named(object)?;
        let known = self.answers.trigger(&object.namespace, &object.name, &object.scaler_metadata);
        known.map_err(|error| status(&error))
    }

    /// The spec of a trigger, also of one that cannot be used: of an error here KEDA (2.21) tells
    /// users only "got empty metric spec", of one of the other calls all its words, in an Event.
    fn spec(&self, object: &ScaledObjectRef) -> Result<GetMetricSpecResponse, Status> {
        let named = named(Some(object))?;
        match self.answers.trigger(&named.namespace, &named.name, &named.scaler_metadata) {
            Ok(known) => Ok(metric_spec(known.trigger.metric_name.clone(), known.trigger.target)),
            Err(AskError::NotTaken(NotTaken::Metadata(_)) | AskError::UnknownBroker { .. }) => {
                Ok(metric_spec(metric_name(&named.scaler_metadata), 1.0))
            }
            Err(error) => Err(status(&error)),
        }
    }

    /// Counts the call, by its outcome.
    async fn observed<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, Status>>,
    ) -> Result<Response<T>, Status> {
        let observer = self.telemetry.rpc(method);
        let outcome = call.await;
        observer.end(outcome.as_ref().map_or_else(|status| code_name(status.code()), |_| "ok"));
        outcome.map(Response::new)
    }
}

#[tonic::async_trait]
impl ExternalScaler for Grpc {
    type StreamIsActiveStream = Pushed<IsActiveResponse>;
    type StreamMetricSpecStream = Pushed<GetMetricSpecResponse>;

    async fn is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<IsActiveResponse>, Status> {
        let call = async {
            let answered = self.answer(self.known(Some(request.get_ref()))?).await?;
            Ok(IsActiveResponse { result: answered.decision.active })
        };
        self.observed("IsActive", call).await
    }

    /// From the metadata alone: while this call fails, KEDA's `fallback` never counts a failure.
    async fn get_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<GetMetricSpecResponse>, Status> {
        let call = async { self.spec(request.get_ref()) };
        self.observed("GetMetricSpec", call).await
    }

    async fn get_metrics(
        &self,
        request: Request<GetMetricsRequest>,
    ) -> Result<Response<GetMetricsResponse>, Status> {
        let call = async {
            let GetMetricsRequest { scaled_object_ref, metric_name } = request.into_inner();
            let known = self.known(scaled_object_ref.as_ref())?;
            check_name(&known.trigger.metric_name, &metric_name)?;
            let decision = self.answer(known).await?.decision;
            let value = MetricValue {
                metric_name,
                metric_value: decision.whole_value(),
                metric_value_float: decision.value,
            };
            Ok(GetMetricsResponse { metric_values: vec![value] })
        };
        self.observed("GetMetrics", call).await
    }

    async fn stream_is_active(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamIsActiveStream>, Status> {
        let call = async {
            let known = self.known(Some(request.get_ref()))?;
            let snapshots = self.answers.follow(&known).map_err(|error| status(&error))?;
            let edges = Edges { answers: self.answers.clone(), known, snapshots, last: None };
            let pushed = stream::unfold((edges, true), |(mut edges, first)| async move {
                edges.next(first).await?;
                Some((Ok(IsActiveResponse { result: true }), (edges, false)))
            });
            Ok(Box::pin(pushed.take_until(self.shutdown.clone().cancelled_owned())) as Pushed<_>)
        };
        self.observed("StreamIsActive", call).await
    }

    /// The target comes from the metadata alone, so the first message is the only one.
    async fn stream_metric_spec(
        &self,
        request: Request<ScaledObjectRef>,
    ) -> Result<Response<Self::StreamMetricSpecStream>, Status> {
        let call = async {
            let spec = self.spec(request.get_ref())?;
            let pushed = stream::once(async move { Ok(spec) }).chain(stream::pending());
            Ok(Box::pin(pushed.take_until(self.shutdown.clone().cancelled_owned())) as Pushed<_>)
        };
        self.observed("StreamMetricSpec", call).await
    }
}

fn named(object: Option<&ScaledObjectRef>) -> Result<&ScaledObjectRef, Status> {
    let object =
        object.ok_or_else(|| Status::invalid_argument("the request names no scaledObjectRef"))?;
    if object.name.is_empty() {
        return Err(Status::invalid_argument("the request's scaledObjectRef has no name"));
    }
    Ok(object)
}

fn check_name(expected: &str, asked: &str) -> Result<(), Status> {
    if asked.is_empty() {
        return Err(Status::invalid_argument("the request names no metric"));
    }
    if asked == expected {
        return Ok(());
    }
    let asked: String = asked.chars().take(80).collect();
    Err(Status::not_found(format!("no metric `{asked}` here, this trigger has `{expected}`")))
}

fn metric_spec(metric_name: String, target: f64) -> GetMetricSpecResponse {
    let (target_size, target_size_float) = (whole(target), target);
    let spec = MetricSpec { metric_name, target_size, target_size_float };
    GetMetricSpecResponse { metric_specs: vec![spec] }
}

fn status(error: &AskError) -> Status {
    let message: String = error.to_string().chars().take(MESSAGE_CHARS).collect();
    match error {
        AskError::NotTaken(crate::triggers::NotTaken::TooMany) => {
            Status::resource_exhausted(message)
        }
        AskError::NotTaken(_) | AskError::UnknownBroker { .. } => Status::invalid_argument(message),
        AskError::Refused(_) => Status::unavailable(message),
    }
}

/// The codes we answer with are few, and labels of metrics come from a closed set.
fn code_name(code: tonic::Code) -> &'static str {
    let known = [
        (tonic::Code::InvalidArgument, "invalid_argument"),
        (tonic::Code::NotFound, "not_found"),
        (tonic::Code::ResourceExhausted, "resource_exhausted"),
        (tonic::Code::Unavailable, "unavailable"),
    ];
    known.iter().find(|(known, _)| *known == code).map_or("other", |(_, name)| *name)
}

/// One push stream. KEDA ignores `false`, so it says only `true`: on becoming active, and slowly
/// again while active. A watch channel holds the newest state alone, so a slow reader makes no
/// backlog.
struct Edges {
    answers: Answers,
    known: Arc<Known>,
    snapshots: tokio::sync::watch::Receiver<Arc<Snapshot>>,
    last: Option<(bool, Instant)>,
}

impl Edges {
    /// Waits until `true` is to be said; looks at once when the stream was just opened. `None`:
    /// nothing will change any more.
    async fn next(&mut self, opened: bool) -> Option<()> {
        let mut look_now = opened;
        loop {
            if !look_now && let Ok(Err(_)) = timeout(REPEAT, self.snapshots.changed()).await {
                return None;
            }
            look_now = false;
            self.snapshots.mark_unchanged();
            if self.is_due(Instant::now()) {
                return Some(());
            }
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        self.known.touch(clock::now());
        // Unknown is neither active nor inactive: what was said last stands.
        let Ok(decision) = self.answers.decide(&self.known) else { return false };
        let said = self.last.is_some_and(|(active, at)| active && now.duration_since(at) < REPEAT);
        if decision.active && said {
            return false;
        }
        self.last = Some((decision.active, now));
        decision.active
    }
}
