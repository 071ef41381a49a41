//! The HTTP side: probes and metrics. Read-only, answered from memory.

use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use amqp_gateway::Activity;
use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::books::Books;

/// How long open requests may take to end once shutdown began.
const DRAIN: Duration = Duration::from_secs(1);
/// What `/metrics` answers with.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What each handler gets.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What `/metrics` tells.
    pub registry: Arc<Registry>,
    /// What the gateway sees.
    pub activity: watch::Receiver<Activity>,
    /// What was counted.
    pub books: Books,
}

/// Serves until `shutdown`.
pub async fn serve(
    listener: TcpListener,
    shared: Shared,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(async || (StatusCode::NOT_FOUND, "there are /metrics, /livez and /readyz\n"))
        .with_state(shared);
    serve_until(listener, app, shutdown, DRAIN).await
}

/// Serves until `shutdown`, and then what was asked before for as long as `drain`.
pub(crate) async fn serve_until(
    listener: TcpListener,
    app: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> anyhow::Result<()> {
    let server = axum::serve(listener, app);
    let server = server.with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        ended = server.into_future() => ended.context("serve HTTP"),
        () = overdue => Ok(()),
    }
}

async fn readyz(State(shared): State<Shared>) -> (StatusCode, String) {
    let running = shared.books.account().running;
    match readiness(running, &shared.activity.borrow()) {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

/// A worker is ready when it takes tasks from a queue: it loads or makes its circuits before.
fn readiness(running: bool, activity: &Activity) -> Result<(), &'static str> {
    if activity.draining {
        Err("it is being drained")
    } else if !running {
        Err("the worker does not run; the log says why")
    } else if activity.connections == 0 {
        Err("the worker has not connected; it loads or makes its circuits first")
    } else if activity.consuming.is_empty() {
        Err("the worker takes no tasks from any queue yet")
    } else {
        Ok(())
    }
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &shared.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "could not write the metrics");
            let words = "could not write the metrics; see the log\n";
            (StatusCode::INTERNAL_SERVER_ERROR, words).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_ready_when_it_takes_tasks() {
        let mut activity = Activity::default();
        assert!(readiness(false, &activity).unwrap_err().contains("does not run"));
        assert!(readiness(true, &activity).unwrap_err().contains("circuits"));
        activity.connections = 1;
        assert!(readiness(true, &activity).unwrap_err().contains("no tasks"));
        activity.consuming.push("task-ipc-routing-key".into());
        assert_eq!(readiness(true, &activity), Ok(()));
        activity.draining = true;
        assert!(readiness(true, &activity).unwrap_err().contains("drained"));
    }
}
