//! Downloads: a proof's file, a leader's log.

use std::path::Path as FilePath;

use axum::body::Body;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::{Answer, Service, refuse, refused};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    attempt: Option<u32>,
}

pub(super) async fn proof(Shared(service): Shared<Service>, Path(id): Path<String>) -> Answer {
    let proof = service.proofs.find(&id).await.map_err(refuse)?;
    let Some(file) = proof.file else {
        let why = format!("`{id}` is {} and has no proof file", proof.state.word());
        return Err(refused(StatusCode::CONFLICT, &why));
    };
    let name = format!("attachment; filename=\"{id}.zkproof\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::ETAG, format!("\"{}\"", file.digest)),
        (header::CONTENT_LENGTH, file.bytes.to_string()),
    ];
    let body = sent(&service.proofs.store().proof(&id)).await?;
    Ok((headers, body).into_response())
}

pub(super) async fn log(
    Shared(service): Shared<Service>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Answer {
    let proof = service.proofs.find(&id).await.map_err(refuse)?;
    let attempt = which.attempt.unwrap_or(proof.attempts);
    if attempt == 0 || attempt > proof.attempts {
        let why = match proof.attempts {
            0 => format!("`{id}` has not begun, so there is no log"),
            last => format!("`{id}` has the attempts 1 to {last}"),
        };
        return Err(refused(StatusCode::NOT_FOUND, &why));
    }
    let body = sent(&service.proofs.store().log(&id, attempt)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response())
}

async fn sent(path: &FilePath) -> Result<Body, Response> {
    let file = File::open(path).await.map_err(|error| {
        let why = format!("cannot read `{}`: {error}", path.display());
        tracing::error!("{why}");
        refused(StatusCode::INTERNAL_SERVER_ERROR, &why)
    })?;
    let parts = stream::try_unfold(file, async |mut file| {
        let mut chunk = vec![0; CHUNK];
        let count = file.read(&mut chunk).await?;
        chunk.truncate(count);
        Ok::<_, std::io::Error>((count > 0).then_some((chunk, file)))
    });
    Ok(Body::from_stream(parts))
}
