//! A message of each kind of v0.5 and v0.6.

use anyhow::{Context, Result, bail};
use paladin::{operation::Operation, runtime::WorkerIpc, serializer::Serializer, task::Task};

use crate::{
    inputs::{GenerationInputs, cut},
    ops::{AggProof, BlockProof, TxProof, TxnResult},
    proof::{AggregatedProof, PreviousBlock},
    samples::{self, BLOCK, Indexed, Ranged, SERIALIZERS, Samples},
};

const WITNESS: &[u8] = include_bytes!("../../../../witnesses/synthetic/v0.6/1001.witness.json");

const PROVE: TxProof = TxProof { save_inputs_on_error: false };
const JOIN: AggProof = AggProof { save_inputs_on_error: false };

/// The jobs, one for each directive.
const PROVE_JOB: &str = "1aa0c0de00004000800000000000aa01";
const JOIN_JOB: &str = "2bb0c0de00004000900000000000bb02";
const CLOSE_JOB: &str = "3cc0c0de00004000a00000000000cc03";

/// All of them, in both formats.
pub async fn samples() -> Result<Samples> {
    let inputs = cut(&samples::block(WITNESS)?)?;
    let [dummy, txn] = inputs.as_slice() else { bail!("a dummy and a lone transaction") };
    let parts = [prove(dummy)?, prove(txn)?];
    let mut samples = Samples::default();
    for serializer in SERIALIZERS {
        add_transaction(&mut samples, serializer, txn).await?;
        add_joins(&mut samples, serializer, &parts).await?;
        let words = "KernelPanic in kernel at pc=panic, stack=[1, 2, 1], memory=[137, 67, 84]";
        samples.add_failure("v0.6-failed-simulation", serializer, words)?;
        let failed = WorkerIpc::ExecutionError { routing_key: PROVE_JOB.parse()? };
        samples.add("command-v0.6-execution-error", serializer, &failed)?;
    }
    Ok(samples)
}

fn prove(inputs: &GenerationInputs) -> Result<AggregatedProof> {
    PROVE.execute(inputs.clone())?.0.context("a proof")
}

async fn add_transaction(
    samples: &mut Samples,
    serializer: Serializer,
    inputs: &GenerationInputs,
) -> Result<()> {
    let (routing_key, metadata) = (PROVE_JOB.parse()?, Indexed { idx: 1 });
    let task = Task { routing_key, metadata, op: &PROVE, input: inputs.clone() };
    samples.add_task("v0.6-TxProof", serializer, &task)?;
    samples.add_result("v0.6-TxProof", serializer, &task).await
}

async fn add_joins(
    samples: &mut Samples,
    serializer: Serializer,
    [left, right]: &[AggregatedProof; 2],
) -> Result<()> {
    let part = |proof: &AggregatedProof| TxnResult(Some(proof.clone()));
    let (routing_key, metadata) = (JOIN_JOB.parse()?, Ranged { range: 0..=1 });
    let task = Task { routing_key, metadata, op: &JOIN, input: (part(left), part(right)) };
    samples.add_task("v0.6-AggProof", serializer, &task)?;
    let prev = Some(PreviousBlock { b_height: BLOCK - 1, digest: "ab".repeat(32) });
    let close = BlockProof { prev, save_inputs_on_error: false };
    let (routing_key, input) = (CLOSE_JOB.parse()?, left.clone().join(right.clone())?);
    let task = Task { routing_key, metadata: (), op: &close, input };
    samples.add_task("v0.6-BlockProof", serializer, &task)?;
    samples.add_result("v0.6-BlockProof", serializer, &task).await
}
