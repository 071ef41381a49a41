//! The HTTP side: probes, metrics, the status page with its events, and explanations. Read-only;
//! everything is answered from memory, so nothing here can load a broker.

mod events;
mod explain;

use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::answers::{Answers, AskError};
use crate::page;
use crate::status::Status;
use crate::telemetry;

/// How long open requests may take to end once shutdown began.
const DRAIN: Duration = Duration::from_secs(3);
/// Pages that may follow the events at once; each costs a rendering a second.
const VIEWERS: usize = 64;

/// Headers of every answer: nothing is kept, guessed, framed, or loaded from elsewhere.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

const NO_SUCH_PATH: &str = "nothing is here; there are /status, /status.json, /status/events, \
                            /explain, /metrics, /livez and /readyz\n";

/// Why a trigger could not be explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotExplained {
    /// The trigger is wrong; the words name the key.
    BadTrigger(String),
    /// The trigger is fine, but there is no number for it now.
    NoNumber(String),
}

/// What the server tells: everything known, from memory.
pub trait Facts: Clone + Send + Sync + 'static {
    /// Everything, at this moment.
    fn status(&self) -> Status;
    /// Grows with each change of anything known.
    fn changes(&self) -> watch::Receiver<u64>;
    /// `Err`: why nothing can be answered yet.
    fn readiness(&self) -> Result<(), String>;
    /// Titles and explanations of the triggers asked for lately.
    fn explain_known(&self, namespace: Option<&str>, name: Option<&str>) -> Vec<(String, String)>;
    /// The explanation of a trigger nobody asked for.
    fn explain_metadata(&self, metadata: &HashMap<String, String>) -> Result<String, NotExplained>;
}

impl Facts for Answers {
    fn status(&self) -> Status {
        Self::status(self)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }

    fn readiness(&self) -> Result<(), String> {
        Self::readiness(self)
    }

    fn explain_known(&self, namespace: Option<&str>, name: Option<&str>) -> Vec<(String, String)> {
        Self::explain_known(self, namespace, name)
    }

    fn explain_metadata(&self, metadata: &HashMap<String, String>) -> Result<String, NotExplained> {
        Self::explain_metadata(self, metadata).map_err(|error| match error {
            AskError::NotTaken(_) | AskError::UnknownBroker { .. } => {
                NotExplained::BadTrigger(error.to_string())
            }
            AskError::Refused(_) => NotExplained::NoNumber(error.to_string()),
        })
    }
}

/// What each handler gets.
#[derive(Clone)]
struct Shared<F> {
    facts: F,
    registry: Arc<Registry>,
    viewers: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// Serves until `shutdown`, then gives open requests three seconds; event streams end at once.
/// `/metrics` tells the registry and, beside it, the state of `facts`.
pub async fn serve<F: Facts>(
    listener: TcpListener,
    facts: F,
    mut registry: Registry,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let told = facts.clone();
    telemetry::register_status(&mut registry, move || told.status());
    let registry = Arc::new(registry);
    let viewers = Arc::new(Semaphore::new(VIEWERS));
    let app = router(Shared { facts, registry, viewers, shutdown: shutdown.clone() });
    let server =
        axum::serve(listener, app).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        ended = server.into_future() => ended.context("serve HTTP"),
        () = overdue(&shutdown) => Ok(()),
    }
}

async fn overdue(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(DRAIN).await;
}

fn router<F: Facts>(shared: Shared<F>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz::<F>))
        .route("/metrics", get(metrics::<F>))
        .route("/", get(async || (StatusCode::FOUND, [(header::LOCATION, "status")])))
        .route("/status", get(status_page::<F>))
        .route("/status.json", get(status_json::<F>))
        .route("/status/events", get(events::follow::<F>))
        .route("/status/app.css", get(async || typed("text/css; charset=utf-8", page::STYLE)))
        .route(
            "/status/app.js",
            get(async || typed("text/javascript; charset=utf-8", page::SCRIPT)),
        )
        .route("/status/icon.svg", get(async || typed("image/svg+xml", page::ICON)))
        .route("/explain", get(explain::explain::<F>))
        .fallback(async || (StatusCode::NOT_FOUND, NO_SUCH_PATH))
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "this server is only for reading: GET and HEAD\n")
        })
        .layer(map_response(with_headers))
        .with_state(shared)
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn typed(content_type: &'static str, body: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

async fn readyz<F: Facts>(State(shared): State<Shared<F>>) -> (StatusCode, String) {
    match shared.facts.readiness() {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
    }
}

async fn metrics<F: Facts>(State(shared): State<Shared<F>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &shared.registry) {
        Ok(()) => typed("application/openmetrics-text; version=1.0.0; charset=utf-8", body),
        Err(error) => failed(&error),
    }
}

async fn status_page<F: Facts>(State(shared): State<Shared<F>>) -> Response {
    typed("text/html; charset=utf-8", page::document(&shared.facts.status()))
}

async fn status_json<F: Facts>(State(shared): State<Shared<F>>) -> Response {
    match serde_json::to_string_pretty(&shared.facts.status()) {
        Ok(body) => typed("application/json", body),
        Err(error) => failed(&error),
    }
}

fn failed(error: &impl std::fmt::Display) -> Response {
    tracing::error!(%error, "could not write an answer");
    (StatusCode::INTERNAL_SERVER_ERROR, "could not write the answer; see the log\n").into_response()
}
