//! A message of each kind of v0.7.

use anyhow::{Result, bail};
use paladin::{operation::Operation, runtime::WorkerIpc, serializer::Serializer, task::Task};

use crate::{
    inputs::{GenerationInputs, cut},
    ops::{
        BatchAggProof, BlockProof, SegmentAggProof, SegmentData, SegmentProof, SegmentProofTestOnly,
    },
    proof::{AggregatedProof, PreviousBlock},
    samples::{self, BLOCK, Indexed, Ranged, SERIALIZERS, Samples},
    task_loop::{ABORT_ALL, CommandIpc},
};

const WITNESS: &[u8] = include_bytes!("../../../../witnesses/synthetic/v0.7/1001.witness.json");

const PROVE: SegmentProof =
    SegmentProof { save_inputs_on_error: false, save_tries_on_error: false };
const SIMULATE: SegmentProofTestOnly =
    SegmentProofTestOnly { save_inputs_on_error: false, save_tries_on_error: false };
const JOIN_SEGMENTS: SegmentAggProof = SegmentAggProof { save_inputs_on_error: false };
const JOIN_BATCHES: BatchAggProof = BatchAggProof { save_inputs_on_error: false };

/// All of them, in both formats.
pub async fn samples() -> Result<Samples> {
    let batches = cut(&samples::block(WITNESS)?, 10)?;
    let [first, second] = batches.as_slice() else { bail!("a lone transaction and a dummy") };
    let parts = [PROVE.execute(segment(first, 0))?, PROVE.execute(segment(second, 1))?];
    let mut samples = Samples::default();
    for serializer in SERIALIZERS {
        add_segments(&mut samples, serializer, first).await?;
        add_joins(&mut samples, serializer, &parts).await?;
        add_failure_and_commands(&mut samples, serializer)?;
    }
    Ok(samples)
}

/// The input of a proof of a batch's only segment.
fn segment(inputs: &GenerationInputs, batch: u64) -> (GenerationInputs, SegmentData) {
    (inputs.clone(), SegmentData { batch, segment: 0, max_cpu_len_log: 19 })
}

async fn add_segments(
    samples: &mut Samples,
    serializer: Serializer,
    inputs: &GenerationInputs,
) -> Result<()> {
    let metadata = Indexed { idx: 0 };
    let (routing_key, input) = ("Prove".to_owned(), segment(inputs, 0));
    let task = Task { routing_key, metadata, op: &PROVE, input };
    samples.add_task("v0.7-SegmentProof", serializer, &task)?;
    samples.add_result("v0.7-SegmentProof", serializer, &task).await?;
    let metadata = Indexed { idx: 200 };
    let (routing_key, input) = ("7Test".to_owned(), (inputs.clone(), 19, 200));
    let task = Task { routing_key, metadata, op: &SIMULATE, input };
    samples.add_task("v0.7-SegmentProofTestOnly", serializer, &task)?;
    samples.add_result("v0.7-SegmentProofTestOnly", serializer, &task).await
}

async fn add_joins(
    samples: &mut Samples,
    serializer: Serializer,
    [left, right]: &[AggregatedProof; 2],
) -> Result<()> {
    let (routing_key, metadata) = ("JoinS".to_owned(), Ranged { range: 2..=3 });
    let input = (left.clone(), right.clone());
    let task = Task { routing_key, metadata, op: &JOIN_SEGMENTS, input };
    samples.add_task("v0.7-SegmentAggProof", serializer, &task)?;
    let (routing_key, metadata) = ("JoinB".to_owned(), Ranged { range: 0..=1 });
    let input = (left.clone(), right.clone());
    let task = Task { routing_key, metadata, op: &JOIN_BATCHES, input };
    samples.add_task("v0.7-BatchAggProof", serializer, &task)?;
    samples.add_result("v0.7-BatchAggProof", serializer, &task).await?;
    let prev = Some(PreviousBlock { b_height: BLOCK - 1, digest: "ab".repeat(32) });
    let close = BlockProof { prev, save_inputs_on_error: false };
    let (routing_key, input) = ("Close".to_owned(), left.clone().join(right.clone())?);
    let task = Task { routing_key, metadata: (), op: &close, input };
    samples.add_task("v0.7-BlockProof", serializer, &task)?;
    samples.add_result("v0.7-BlockProof", serializer, &task).await
}

fn add_failure_and_commands(samples: &mut Samples, serializer: Serializer) -> Result<()> {
    let words = format!(
        "Segment generation 0 for block:{BLOCK} batch:1 tx_range:(0_10) failed with error \
         KernelPanic in kernel at pc=panic, stack=[1, 2, 1], memory=[137, 67, 84]"
    );
    samples.add_failure("v0.7-failed-simulation", serializer, &words)?;
    samples.add_failure("v0.7-failed-proof", serializer, "Unable to get circuits")?;
    let everything = CommandIpc::Abort { routing_key: ABORT_ALL.to_owned() };
    samples.add("command-v0.7-abort-all", serializer, &everything)?;
    let job = CommandIpc::Abort { routing_key: "Prove".to_owned() };
    samples.add("command-v0.7-abort", serializer, &job)?;
    let failed = WorkerIpc::ExecutionError { routing_key: "7Test".to_owned() };
    samples.add("command-paladin-0.4.3-execution-error", serializer, &failed)
}
