//! `POST /v1/proofs`.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Service, answer, refuse, refused};
use crate::proof::{Kind, Wish};
use crate::upload::{UploadError, receive};
use crate::view::View;

/// Chain names are part of file names of backups and of people's commands.
const CHAIN_MAX: usize = 64;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    kind: Option<Kind>,
    chain: Option<String>,
    priority: Option<i64>,
    /// Such as `90m`.
    deadline: Option<String>,
    #[serde(default)]
    force: bool,
}

pub(super) async fn submit(
    Shared(service): Shared<Service>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let wish = wish(wanted).map_err(|why| refused(StatusCode::BAD_REQUEST, &why))?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|value| value.parse().ok()).unwrap_or_default();
    service.proofs.room_for(announced).map_err(refuse)?;
    let received = receive(&service.proofs, body, service.witness_max)
        .await
        .map_err(|error| not_taken(&error))?;
    let (new, proof) = service.proofs.enter(received, wish).await.map_err(refuse)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let view: View = service.proofs.tell(proof).await.map_err(refuse)?.into();
    Ok(answer(status, &view))
}

fn wish(wanted: Wanted) -> Result<Wish, String> {
    let deadline = wanted.deadline.as_deref().map(humantime::parse_duration).transpose();
    let deadline: Option<Duration> =
        deadline.map_err(|error| format!("deadline: {error}; such as `90m`"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(chain) = &wanted.chain
        && (chain.is_empty() || chain.len() > CHAIN_MAX || !chain.chars().all(plain))
    {
        return Err(format!(
            "chain: up to {CHAIN_MAX} letters, digits, dashes, dots and underscores"
        ));
    }
    Ok(Wish {
        kind: wanted.kind.unwrap_or(Kind::Proof),
        chain: wanted.chain,
        priority: wanted.priority.unwrap_or_default(),
        deadline,
        force: wanted.force,
    })
}

fn not_taken(error: &UploadError) -> Response {
    let status = match error {
        UploadError::Fault(fault) if fault.is_too_large() => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::Fault(fault) if fault.is_of_the_witness() => StatusCode::UNPROCESSABLE_ENTITY,
        UploadError::Form(..) => StatusCode::UNPROCESSABLE_ENTITY,
        UploadError::CutOff(_) => StatusCode::BAD_REQUEST,
        UploadError::Fault(_) | UploadError::Write(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let place = match error {
        UploadError::Fault(fault) => fault.position.map(|place| (place.line, place.column)),
        UploadError::Form(..) | UploadError::Write(_) | UploadError::CutOff(_) => None,
    };
    let path = match error {
        UploadError::Fault(fault) => Some(fault.path.clone()).filter(|path| !path.is_empty()),
        UploadError::Form(..) | UploadError::Write(_) | UploadError::CutOff(_) => None,
    };
    let (line, column) = place.unzip();
    answer(
        status,
        &json!({ "error": error.to_string(), "path": path, "line": line, "column": column }),
    )
}
