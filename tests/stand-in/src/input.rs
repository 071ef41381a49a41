//! What `leader stdio` reads before it starts.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use anyhow::{Context, Result};

use crate::{
    proof::{GeneratedBlockProof, PreviousBlock},
    witness::{self, BlockProverInput},
};

/// All blocks on stdin.
pub fn blocks() -> Result<Vec<BlockProverInput>> {
    let mut text = Vec::new();
    io::stdin().lock().read_to_end(&mut text)?;
    witness::parse(&text)
}

/// The proof to start from: one proof, alone or in an array, as the generation wants it.
pub fn previous(file: Option<&Path>, in_array: bool) -> Result<Option<PreviousBlock>> {
    let Some(file) = file else { return Ok(None) };
    let text = fs::read(file).with_context(|| format!("{}", file.display()))?;
    let proof: GeneratedBlockProof = if in_array {
        let [proof] = serde_json::from_slice::<[GeneratedBlockProof; 1]>(&text)?;
        proof
    } else {
        serde_json::from_slice(&text)?
    };
    Ok(Some(proof.as_previous()))
}
