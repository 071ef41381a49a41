//! The gRPC server around the service: health, reflection, limits, a clean end.

use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::FutureExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::answers::Answers;
use crate::grpc::{DESCRIPTOR, ExternalScalerServer, Grpc, SERVICE};
use crate::incoming;
use crate::telemetry::Telemetry;
use crate::tls::Tls;

/// KEDA multiplexes the streams of all ScaledObjects over one connection.
const STREAMS: u32 = 4_096;
/// A peer that is silent for so long is asked whether it still lives; KEDA never asks us.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Health follows readiness this often until the first read.
const READINESS_EVERY: Duration = Duration::from_millis(200);

/// Health says that we end for so long before connections end: callers look elsewhere meanwhile.
const FAREWELL: Duration = Duration::from_millis(500);

/// What the server offers besides the contract, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Serve the contract to clients that ask for it.
    pub reflection: bool,
    /// After so long a connection takes no new calls. KEDA resolves names again only when a
    /// connection ends: without an end to connections a new replica would get no calls.
    pub connection_age: Duration,
    /// Serve over TLS alone.
    pub tls: Option<Tls>,
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
    let router = Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_keepalive_interval(Some(PING_EVERY))
        .max_connection_age(options.connection_age)
        .add_service(health_service)
        .add_service(service)
        .add_optional_service(v1)
        .add_optional_service(v1alpha);
    tokio::select! {
        outcome = accept(router, listener, options.tls.clone(), shutdown.clone()) => outcome,
        () = tell(&health, &answers, &shutdown) => Ok(()),
        () = follow(options.tls.as_ref()) => Ok(()),
    }
}

/// Serves until a moment after `shutdown`; then no more connections are taken, and those there are
/// end with their last call.
async fn accept(
    router: Router,
    listener: TcpListener,
    tls: Option<Tls>,
    shutdown: CancellationToken,
) -> Result<()> {
    let farewell = async move {
        shutdown.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let serving = match tls {
        None => router.serve_with_incoming_shutdown(incoming::plain(listener), farewell).boxed(),
        Some(tls) => {
            router.serve_with_incoming_shutdown(incoming::with_tls(listener, tls), farewell).boxed()
        }
    };
    serving.await.context("the gRPC server failed")
}

/// Health: the service follows readiness until the first read, the process is well until it ends.
/// Those who watch are told of the end, and their streams end with it. Never returns.
async fn tell(health: &HealthReporter, answers: &Answers, shutdown: &CancellationToken) {
    let ready = async {
        while answers.readiness().is_err() {
            tokio::time::sleep(READINESS_EVERY).await;
        }
        health.set_service_status(SERVICE, ServingStatus::Serving).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = ready => {}
    }
    for name in ["", SERVICE] {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    tokio::time::sleep(FAREWELL).await;
    for name in ["", SERVICE] {
        health.clone().clear_service_status(name).await;
    }
    std::future::pending::<()>().await;
}

async fn follow(tls: Option<&Tls>) {
    match tls {
        Some(tls) => tls.follow().await,
        None => std::future::pending().await,
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTOR)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
