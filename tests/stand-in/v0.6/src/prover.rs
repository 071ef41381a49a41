//! Proves blocks with paladin's directives, in the shape of v0.5 and v0.6.

use anyhow::{Context, Result};
use futures::TryStreamExt;
use paladin::{
    directive::{Directive, IndexedStream, Literal},
    runtime::Runtime,
};
use tracing::info;

use crate::{
    inputs, names,
    ops::{self, TxnResult},
    proof::{AggregatedProof, GeneratedBlockProof, PreviousBlock},
    results::Results,
    witness::BlockProverInput,
};

/// One connection for everything.
pub struct Prover {
    /// Where tasks go.
    pub runtime: Runtime,
    /// Simulate only.
    pub test_only: bool,
    /// Sent along.
    pub save_inputs_on_error: bool,
    /// What came back.
    pub results: Results,
}

impl Prover {
    /// Simulates or proves all transactions of a block; none of it waits for other blocks.
    pub async fn prove_parts(&self, block: &BlockProverInput) -> Result<Option<AggregatedProof>> {
        let number = block.number()?;
        if self.test_only {
            info!(target: names::PROVER, "Testing witness generation for block {number}.");
        }
        let save_inputs_on_error = self.save_inputs_on_error;
        let op = ops::TxProof { save_inputs_on_error };
        let tasks = IndexedStream::from(inputs::cut(block)?);
        let results = Directive::map(tasks, &op).run(&self.runtime).await?;
        let mut counted = results.inspect_ok(|_| self.results.count());
        if self.test_only {
            while counted.try_next().await?.is_some() {}
            return Ok(None);
        }
        let op = ops::AggProof { save_inputs_on_error };
        let fold = Directive::fold(IndexedStream::new(counted), &op);
        let TxnResult(proof) = fold.run(&self.runtime).await?;
        proof.context("a block without tasks").map(Some)
    }

    /// Closes a block over the one before.
    pub async fn close(
        &self,
        proof: AggregatedProof,
        prev: Option<PreviousBlock>,
    ) -> Result<GeneratedBlockProof> {
        let save_inputs_on_error = self.save_inputs_on_error;
        let op = ops::BlockProof { prev, save_inputs_on_error };
        let Literal(proof) = Literal(proof).map(&op).run(&self.runtime).await?;
        self.results.count();
        Ok(proof)
    }
}
