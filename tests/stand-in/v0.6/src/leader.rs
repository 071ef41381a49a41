//! `leader` of v0.5 and v0.6: wiring, and the order in which blocks go through.

use std::{
    io::{self, Write},
    sync::Arc,
};

use anyhow::{Result, anyhow, bail};
use clap::Parser;
use futures::future::try_join_all;
use paladin::runtime::Runtime;
use tokio::sync::oneshot;
use tracing::info;

use crate::{
    closing,
    fetch::NO_CHAIN,
    http, input,
    leader_args::{Cli, Command},
    logging, names, ops,
    proof::{GeneratedBlockProof, PreviousBlock},
    prover::Prover,
    results::Results,
    witness::BlockProverInput,
};

/// Runs the program.
pub async fn run() -> Result<()> {
    logging::init()?;
    let Cli { command, paladin, circuits: _, test_only, faults } = Cli::parse();
    let save_inputs_on_error = match &command {
        Command::Rpc(_) => bail!("{NO_CHAIN}: pipe `rpc fetch` into `leader stdio`"),
        Command::Stdio { save_inputs_on_error, .. }
        | Command::Http { save_inputs_on_error, .. } => *save_inputs_on_error,
    };
    ops::set_test_only(test_only.test_only);
    let runtime = Runtime::from_config(&paladin.config(), ops::register()).await?;
    let results = Results::new(faults);
    let prover = Prover { runtime, test_only: test_only.test_only, save_inputs_on_error, results };
    match command {
        Command::Stdio { previous_proof, .. } => {
            let blocks = input::blocks()?;
            let previous = input::previous(previous_proof.as_deref(), false)?;
            stdio(&prover, blocks, previous).await
        }
        Command::Http { port, output_dir, .. } => {
            http::serve(port, output_dir, Served(Arc::new(prover))).await
        }
        Command::Rpc(_) => Ok(()),
    }
}

async fn stdio(
    prover: &Prover,
    blocks: Vec<BlockProverInput>,
    previous: Option<PreviousBlock>,
) -> Result<()> {
    let proofs = prove_all(prover, blocks, previous).await;
    if proofs.is_ok() {
        closing::let_result_queues_go().await;
    }
    prover.runtime.close().await?;
    let proofs = proofs?;
    let what = if prover.test_only { "proof witnesses" } else { "proofs" };
    info!(target: names::STDIO, "All {what} have been generated successfully.");
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &proofs)?;
    Ok(out.flush()?)
}

/// Blocks run side by side, all at once; only the last step of each waits for the block before.
async fn prove_all(
    prover: &Prover,
    blocks: Vec<BlockProverInput>,
    previous: Option<PreviousBlock>,
) -> Result<Vec<GeneratedBlockProof>> {
    let (first, mut before) = oneshot::channel();
    // The receiver is at hand, so this cannot fail.
    let _ = first.send(previous);
    let mut running = Vec::with_capacity(blocks.len());
    for block in blocks {
        info!(target: names::PROVER, "Proving block {}", block.number()?);
        let (after, next) = oneshot::channel();
        let link = Link { before: std::mem::replace(&mut before, next), after };
        running.push(prove_block(prover, block, link));
    }
    try_join_all(running).await
}

/// A block's place in the chain of blocks.
struct Link {
    before: oneshot::Receiver<Option<PreviousBlock>>,
    after: oneshot::Sender<Option<PreviousBlock>>,
}

async fn prove_block(
    prover: &Prover,
    block: BlockProverInput,
    link: Link,
) -> Result<GeneratedBlockProof> {
    let number = block.number()?;
    let Some(parts) = prover.prove_parts(&block).await? else {
        return GeneratedBlockProof::witness_only(number);
    };
    let previous = link.before.await.map_err(|_| anyhow!("the block before has no proof"))?;
    let proof = prover.close(parts, previous).await?;
    // Nobody waits for the last block.
    let _ = link.after.send(Some(proof.as_previous()));
    info!(target: names::PROVER, "Successfully proved block {number}");
    Ok(proof)
}

/// The prover behind HTTP.
#[derive(Clone)]
struct Served(Arc<Prover>);

impl http::BlockProver for Served {
    async fn prove(
        &self,
        input: BlockProverInput,
        previous: Option<PreviousBlock>,
    ) -> Result<GeneratedBlockProof> {
        match self.0.prove_parts(&input).await? {
            Some(parts) => self.0.close(parts, previous).await,
            None => GeneratedBlockProof::witness_only(input.number()?),
        }
    }
}
