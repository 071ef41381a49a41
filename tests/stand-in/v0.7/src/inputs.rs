//! A block cut into the batches of v0.7, each with the input of its task.

use std::{collections::BTreeMap, ops::Range};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{
    faults::Place,
    values::{BlockHashes, BlockMetadata, PublicValues, hex_number, to_hex},
    witness::{BlockProverInput, TrieInputs, txn_hash},
};

/// State after a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrieRoots {
    /// Made up: the stand-in executes nothing.
    pub state_root: String,
    /// Made up.
    pub transactions_root: String,
    /// Made up.
    pub receipts_root: String,
}

/// Everything a worker needs for one batch, in the real prover's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationInputs {
    /// Transactions of the block before this batch.
    pub txn_number_before: String,
    /// Gas used before this batch.
    pub gas_used_before: String,
    /// Gas used including this batch.
    pub gas_used_after: String,
    /// The batch's transactions; none in a dummy.
    pub signed_txns: Vec<Vec<u8>>,
    /// Where burnt fees go.
    pub burn_addr: Option<String>,
    /// Address and amount, in the last batch only.
    pub withdrawals: Vec<(String, String)>,
    /// State before the block.
    pub tries: TrieInputs,
    /// State after the batch.
    pub trie_roots_after: TrieRoots,
    /// State root of the checkpoint.
    pub checkpoint_state_trie_root: String,
    /// Hash over the checkpoint.
    pub checkpoint_consolidated_hash: [u64; 4],
    /// Code by its hash.
    pub contract_code: BTreeMap<String, Vec<u8>>,
    /// Header values.
    pub block_metadata: BlockMetadata,
    /// The hashes around the block.
    pub block_hashes: BlockHashes,
    /// Global exit root.
    pub ger_data: Option<(String, String)>,
}

impl GenerationInputs {
    /// Which transactions of which block these are.
    pub fn place(&self) -> Result<Place> {
        let first = hex_number(&self.txn_number_before)?;
        let end = first + u64::try_from(self.signed_txns.len())?;
        Ok(Place { block: self.block_metadata.number()?, txns: first..end })
    }

    /// What a proof of this batch says in the open.
    #[must_use]
    pub fn public(&self) -> PublicValues {
        PublicValues {
            checkpoint_state_trie_root: self.checkpoint_state_trie_root.clone(),
            block_metadata: self.block_metadata.clone(),
            block_hashes: self.block_hashes.clone(),
        }
    }
}

/// Which transactions go into which batch: at least two batches, the last ones empty if need be.
#[must_use]
pub fn batches(txns: usize, batch_size: usize) -> Vec<Range<usize>> {
    let wanted = batch_size.max(1);
    let size = if txns.div_ceil(wanted) >= 2 { wanted } else { txns.div_ceil(2).max(1) };
    let count = txns.div_ceil(size).max(2);
    let end = |batch: usize| (batch * size).min(txns);
    (0..count).map(|batch| end(batch)..end(batch + 1)).collect()
}

/// Cuts a block. Fails if its witness cannot be decoded.
pub fn cut(block: &BlockProverInput, batch_size: usize) -> Result<Vec<GenerationInputs>> {
    let txns = block.signed_txns()?;
    let number = block.number()?;
    let gas = block.gas_marks();
    let gas_at = |txn: usize| to_hex(gas.get(txn).copied().unwrap_or_default());
    let code = block.block_trace.code_db.iter();
    let contract_code: BTreeMap<_, _> =
        code.map(|code| (format!("0x{}", txn_hash(code)), code.clone())).collect();
    let ranges = batches(txns.len(), batch_size);
    let last = ranges.len().saturating_sub(1);
    let inputs = ranges.into_iter().enumerate().map(|(batch, range)| {
        let withdrawals = &block.other_data.b_data.withdrawals;
        Ok(GenerationInputs {
            txn_number_before: to_hex(u64::try_from(range.start)?),
            gas_used_before: gas_at(range.start),
            gas_used_after: gas_at(range.end),
            signed_txns: txns.get(range.clone()).unwrap_or_default().to_vec(),
            burn_addr: block.other_data.burn_addr.clone(),
            withdrawals: if batch == last { withdrawals.clone() } else { Vec::new() },
            tries: block.tries(),
            trie_roots_after: made_up_roots(number, range.end),
            checkpoint_state_trie_root: block.other_data.checkpoint_state_trie_root.clone(),
            checkpoint_consolidated_hash: block.other_data.checkpoint_consolidated_hash,
            contract_code: contract_code.clone(),
            block_metadata: block.other_data.b_data.b_meta.clone(),
            block_hashes: block.other_data.b_data.b_hashes.clone(),
            ger_data: block.other_data.ger_data.clone(),
        })
    });
    inputs.collect()
}

fn made_up_roots(block: u64, txns: usize) -> TrieRoots {
    let root = |kind: &str| format!("0x{}", txn_hash(format!("{kind} {block} {txns}").as_bytes()));
    TrieRoots {
        state_root: root("state"),
        transactions_root: root("transactions"),
        receipts_root: root("receipts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_at_least_two_batches() {
        let counts = [0, 1, 2, 3, 10, 11, 40, 174].map(|txns| batches(txns, 10).len());
        assert_eq!(counts, [2, 2, 2, 2, 2, 2, 4, 18]);
        assert_eq!(batches(9, 1).len(), 9);
        assert_eq!(batches(72, 10).len(), 8);
    }

    #[test]
    fn batches_are_in_a_row_and_complete() {
        for txns in 0..200 {
            for size in 0..30 {
                let batches = batches(txns, size);
                assert_eq!(batches.first().unwrap().start, 0);
                assert_eq!(batches.last().unwrap().end, txns);
                assert!(batches.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert!(txns < 2 || batches.iter().all(|batch| !batch.is_empty()));
            }
        }
    }

    #[test]
    fn the_dummy_follows_a_lone_transaction() {
        assert_eq!(batches(1, 10), [0..1, 1..1]);
        assert_eq!(batches(0, 10), [0..0, 0..0]);
    }
}
