//! `GetMetrics` against a call that does nothing, on the same server and connection.

use std::time::Instant;

use crate::keda::KedaClient;
use anyhow::Result;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::scene::{Scene, object};
use super::stats::Samples;

/// Calls of each kind, taken in turns.
const CALLS: usize = 4_000;

/// Both kinds of call.
#[derive(Debug)]
pub(crate) struct Rpc {
    /// `grpc.health.v1.Health/Check`: the least a unary call can be.
    pub(crate) nothing: Samples,
    /// `GetMetrics`.
    pub(crate) get_metrics: Samples,
}

/// Calls both in turns.
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
pub(crate) async fn measure(scene: &Scene) -> Result<Rpc> {
    let address = format!("http://{}", scene.scaler()?.grpc());
    let channel = Endpoint::from_shared(address)?.connect().await?;
    let keda = KedaClient::over(channel.clone());
    let mut health = HealthClient::new(channel);
    let object = object(0);
    let metric = keda.metric_spec(&object).await?.metric_name;
    let (mut nothing, mut get_metrics) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let sent = Instant::now();
        health.check(HealthCheckRequest::default()).await?;
        nothing.push(sent.elapsed());
        let sent = Instant::now();
        keda.metric_values(&object, &metric).await?;
        get_metrics.push(sent.elapsed());
    }
    Ok(Rpc {
        nothing: nothing.into_iter().collect(),
        get_metrics: get_metrics.into_iter().collect(),
    })
}
