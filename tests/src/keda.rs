//! KEDA's side of the contract: the calls its client makes, in its order and with its readings.
//!
//! KEDA ≤ 2.16 reads the integer of a value alone; since 2.17 it reads the float if that is above
//! zero, else the integer. What comes back under one name it adds up.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use scaler::grpc::proto::external_scaler_client::ExternalScalerClient;
use scaler::grpc::proto::{
    GetMetricSpecResponse, GetMetricsRequest, IsActiveResponse, MetricSpec, MetricValue,
    ScaledObjectRef,
};
use tonic::codec::Streaming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// KEDA sets no deadline; a test must end all the same.
const CALL_LIMIT: Duration = Duration::from_secs(20);

/// What KEDA sends of a `ScaledObject`: its names and a trigger's metadata.
#[must_use]
pub fn scaled_object(namespace: &str, name: &str, metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    ScaledObjectRef {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        scaler_metadata: metadata.iter().map(owned).collect(),
    }
}

/// One connection to a scaler. Cheap to clone; clones share the connection, as KEDA's objects do.
#[derive(Debug, Clone)]
pub struct KedaClient {
    stub: ExternalScalerClient<Channel>,
}

/// What one poll of KEDA reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// The spec it asked by.
    pub spec: MetricSpec,
    /// The value.
    pub value: Value,
    /// Whether there is work.
    pub active: bool,
}

/// A metric's value in both its fields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The integer field.
    pub whole: i64,
    /// The float field.
    pub float: f64,
}

impl Value {
    /// What KEDA up to 2.16 reads.
    #[must_use]
    pub fn until_2_16(self) -> f64 {
        as_f64(self.whole)
    }

    /// What KEDA from 2.17 on reads.
    #[must_use]
    pub fn since_2_17(self) -> f64 {
        if self.float > 0.0 { self.float } else { as_f64(self.whole) }
    }
}

impl Polled {
    /// The replicas that the HPA sets with KEDA ≤ 2.16: value over target, rounded up.
    #[must_use]
    pub fn replicas_until_2_16(&self) -> f64 {
        (self.value.until_2_16() / as_f64(self.spec.target_size)).ceil()
    }

    /// The replicas that the HPA sets with KEDA ≥ 2.17.
    #[must_use]
    pub fn replicas_since_2_17(&self) -> f64 {
        let MetricSpec { target_size, target_size_float, .. } = self.spec;
        let target = if target_size_float > 0.0 { target_size_float } else { as_f64(target_size) };
        (self.value.since_2_17() / target).ceil()
    }
}

impl KedaClient {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
        let channel = endpoint.connect().await.context("connect to the scaler")?;
        Ok(Self::over(channel))
    }

    /// Uses a connection made elsewhere.
    #[must_use]
    pub fn over(channel: Channel) -> Self {
        Self { stub: ExternalScalerClient::new(channel) }
    }

    /// The bare client, for calls that KEDA would not make.
    #[must_use]
    pub fn stub(&self) -> ExternalScalerClient<Channel> {
        self.stub.clone()
    }

    /// Every spec `GetMetricSpec` answers.
    pub async fn metric_specs(&self, object: &ScaledObjectRef) -> Result<Vec<MetricSpec>, Status> {
        let mut stub = self.stub();
        let answer = bounded(stub.get_metric_spec(object.clone())).await?;
        Ok(answer.into_inner().metric_specs)
    }

    /// The one spec of a trigger.
    pub async fn metric_spec(&self, object: &ScaledObjectRef) -> Result<MetricSpec, Status> {
        match <[MetricSpec; 1]>::try_from(self.metric_specs(object).await?) {
            Ok([spec]) => Ok(spec),
            Err(specs) => Err(Status::internal(format!("not one spec: {specs:?}"))),
        }
    }

    /// Every value `GetMetrics` answers to a name.
    pub async fn metric_values(
        &self,
        object: &ScaledObjectRef,
        metric: &str,
    ) -> Result<Vec<MetricValue>, Status> {
        let scaled_object_ref = Some(object.clone());
        let request = GetMetricsRequest { scaled_object_ref, metric_name: metric.to_owned() };
        let mut stub = self.stub();
        Ok(bounded(stub.get_metrics(request)).await?.into_inner().metric_values)
    }

    /// `GetMetricSpec`, then `GetMetrics` by the name it gave. Values are added up, as KEDA does.
    pub async fn metrics(&self, object: &ScaledObjectRef) -> Result<Value, Status> {
        let spec = self.metric_spec(object).await?;
        let values = self.metric_values(object, &spec.metric_name).await?;
        if values.is_empty() {
            return Err(Status::internal("no matching metrics"));
        }
        let add = |sum: Value, value: &MetricValue| Value {
            whole: sum.whole.saturating_add(value.metric_value),
            float: sum.float + value.metric_value_float,
        };
        Ok(values.iter().fold(Value { whole: 0, float: 0.0 }, add))
    }

    /// `IsActive`.
    pub async fn is_active(&self, object: &ScaledObjectRef) -> Result<bool, Status> {
        let mut stub = self.stub();
        Ok(bounded(stub.is_active(object.clone())).await?.into_inner().result)
    }

    /// One round of KEDA's poll loop.
    pub async fn poll(&self, object: &ScaledObjectRef) -> Result<Polled, Status> {
        let spec = self.metric_spec(object).await?;
        let value = self.metrics(object).await?;
        let active = self.is_active(object).await?;
        Ok(Polled { spec, value, active })
    }

    /// `StreamIsActive`, held open while the value lives.
    pub async fn stream_is_active(
        &self,
        object: &ScaledObjectRef,
    ) -> Result<Streaming<IsActiveResponse>, Status> {
        let mut stub = self.stub();
        Ok(bounded(stub.stream_is_active(object.clone())).await?.into_inner())
    }

    /// `StreamMetricSpec`, held open while the value lives.
    pub async fn stream_metric_spec(
        &self,
        object: &ScaledObjectRef,
    ) -> Result<Streaming<GetMetricSpecResponse>, Status> {
        let mut stub = self.stub();
        Ok(bounded(stub.stream_metric_spec(object.clone())).await?.into_inner())
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let late = |_| Status::new(Code::DeadlineExceeded, format!("no answer in {CALL_LIMIT:?}"));
    tokio::time::timeout(CALL_LIMIT, call).await.map_err(late)?
}

#[expect(clippy::cast_precision_loss, reason = "a client that reads integers computes in floats")]
fn as_f64(whole: i64) -> f64 {
    whole as f64
}
