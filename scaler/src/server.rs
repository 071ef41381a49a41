//! The gRPC server around the service: health, reflection, limits, a clean end.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::answers::Answers;
use crate::grpc::{DESCRIPTOR, ExternalScalerServer, Grpc, SERVICE};
use crate::telemetry::Telemetry;

/// KEDA multiplexes the streams of all ScaledObjects over one connection.
const STREAMS: u32 = 4_096;
/// A peer that is silent for so long is asked whether it still lives; KEDA never asks us.
const PING_EVERY: Duration = Duration::from_secs(30);
/// KEDA resolves names again only when a connection breaks: without an end to connections a new
/// replica would get no calls.
const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// Health follows readiness this often until the first read.
const READINESS_EVERY: Duration = Duration::from_millis(200);

/// What the server offers besides the contract.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Serve the contract to clients that ask for it.
    pub reflection: bool,
}

/// Serves until `shutdown`, then lets calls finish and ends streams cleanly.
pub async fn serve(
    listener: TcpListener,
    answers: Answers,
    telemetry: Telemetry,
    options: Options,
    shutdown: CancellationToken,
) -> Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::Serving).await;
    health.set_service_status(SERVICE, ServingStatus::NotServing).await;
    let (v1, v1alpha) = if options.reflection {
        (Some(reflection().build_v1()?), Some(reflection().build_v1alpha()?))
    } else {
        (None, None)
    };
    let service =
        ExternalScalerServer::new(Grpc::new(answers.clone(), telemetry, shutdown.clone()));
    let serving = Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(PING_EVERY))
        .tcp_nodelay(true)
        .max_connection_age(CONNECTION_AGE)
        .add_service(health_service)
        .add_service(service)
        .add_optional_service(v1)
        .add_optional_service(v1alpha)
        .serve_with_incoming_shutdown(
            TcpListenerStream::new(listener),
            shutdown.clone().cancelled_owned(),
        );
    let telling = async {
        loop {
            if answers.readiness().is_ok() {
                health.set_service_status(SERVICE, ServingStatus::Serving).await;
                break;
            }
            tokio::time::sleep(READINESS_EVERY).await;
        }
        shutdown.cancelled().await;
        health.set_service_status(SERVICE, ServingStatus::NotServing).await;
        health.set_service_status("", ServingStatus::NotServing).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = serving => outcome.context("the gRPC server failed"),
        () = telling => Ok(()),
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
