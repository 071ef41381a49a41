//! The HTTP side of the proof service. Only this file picks status codes.

mod events;
mod files;
mod guard;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{OPENMETRICS, serve_until};
use crate::proof::State;
use crate::proofs::{Proofs, Refusal};
use crate::view::View;
pub use guard::Guard;

/// How long open requests may take to end once shutdown began.
const DRAIN: Duration = Duration::from_secs(2);
/// Proofs in one answer, unless fewer are asked for.
const PAGE: u32 = 100;
/// Proofs in one answer at most.
const PAGE_MAX: u32 = 1_000;
/// What can be asked, as `GET /v1/openapi.json` tells it.
pub const OPENAPI: &str = include_str!("api/openapi.json");

/// What each handler gets.
#[derive(Debug, Clone)]
pub struct Service {
    /// The proofs.
    pub proofs: Arc<Proofs>,
    /// The longest witness, unpacked.
    pub witness_max: u64,
    /// Who may ask.
    pub guard: Guard,
    /// Ends what would go on for ever.
    pub shutdown: CancellationToken,
}

/// Every method and path of the service; paths in `OpenAPI`'s words, which are axum's too.
pub fn routes() -> Vec<(&'static str, &'static str, MethodRouter<Service>)> {
    vec![
        ("post", "/v1/proofs", post(submit::submit)),
        ("get", "/v1/proofs", get(list)),
        ("get", "/v1/proofs/{id}", get(show)),
        ("delete", "/v1/proofs/{id}", delete(cancel)),
        ("get", "/v1/proofs/{id}/events", get(events::events)),
        ("get", "/v1/proofs/{id}/proof", get(files::proof)),
        ("get", "/v1/proofs/{id}/log", get(files::log)),
        ("get", "/v1/proofs/{id}/report", get(report)),
        ("post", "/v1/proofs/{id}/retry", post(retry)),
        ("post", "/v1/proofs/{id}/verify", post(verify)),
        ("get", "/v1/version", get(version)),
        ("get", "/v1/openapi.json", get(openapi)),
        ("get", "/metrics", get(metrics)),
        ("get", "/livez", get(async || "ok\n")),
        ("get", "/readyz", get(readyz)),
    ]
}

/// Serves until `shutdown`.
pub async fn serve(listener: TcpListener, service: Service) -> anyhow::Result<()> {
    let shutdown = service.shutdown.clone();
    let mut app = Router::new();
    for (_, path, route) in routes() {
        app = app.route(path, route);
    }
    let unknown = async || refused(StatusCode::NOT_FOUND, "no such path; see /v1/openapi.json");
    let guard = axum::middleware::from_fn_with_state(service.clone(), guard::guard);
    let app = app.fallback(unknown).layer(guard).with_state(service);
    serve_until(listener, app, shutdown, DRAIN).await
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::NoRoom(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Ledger(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// What was asked, or why not.
type Answer = Result<Response, Response>;

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` takes")]
fn refuse(refusal: Refusal) -> Response {
    if let Refusal::Ledger(error) = &refusal {
        tracing::error!("{error}");
    }
    refused(refusal.status(), &refusal.to_string())
}

fn refused(status: StatusCode, why: &str) -> Response {
    answer(status, &json!({ "error": why }))
}

fn answer(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_string(value) {
        Ok(text) => {
            (status, [(header::CONTENT_TYPE, "application/json")], text + "\n").into_response()
        }
        Err(error) => {
            tracing::error!(%error, "could not write an answer");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Debug, Deserialize)]
struct Asked {
    state: Option<State>,
    ended: Option<bool>,
    block: Option<u64>,
    chain: Option<String>,
    before: Option<i64>,
    limit: Option<u32>,
}

async fn list(Shared(service): Shared<Service>, Query(asked): Query<Asked>) -> Answer {
    let limit = asked.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let states = (asked.state, asked.ended.unwrap_or(false));
    let listed = service.proofs.list(states, (asked.block, asked.chain), (asked.before, limit));
    let told = listed.await.map_err(refuse)?;
    let full = told.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = told.last().map(|told| told.proof.number).filter(|_| full);
    let views: Vec<View> = told.into_iter().map(View::from).collect();
    Ok(answer(StatusCode::OK, &json!({ "proofs": views, "before": next })))
}

async fn told(service: &Service, id: &str) -> Result<View, Response> {
    let proof = service.proofs.find(id).await.map_err(refuse)?;
    Ok(service.proofs.tell(proof).await.map_err(refuse)?.into())
}

async fn show(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    Ok(answer(StatusCode::OK, &told(&service, &id).await?))
}

async fn cancel(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    service.proofs.cancel(&id).await.map_err(refuse)?;
    Ok(answer(StatusCode::OK, &told(&service, &id).await?))
}

async fn retry(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    service.proofs.retry(&id).await.map_err(refuse)?;
    Ok(answer(StatusCode::OK, &told(&service, &id).await?))
}

async fn verify(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    service.proofs.verify(&id).await.map_err(refuse)?;
    Ok(answer(StatusCode::OK, &told(&service, &id).await?))
}

async fn report(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    let proof = service.proofs.find(&id).await.map_err(refuse)?;
    Ok(answer(StatusCode::OK, &service.proofs.report(&proof).await.map_err(refuse)?))
}

async fn version(Shared(service): Shared<Service>) -> Response {
    let prover = service.proofs.prover();
    let told = json!({
        "zeroLeader": env!("CARGO_PKG_VERSION"),
        "prover": prover.version,
        "generation": prover.generation.word(),
        "verifier": prover.verifier.is_some(),
    });
    answer(StatusCode::OK, &told)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn readyz(Shared(service): Shared<Service>) -> Response {
    match service.proofs.census().await {
        Ok(_) => "ready\n".into_response(),
        Err(refusal) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {refusal}\n")).into_response()
        }
    }
}

async fn metrics(Shared(service): Shared<Service>) -> Answer {
    let census = service.proofs.census().await.map_err(refuse)?;
    let running = service.proofs.running().await.map_err(refuse)?;
    let free = service.proofs.store().free().ok();
    let text = crate::proof_metrics::text(&census, &running, free);
    let text =
        text.map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn the_document_names_exactly_what_is_served() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let told: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                let methods = methods.filter(|name| *name != "parameters");
                methods.map(|method| (method.clone(), path.clone()))
            })
            .collect();
        let served: BTreeSet<(String, String)> =
            routes().iter().map(|(method, path, _)| ((*method).into(), (*path).into())).collect();
        assert_eq!(told, served);
    }
}
