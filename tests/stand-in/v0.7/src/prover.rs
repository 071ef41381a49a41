//! Proves blocks with paladin's directives, in the shape of v0.7.

use anyhow::{Result, anyhow};
use futures::{TryStreamExt, stream::FuturesUnordered};
use paladin::{
    directive::{Directive, IndexedStream, Literal},
    runtime::Runtime,
};
use tracing::info;

use crate::{
    inputs::{self, GenerationInputs},
    leader_args::ProverArgs,
    names, ops,
    proof::{AggregatedProof, GeneratedBlockProof, PreviousBlock},
    results::Results,
    task_log::cycles,
    witness::BlockProverInput,
};

/// Upstream's panic hides the true cause of a failed segment from the leader; so do we.
const MASKED: &str = r#"task 18 panicked with message "not implemented: empty agg proof""#;

/// Two connections, as upstream has them even if both use one queue.
pub struct Prover {
    /// Where segment proofs go.
    pub heavy: Runtime,
    /// Where everything else goes.
    pub light: Runtime,
    /// How to prove.
    pub args: ProverArgs,
    /// What came back.
    pub results: Results,
}

impl Prover {
    /// Simulates or proves all segments of a block; none of it waits for other blocks.
    pub async fn prove_parts(&self, block: &BlockProverInput) -> Result<Option<AggregatedProof>> {
        let number = block.number()?;
        let batches = inputs::cut(block, self.args.batch_size)?;
        if self.args.test_only {
            info!(target: names::PROVER, "Testing witness generation for block {number}.");
            self.simulate(batches).await?;
            info!(target: names::PROVER, "Successfully generated witness for block {number}.");
            return Ok(None);
        }
        for batch in &batches {
            let cycles = cycles(&batch.place()?);
            info!(target: names::INTERPRETER, "CPU halted after {cycles} cycles    ");
        }
        let proof = self.prove_batches(batches).await.map_err(|_| anyhow!(MASKED))?;
        Ok(Some(proof))
    }

    /// Closes a block over the one before.
    pub async fn close(
        &self,
        proof: AggregatedProof,
        prev: Option<PreviousBlock>,
    ) -> Result<GeneratedBlockProof> {
        let save_inputs_on_error = self.args.save_inputs_on_error;
        let op = ops::BlockProof { prev, save_inputs_on_error };
        let Literal(proof) = Literal(proof).map(&op).run(&self.light).await?;
        self.results.count();
        Ok(proof)
    }

    /// One result queue for the whole block.
    async fn simulate(&self, batches: Vec<GenerationInputs>) -> Result<()> {
        let save_inputs_on_error = self.args.save_inputs_on_error;
        let op = ops::SegmentProofTestOnly { save_inputs_on_error, save_tries_on_error: false };
        let size = self.args.max_cpu_len_log;
        let tasks = batches.into_iter().enumerate().map(|(place, batch)| (batch, size, place));
        let mut results = Directive::map(IndexedStream::from(tasks), &op).run(&self.light).await?;
        while results.try_next().await?.is_some() {
            self.results.count();
        }
        Ok(())
    }

    async fn prove_batches(&self, batches: Vec<GenerationInputs>) -> Result<AggregatedProof> {
        let save_inputs_on_error = self.args.save_inputs_on_error;
        let op = ops::BatchAggProof { save_inputs_on_error };
        let proofs: FuturesUnordered<_> = (batches.into_iter().enumerate())
            .map(|(place, batch)| async move { Ok((place, self.prove_batch(place, batch).await?)) })
            .collect();
        Directive::fold(IndexedStream::new(proofs), &op).run(&self.light).await
    }

    /// One result queue for each segment, one more if there are several.
    async fn prove_batch(&self, place: usize, batch: GenerationInputs) -> Result<AggregatedProof> {
        let data = |segment| {
            let (batch, max_cpu_len_log) = (u64::try_from(place)?, self.args.max_cpu_len_log);
            Ok::<_, anyhow::Error>(ops::SegmentData { batch, segment, max_cpu_len_log })
        };
        if self.args.segments_per_batch == 1 {
            return self.prove_segment(batch, data(0)?).await;
        }
        let save_inputs_on_error = self.args.save_inputs_on_error;
        let op = ops::SegmentAggProof { save_inputs_on_error };
        let segments = (0..self.args.segments_per_batch).map(|segment| {
            let (place, data, batch) = (usize::try_from(segment), data(segment), batch.clone());
            async move { Ok((place?, self.prove_segment(batch, data?).await?)) }
        });
        let proofs: FuturesUnordered<_> = segments.collect();
        Directive::fold(IndexedStream::new(proofs), &op).run(&self.light).await
    }

    async fn prove_segment(
        &self,
        batch: GenerationInputs,
        data: ops::SegmentData,
    ) -> Result<AggregatedProof> {
        let save_inputs_on_error = self.args.save_inputs_on_error;
        let op = ops::SegmentProof { save_inputs_on_error, save_tries_on_error: false };
        let Literal(proof) = Literal((batch, data)).map(&op).run(&self.heavy).await?;
        self.results.count();
        Ok(proof)
    }
}
