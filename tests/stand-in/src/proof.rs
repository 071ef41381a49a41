//! The stand-in's proof: a tree of hashes that anybody can recompute.
//!
//! A segment commits to its transactions' bytes and to the block's public values, an
//! aggregation to its two parts, a block to its aggregation and to the block before.
//! Everything hashed is in the proof, so one changed byte is noticed. Nothing here keeps
//! anybody from making a valid proof of nonsense.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{identity::IDENTITY, values::PublicValues};

/// Hashes in a row for one digest: enough to be a chain, too few to take time.
const CHAIN_LENGTH: usize = 16;

/// The leaf: one segment of a batch of transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Place of the batch in its block.
    pub batch: u64,
    /// Place of the segment in its batch.
    pub segment: u64,
    /// Transactions of the block before this segment.
    pub txn_number_before: u64,
    /// The transactions' bytes in hex; none in a dummy and in a batch's later segments.
    pub txns: Vec<String>,
    /// Commits to all of the above and to the public values.
    pub digest: String,
}

/// Two neighbouring parts joined into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregation {
    /// Digest of the left part.
    pub left: String,
    /// Digest of the right part.
    pub right: String,
    /// Commits to both.
    pub digest: String,
}

/// A proof of a row of neighbouring segments of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AggregatedProof {
    /// What the proof says in the open.
    pub public: PublicValues,
    /// The leaves in block order.
    pub segments: Vec<Segment>,
    /// The inner nodes, children before parents.
    pub aggregations: Vec<Aggregation>,
}

/// What a block's proof remembers of the block before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousBlock {
    /// Height of the block before.
    pub b_height: u64,
    /// Digest of its proof.
    pub digest: String,
}

/// The inside of a block's proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intern {
    /// The block before, if it was proved too.
    pub previous: Option<PreviousBlock>,
    /// The proof of all segments; none in a run that only tests witnesses.
    pub proof: Option<AggregatedProof>,
    /// Commits to everything in this file.
    pub digest: String,
}

/// A proof file's content, outwardly as the real prover's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratedBlockProof {
    /// Height of the block.
    pub b_height: u64,
    /// Says that this is no proof.
    pub stand_in: String,
    /// The proof itself.
    pub intern: Intern,
}

impl Segment {
    /// Makes a leaf and its digest.
    pub fn new(public: &PublicValues, place: [u64; 3], txns: Vec<String>) -> Result<Self> {
        let [batch, segment, txn_number_before] = place;
        let digest = String::new();
        let mut leaf = Self { batch, segment, txn_number_before, txns, digest };
        leaf.digest = leaf.expected_digest(&chain("public", public)?)?;
        Ok(leaf)
    }

    fn expected_digest(&self, public_digest: &str) -> Result<String> {
        let place = (self.batch, self.segment, self.txn_number_before);
        chain("segment", &(public_digest, place, &self.txns))
    }
}

impl Aggregation {
    fn new(left: &str, right: &str) -> Result<Self> {
        let digest = chain("aggregation", &(left, right))?;
        Ok(Self { left: left.to_owned(), right: right.to_owned(), digest })
    }
}

impl AggregatedProof {
    /// A proof of one segment.
    #[must_use]
    pub fn of_segment(public: PublicValues, segment: Segment) -> Self {
        Self { public, segments: vec![segment], aggregations: Vec::new() }
    }

    /// Joins this proof with its right neighbour's.
    pub fn join(mut self, right: Self) -> Result<Self> {
        ensure!(self.public == right.public, "the parts belong to different blocks");
        let node = Aggregation::new(&self.root()?, &right.root()?)?;
        self.segments.extend(right.segments);
        self.aggregations.extend(right.aggregations);
        self.aggregations.push(node);
        Ok(self)
    }

    /// Recomputes every digest and returns the topmost one.
    pub fn root(&self) -> Result<String> {
        let public_digest = chain("public", &self.public)?;
        let mut next_txn = None;
        let mut row = Vec::with_capacity(self.segments.len());
        for leaf in &self.segments {
            let Segment { batch, segment, txn_number_before, txns, digest } = leaf;
            let expected = leaf.expected_digest(&public_digest)?;
            ensure!(*digest == expected, "digest of segment {batch}.{segment} does not match");
            let in_a_row = next_txn.is_none_or(|next| next == *txn_number_before);
            ensure!(in_a_row, "the segments are not in a row");
            next_txn = Some(txn_number_before + u64::try_from(txns.len())?);
            row.push(leaf.digest.as_str());
        }
        for node in &self.aggregations {
            let expected = Aggregation::new(&node.left, &node.right)?;
            ensure!(*node == expected, "digest of an aggregation does not match");
            let pair = [node.left.as_str(), node.right.as_str()];
            let place = row.windows(2).position(|window| window == pair);
            let Some(place) = place else { anyhow::bail!("an aggregation joins no neighbours") };
            row.splice(place..place + 2, [node.digest.as_str()]);
        }
        ensure!(row.len() == 1, "the segments are not joined into one");
        Ok(row.concat())
    }
}

