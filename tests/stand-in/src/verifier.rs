//! `verifier`: checks a file of proofs.
//!
//! As the real one it ends with exit code 0 even if a proof is bad; only its words count.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use clap::Parser;
use tracing::info;

use crate::{
    generation_args::GenerationCircuitArgs, identity::VERSION, logging, names,
    proof::GeneratedBlockProof,
};

/// Checks a stand-in's proofs; of real proofs it knows nothing.
#[derive(Parser, Debug)]
#[command(version = VERSION)]
struct Cli {
    /// The file containing the proof to verify
    #[arg(short, long)]
    file_path: PathBuf,

    #[command(flatten)]
    circuits: GenerationCircuitArgs,
}

/// Runs the program.
#[expect(clippy::unused_async, reason = "all four programs start the same way")]
pub async fn run() -> Result<()> {
    logging::init()?;
    let Cli { file_path, circuits: _ } = Cli::parse();
    let text = fs::read(file_path)?;
    let mut json = serde_json::Deserializer::from_slice(&text);
    let proofs: Vec<GeneratedBlockProof> = serde_path_to_error::deserialize(&mut json)?;
    json.end()?;
    info!(target: names::PROVER_STATE, "initializing verifier state...");
    info!(
        target: names::PROVER_STATE,
        "attempting to load preprocessed verifier circuit from disk..."
    );
    info!(
        target: names::PROVER_STATE,
        "successfully loaded preprocessed verifier circuit from disk"
    );
    match verify_all(&proofs) {
        Ok(()) => info!(target: "verifier", "All proofs verified successfully!"),
        Err(error) => info!(target: "verifier", "Proof verification failed with error: {error}"),
    }
    Ok(())
}

/// Each proof by itself, and neighbours against each other.
fn verify_all(proofs: &[GeneratedBlockProof]) -> Result<()> {
    for proof in proofs {
        proof.verify()?;
    }
    for (before, after) in proofs.iter().zip(proofs.iter().skip(1)) {
        if let Some(previous) = &after.intern.previous {
            let linked = *previous == before.as_previous();
            ensure!(linked, "block {} does not follow the one before it", after.b_height);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
