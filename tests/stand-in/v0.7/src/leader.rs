//! `leader` of v0.7: wiring, and the order in which blocks go through.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::{Result, anyhow, bail};
use clap::Parser;
use paladin::runtime::Runtime;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinSet,
};
use tracing::{error, info};

use crate::{
    cache_dir, closing,
    fetch::NO_CHAIN,
    generation_args::PaladinArgs,
    http, input,
    leader_args::{Cli, Command, OutputArgs, WorkerRunMode},
    logging, names, ops,
    proof::{GeneratedBlockProof, PreviousBlock},
    prover::Prover,
    results::Results,
    witness::BlockProverInput,
};

/// Runs the program.
pub async fn run() -> Result<()> {
    logging::init()?;
    let Cli { command, paladin, prover: args, output, circuits: _, worker_run_mode, faults } =
        Cli::parse();
    cache_dir::check()?;
    match &command {
        Command::Clean => return Ok(()),
        Command::Rpc(_) => bail!("{NO_CHAIN}: pipe `rpc fetch` into `leader stdio`"),
        Command::Stdio { .. } | Command::Http { .. } => {}
    }
    let (heavy, light) = connect(&paladin, worker_run_mode).await?;
    let results = Results::new(faults);
    let prover = Arc::new(Prover { heavy, light, args, results });
    match command {
        Command::Stdio { previous_proof } => {
            let blocks = input::blocks()?;
            let previous = input::previous(previous_proof.as_deref(), true)?;
            stdio(prover, blocks, previous, output).await
        }
        Command::Http { port, output_dir } => http::serve(port, output_dir, Served(prover)).await,
        Command::Clean | Command::Rpc(_) => Ok(()),
    }
}

async fn connect(paladin: &PaladinArgs, mode: WorkerRunMode) -> Result<(Runtime, Runtime)> {
    let (heavy, light) = match mode {
        WorkerRunMode::Affinity => {
            info!(target: names::LEADER, "Workers running in affinity mode");
            ("heavy-proof", "light-proof")
        }
        WorkerRunMode::Default => {
            let queue = crate::generation_args::DEFAULT_TASK_QUEUE;
            (queue, queue)
        }
    };
    let light = Runtime::from_config(&paladin.config(Some(light)), ops::register()).await?;
    let heavy = Runtime::from_config(&paladin.config(Some(heavy)), ops::register()).await?;
    Ok((heavy, light))
}

async fn stdio(
    prover: Arc<Prover>,
    blocks: Vec<BlockProverInput>,
    previous: Option<PreviousBlock>,
    output: OutputArgs,
) -> Result<()> {
    if blocks.is_empty() {
        // As upstream, which never closes its queue of blocks then.
        std::future::pending::<()>().await;
    }
    let result = prove_all(Arc::clone(&prover), blocks, previous, output).await;
    if result.is_ok() {
        closing::let_result_queues_go().await;
    }
    tokio::try_join!(prover.light.close(), prover.heavy.close())?;
    result.map_err(|error| anyhow!("Proving task finished with error: {error:?}"))?;
    info!(target: names::STDIO, "Proving task successfully finished");
    let what = if prover.args.test_only { "proof witnesses" } else { "proofs" };
    info!(target: names::STDIO, "All {what} have been generated successfully.");
    Ok(())
}

/// Blocks run side by side; only the last step of each waits for the block before.
async fn prove_all(
    prover: Arc<Prover>,
    blocks: Vec<BlockProverInput>,
    previous: Option<PreviousBlock>,
    output: OutputArgs,
) -> Result<()> {
    let pool = Arc::new(Semaphore::new(usize::try_from(prover.args.block_pool_size)?));
    let output = Arc::new(output);
    let last = blocks.len();
    let (first, mut before) = oneshot::channel();
    // The receiver is at hand, so this cannot fail.
    let _ = first.send(previous);
    let mut running = JoinSet::new();
    for (place, input) in (1..).zip(blocks) {
        let permit = loop {
            tokio::select! {
                permit = Arc::clone(&pool).acquire_owned() => break permit?,
                Some(ended) = running.join_next() => ended??,
            }
        };
        let (after, next) = oneshot::channel();
        let link = Link { before: std::mem::replace(&mut before, next), after };
        let (prover, output) = (Arc::clone(&prover), Arc::clone(&output));
        running.spawn(async move {
            let _permit = permit;
            let keep = output.keep_intermediate_proofs || place == last;
            prove_block(&prover, input, link, (&output, keep)).await
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// A block's place in the chain of blocks.
struct Link {
    before: oneshot::Receiver<Option<PreviousBlock>>,
    after: oneshot::Sender<Option<PreviousBlock>>,
}

async fn prove_block(
    prover: &Prover,
    input: BlockProverInput,
    link: Link,
    (output, keep): (&OutputArgs, bool),
) -> Result<()> {
    let number = input.number()?;
    info!(target: names::PROVER, "Proving block {number}");
    let proof = async {
        let Some(parts) = prover.prove_parts(&input).await? else {
            return Ok(None);
        };
        let previous = link.before.await.map_err(|_| anyhow!("the block before has no proof"))?;
        prover.close(parts, previous).await.map(Some)
    };
    let proof = proof.await.inspect_err(|error| {
        error!(
            target: names::PROVER,
            "failed to generate proof for block {number}, error {error:?}"
        );
    })?;
    // Nobody waits for the last block.
    let _ = link.after.send(proof.as_ref().map(GeneratedBlockProof::as_previous));
    if let Some(proof) = proof {
        info!(target: names::PROVER, "Successfully proved block {number}");
        if keep || number.is_multiple_of(output.block_batch_size) {
            write(&output.proof_output_dir, proof)?;
        }
    }
    Ok(())
}

fn write(directory: &PathBuf, proof: GeneratedBlockProof) -> Result<()> {
    if !directory.exists() {
        fs::create_dir_all(directory)?;
        info!(target: names::PROVER, "Created output directory {directory:?}");
    }
    let file = directory.join(format!("b{}.zkproof", proof.b_height));
    fs::write(&file, serde_json::to_vec(&[proof])?)?;
    let file = file.display();
    info!(target: names::PROVER, "Successfully wrote to disk proof file {file}");
    Ok(())
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
