//! `leader http`: one block for each `POST /prove`.

use std::{
    fmt::Debug,
    fs,
    future::Future,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::post,
};
use serde::Deserialize;
use tokio::net::TcpListener;
use tracing::{error, info};

use crate::{
    names,
    proof::{GeneratedBlockProof, PreviousBlock},
    witness::BlockProverInput,
};

/// The body of a request.
#[derive(Debug, Deserialize)]
struct Payload {
    prover_input: BlockProverInput,
    previous: Option<GeneratedBlockProof>,
}

/// Whatever proves one block.
pub trait BlockProver: Clone + Send + Sync + 'static {
    /// Proves it, on top of the block before.
    fn prove(
        &self,
        input: BlockProverInput,
        previous: Option<PreviousBlock>,
    ) -> impl Future<Output = Result<GeneratedBlockProof>> + Send;
}

/// Serves until the process ends.
pub async fn serve<P: BlockProver>(port: u16, output_dir: PathBuf, prover: P) -> Result<()> {
    let routes = Router::new()
        .route("/prove", post(prove::<P>))
        .layer(DefaultBodyLimit::disable())
        .with_state((prover, output_dir));
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    axum::serve(listener, routes).await.context("serving HTTP")
}

async fn prove<P: BlockProver>(
    State((prover, output_dir)): State<(P, PathBuf)>,
    Json(Payload { prover_input, previous }): Json<Payload>,
) -> StatusCode {
    let Ok(number) = prover_input.number() else {
        return StatusCode::INTERNAL_SERVER_ERROR;
    };
    let previous = previous.map(|proof| proof.as_previous());
    match prover.prove(prover_input, previous).await {
        Ok(proof) => written(write(&output_dir, &proof)),
        Err(error) => {
            let words = error.to_string();
            error!(target: names::HTTP, "Error while proving block {number}: {words:?}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn write(output_dir: &Path, proof: &GeneratedBlockProof) -> Result<PathBuf> {
    fs::create_dir_all(output_dir)?;
    let file = output_dir.join(format!("proof-{}.json", proof.b_height));
    fs::write(&file, serde_json::to_vec(proof)?)?;
    Ok(file)
}

fn written(result: Result<PathBuf, impl Debug>) -> StatusCode {
    match result {
        Ok(file) => {
            info!(target: names::HTTP, "Successfully wrote proof to {}", file.display());
            StatusCode::OK
        }
        Err(error) => {
            error!(target: names::HTTP, "Error while writing to file: {error:?}");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}
