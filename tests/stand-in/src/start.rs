//! What a worker says before it connects. There is no line for being ready.

use std::time::Duration;

use tracing::info;

use crate::names;

/// Pretends to load the circuits for so long.
pub async fn load_circuits(delay: Duration) {
    info!(target: names::PROVER_STATE, "initializing prover state...");
    info!(target: names::PROVER_STATE, "attempting to load preprocessed circuits from disk...");
    tokio::time::sleep(delay).await;
    info!(target: names::PROVER_STATE, "successfully loaded preprocessed circuits from disk");
}