impl GeneratedBlockProof {
    /// Closes a block's proof over the one before.
    pub fn new(proof: AggregatedProof, previous: Option<PreviousBlock>) -> Result<Self> {
        Self::with_digest(proof.public.block_metadata.number()?, Some(proof), previous)
    }

    /// What stands where a proof would be when only the witness was tested.
    pub fn witness_only(b_height: u64) -> Result<Self> {
        Self::with_digest(b_height, None, None)
    }

    fn with_digest(
        b_height: u64,
        proof: Option<AggregatedProof>,
        previous: Option<PreviousBlock>,
    ) -> Result<Self> {
        let intern = Intern { previous, proof, digest: String::new() };
        let mut block = Self { b_height, stand_in: IDENTITY.to_owned(), intern };
        block.intern.digest = block.expected_digest()?;
        Ok(block)
    }

    fn expected_digest(&self) -> Result<String> {
        let root = self.intern.proof.as_ref().map(AggregatedProof::root).transpose()?;
        chain("block", &(&self.stand_in, self.b_height, &self.intern.previous, root))
    }

    /// What the next block's proof remembers of this one.
    #[must_use]
    pub fn as_previous(&self) -> PreviousBlock {
        PreviousBlock { b_height: self.b_height, digest: self.intern.digest.clone() }
    }

    /// Recomputes the whole proof. An error says what does not match.
    pub fn verify(&self) -> Result<()> {
        ensure!(self.stand_in == IDENTITY, "this is no stand-in proof");
        let Some(proof) = &self.intern.proof else {
            anyhow::bail!("only the witness of block {} was tested", self.b_height)
        };
        let number = proof.public.block_metadata.number()?;
        ensure!(number == self.b_height, "b_height is {}, the block is {number}", self.b_height);
        let first = proof.segments.first().map(|leaf| leaf.txn_number_before);
        ensure!(first == Some(0), "the first segment is missing");
        if let Some(previous) = &self.intern.previous {
            ensure!(previous.b_height + 1 == self.b_height, "the previous block is not the parent");
        }
        let digest = self.expected_digest()?;
        ensure!(digest == self.intern.digest, "digest of block {} does not match", self.b_height);
        Ok(())
    }
}

/// Hashes a value, then the hash, and so on.
fn chain<T: Serialize>(kind: &str, value: &T) -> Result<String> {
    let mut hash = Sha256::new().chain_update(kind).chain_update(serde_json::to_vec(value)?);
    for _ in 1..CHAIN_LENGTH {
        let link = hash.finalize_reset();
        hash.update(link);
    }
    Ok(hex::encode(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::samples;

    fn block(parts: u64) -> GeneratedBlockProof {
        let public = samples::public(4);
        let mut parts = (0..parts).map(|part| {
            let txns = vec![format!("0x02f8{part:02x}")];
            let leaf = Segment::new(&public, [part, 0, part], txns).unwrap();
            AggregatedProof::of_segment(public.clone(), leaf)
        });
        let first = parts.next().unwrap();
        let proof = parts.fold(first, |left, right| left.join(right).unwrap());
        let previous = PreviousBlock { b_height: 3, digest: "ab".repeat(32) };
        GeneratedBlockProof::new(proof, Some(previous)).unwrap()
    }

    #[test]
    fn an_untouched_proof_is_accepted() {
        for parts in [1, 2, 3, 40, 174] {
            block(parts).verify().unwrap();
        }
    }

    #[test]
    fn a_proof_with_any_one_byte_changed_is_rejected() {
        let file = serde_json::to_vec(&block(3)).unwrap();
        for place in 0..file.len() {
            for flip in [0x01, 0x20] {
                let mut changed = file.clone();
                changed[place] ^= flip;
                let accepted = serde_json::from_slice::<GeneratedBlockProof>(&changed)
                    .is_ok_and(|proof| proof.verify().is_ok());
                assert!(!accepted, "byte {place} of {}", String::from_utf8_lossy(&changed));
            }
        }
    }

    #[test]
    fn a_proof_without_one_of_its_segments_is_rejected() {
        for lost in 0..3 {
            let mut proof = block(3);
            proof.intern.proof.as_mut().unwrap().segments.remove(lost);
            assert!(proof.verify().is_err());
        }
    }

    #[test]
    fn parts_of_different_blocks_do_not_join() {
        let part = |number| {
            let public = samples::public(number);
            let leaf = Segment::new(&public, [0, 0, 0], Vec::new()).unwrap();
            AggregatedProof::of_segment(public, leaf)
        };
        assert!(part(1).join(part(2)).is_err());
    }

    #[test]
    fn a_tested_witness_is_no_proof() {
        assert!(GeneratedBlockProof::witness_only(4).unwrap().verify().is_err());
    }
}
