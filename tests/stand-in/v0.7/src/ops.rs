//! The operations of v0.7, in the order that gives them upstream's ids 0 to 4.

use paladin::{
    RemoteExecute,
    operation::{FatalError, FatalStrategy, Monoid, Operation, Result},
    registry,
};
use serde::{Deserialize, Serialize};
use tracing::{info, info_span, warn};

use crate::{
    faults::Place,
    inputs::GenerationInputs,
    names,
    proof::{AggregatedProof, GeneratedBlockProof, PreviousBlock, Segment},
    task_log::{TookLine, cycles},
    values::PublicValues,
    witness::txn_hash,
    work,
};

registry!();

/// Which part of a batch a segment is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SegmentData {
    /// Place of the batch in its block.
    pub batch: u64,
    /// Place of the segment in its batch.
    pub segment: u64,
    /// Upstream's size of a segment; without effect.
    pub max_cpu_len_log: usize,
}

/// Proves one segment.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct SegmentProof {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
    /// Accepted, without effect.
    pub save_tries_on_error: bool,
}

impl Operation for SegmentProof {
    type Input = (GenerationInputs, SegmentData);
    type Output = AggregatedProof;

    fn execute(&self, (inputs, data): Self::Input) -> Result<Self::Output> {
        prove_segment(&inputs, data).map_err(fatal)
    }
}

/// Simulates one batch.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct SegmentProofTestOnly {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
    /// Accepted, without effect.
    pub save_tries_on_error: bool,
}

impl Operation for SegmentProofTestOnly {
    /// The batch, upstream's size of a segment, and the batch's place in its block.
    type Input = (GenerationInputs, usize, usize);
    type Output = ();

    fn execute(&self, (inputs, _max_cpu_len_log, batch): Self::Input) -> Result<Self::Output> {
        let place = inputs.place().map_err(fatal)?;
        perform(&place, batch, 0).map_err(fatal)?;
        info!(target: names::INTERPRETER, "CPU halted after {} cycles    ", cycles(&place));
        Ok(())
    }
}

/// Joins two segments of a batch.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct SegmentAggProof {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
}

impl Monoid for SegmentAggProof {
    type Elem = AggregatedProof;

    fn empty(&self) -> Self::Elem {
        nothing()
    }

    fn combine(&self, left: Self::Elem, right: Self::Elem) -> Result<Self::Elem> {
        join(left, right).map_err(fatal)
    }
}

/// Joins two batches of a block.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct BatchAggProof {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
}

impl Monoid for BatchAggProof {
    type Elem = AggregatedProof;

    fn empty(&self) -> Self::Elem {
        nothing()
    }

    fn combine(&self, left: Self::Elem, right: Self::Elem) -> Result<Self::Elem> {
        join(left, right).map_err(fatal)
    }
}

/// Closes a block over the one before.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct BlockProof {
    /// The block before.
    pub prev: Option<PreviousBlock>,
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
}

impl Operation for BlockProof {
    type Input = AggregatedProof;
    type Output = GeneratedBlockProof;

    fn execute(&self, input: Self::Input) -> Result<Self::Output> {
        pass_time(&input.public).map_err(fatal)?;
        GeneratedBlockProof::new(input, self.prev.clone()).map_err(fatal)
    }
}

fn prove_segment(inputs: &GenerationInputs, data: SegmentData) -> anyhow::Result<AggregatedProof> {
    let SegmentData { batch, segment, max_cpu_len_log: _ } = data;
    let place = inputs.place()?;
    let id = format!("b{} - {} ({segment})", place.block, range(&place));
    let _span = info_span!("p_gen", id).entered();
    let _took = TookLine::start(format!("segment proof ({})", txn_names(&inputs.signed_txns)));
    info!(target: names::GENERATION, "CPU halted after {} cycles    ", cycles(&place));
    perform(&place, usize::try_from(batch)?, segment)?;
    let txns =
        if segment == 0 { inputs.signed_txns.iter().map(hex::encode).collect() } else { vec![] };
    let public = inputs.public();
    let before = if segment == 0 { place.txns.start } else { place.txns.end };
    let leaf = Segment::new(&public, [batch, segment, before], txns)?;
    Ok(AggregatedProof::of_segment(public, leaf))
}

/// Works, and words a failure as the real prover does.
fn perform(place: &Place, batch: usize, segment: u64) -> anyhow::Result<()> {
    work::perform(place).map_err(|error| {
        warn!(target: names::TRANSITION, "Kernel panic at panic    ");
        let (block, range) = (place.block, range(place));
        anyhow::anyhow!(
            "Segment generation {segment} for block:{block} batch:{batch} tx_range:({range}) \
             failed with error {error}"
        )
    })
}

fn join(left: AggregatedProof, right: AggregatedProof) -> anyhow::Result<AggregatedProof> {
    pass_time(&left.public)?;
    left.join(right)
}

fn pass_time(public: &PublicValues) -> anyhow::Result<()> {
    work::perform(&Place { block: public.block_metadata.number()?, txns: 0..0 })
}

/// The fold's neutral element, which no verifier accepts.
fn nothing() -> AggregatedProof {
    AggregatedProof { public: PublicValues::default(), segments: vec![], aggregations: vec![] }
}

/// `0` for one transaction, `0_10` for more or for none.
fn range(place: &Place) -> String {
    let (start, end) = (place.txns.start, place.txns.end);
    if end == start + 1 { format!("{start}") } else { format!("{start}_{end}") }
}

fn txn_names(txns: &[Vec<u8>]) -> String {
    let name = |txn: &Vec<u8>| format!("0x{}", txn_hash(txn));
    match txns {
        [] => "Dummy".to_owned(),
        [only] => name(only),
        [first, .., last] => format!("[{}..{}]", name(first), name(last)),
    }
}

fn fatal(error: anyhow::Error) -> paladin::operation::OperationError {
    FatalError::from_anyhow(error, FatalStrategy::Terminate).into()
}

#[cfg(test)]
mod tests {
    use paladin::operation::RemoteExecute;

    use super::*;

    #[test]
    fn operation_ids_are_upstreams() {
        let ids = [
            SegmentProof::ID,
            SegmentProofTestOnly::ID,
            SegmentAggProof::ID,
            BatchAggProof::ID,
            BlockProof::ID,
        ];
        assert_eq!(ids, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn ranges_are_written_as_in_the_logs() {
        let at = |txns| range(&Place { block: 4, txns });
        assert_eq!([at(0..1), at(0..0), at(1..1), at(10..20)], ["0", "0_0", "1_1", "10_20"]);
    }
}
