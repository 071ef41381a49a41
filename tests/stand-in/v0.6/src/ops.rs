//! The operations of v0.5 and v0.6, in the order that gives them upstream's ids 0 to 2.

use std::sync::OnceLock;

use paladin::{
    RemoteExecute,
    operation::{FatalError, FatalStrategy, Monoid, Operation, OperationError, Result},
    registry,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
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

/// Set once at the start; upstream decides it when it is built.
static TEST_ONLY: OnceLock<bool> = OnceLock::new();

/// Makes this process simulate only, or not; the first call counts.
pub fn set_test_only(test_only: bool) {
    TEST_ONLY.get_or_init(|| test_only);
}

fn test_only() -> bool {
    *TEST_ONLY.get_or_init(|| false)
}

/// Result of a transaction: nothing at all, not even a byte, if it was only simulated.
#[derive(Debug)]
pub struct TxnResult(pub Option<AggregatedProof>);

impl Serialize for TxnResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match &self.0 {
            Some(proof) => proof.serialize(serializer),
            None => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for TxnResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if test_only() {
            <()>::deserialize(deserializer).map(|()| Self(None))
        } else {
            AggregatedProof::deserialize(deserializer).map(|proof| Self(Some(proof)))
        }
    }
}

/// Proves or simulates one transaction.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct TxProof {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
}

impl Operation for TxProof {
    type Input = GenerationInputs;
    type Output = TxnResult;

    fn execute(&self, inputs: Self::Input) -> Result<Self::Output> {
        let proof = prove_txn(&inputs).map_err(fatal)?;
        Ok(TxnResult((!test_only()).then_some(proof)))
    }
}

/// Joins two neighbouring parts of a block.
#[derive(Debug, Serialize, Deserialize, RemoteExecute)]
pub struct AggProof {
    /// Accepted, without effect.
    pub save_inputs_on_error: bool,
}

impl Monoid for AggProof {
    type Elem = TxnResult;

    fn empty(&self) -> Self::Elem {
        TxnResult(None)
    }

    fn combine(&self, left: Self::Elem, right: Self::Elem) -> Result<Self::Elem> {
        let (TxnResult(Some(left)), TxnResult(Some(right))) = (left, right) else {
            return Err(fatal(anyhow::anyhow!("aggregating what was only simulated")));
        };
        pass_time(&left.public).map_err(fatal)?;
        left.join(right).map(|proof| TxnResult(Some(proof))).map_err(fatal)
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

fn prove_txn(inputs: &GenerationInputs) -> anyhow::Result<AggregatedProof> {
    let place = inputs.place()?;
    let id = format!("b{} - {}", place.block, place.txns.start);
    let _span = info_span!("p_gen", id).entered();
    let name = inputs.signed_txn.as_ref().map_or("Dummy".to_owned(), |txn| txn_hash(txn));
    let _took = TookLine::start(format!("txn proof ({name})"));
    let worked = work::perform(&place);
    let cycles = cycles(&place);
    if worked.is_err() {
        warn!(target: names::TRANSITION, "Kernel panic at panic    ");
    } else {
        info!(target: names::GENERATION, "CPU halted after {cycles} cycles    ");
    }
    worked?;
    let public = inputs.public();
    let txns = inputs.signed_txn.iter().map(hex::encode).collect();
    let leaf = Segment::new(&public, [place.txns.start, 0, place.txns.start], txns)?;
    Ok(AggregatedProof::of_segment(public, leaf))
}

fn pass_time(public: &PublicValues) -> anyhow::Result<()> {
    work::perform(&Place { block: public.block_metadata.number()?, txns: 0..0 })
}

fn fatal(error: anyhow::Error) -> OperationError {
    FatalError::from_anyhow(error, FatalStrategy::Terminate).into()
}

#[cfg(test)]
mod tests {
    use paladin::operation::RemoteExecute;

    use super::*;

    #[test]
    fn operation_ids_are_upstreams() {
        assert_eq!([TxProof::ID, AggProof::ID, BlockProof::ID], [0, 1, 2]);
    }
}
