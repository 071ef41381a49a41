//! A block cut into the transactions of v0.5 and v0.6, each with the input of its task.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::{
    faults::Place,
    values::{BlockHashes, BlockMetadata, PublicValues, hex_number, to_hex},
    witness::{BlockProverInput, TrieInputs, txn_hash},
};

/// State after a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrieRoots {
    /// Made up: the stand-in executes nothing.
    pub state_root: String,
    /// Made up.
    pub transactions_root: String,
    /// Made up.
    pub receipts_root: String,
}

/// Everything a worker needs for one transaction, in the real prover's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationInputs {
    /// Transactions of the block before this one.
    pub txn_number_before: String,
    /// Gas used before this one.
    pub gas_used_before: String,
    /// Gas used including this one.
    pub gas_used_after: String,
    /// The transaction; none in a dummy.
    pub signed_txn: Option<Vec<u8>>,
    /// Address and amount, in the last task only.
    pub withdrawals: Vec<(String, String)>,
    /// Always empty here.
    pub global_exit_roots: Vec<(String, String)>,
    /// State before the block.
    pub tries: TrieInputs,
    /// State after the transaction.
    pub trie_roots_after: TrieRoots,
    /// State root of the checkpoint.
    pub checkpoint_state_trie_root: String,
    /// Code by its hash.
    pub contract_code: BTreeMap<String, Vec<u8>>,
    /// Header values.
    pub block_metadata: BlockMetadata,
    /// The hashes around the block.
    pub block_hashes: BlockHashes,
}

impl GenerationInputs {
    /// Which transaction of which block this is.
    pub fn place(&self) -> Result<Place> {
        let first = hex_number(&self.txn_number_before)?;
        let end = first + u64::from(self.signed_txn.is_some());
        Ok(Place { block: self.block_metadata.number()?, txns: first..end })
    }

    /// What a proof of this transaction says in the open.
    #[must_use]
    pub fn public(&self) -> PublicValues {
        PublicValues {
            checkpoint_state_trie_root: self.checkpoint_state_trie_root.clone(),
            block_metadata: self.block_metadata.clone(),
            block_hashes: self.block_hashes.clone(),
        }
    }
}

/// The transactions of a block's tasks: `None` is a dummy, and there are at least two tasks.
///
/// Withdrawals belong to the last task, which must be a dummy then.
#[must_use]
pub fn tasks(txns: usize, withdrawals: bool) -> Vec<Option<usize>> {
    let real = (0..txns).map(Some);
    match txns {
        0 => vec![None, None],
        1 if !withdrawals => [None].into_iter().chain(real).collect(),
        _ if withdrawals => real.chain([None]).collect(),
        _ => real.collect(),
    }
}

/// Cuts a block. Fails if its witness cannot be decoded.
pub fn cut(block: &BlockProverInput) -> Result<Vec<GenerationInputs>> {
    let txns = block.signed_txns()?;
    let number = block.number()?;
    let gas = block.gas_marks();
    let gas_at = |txn: usize| to_hex(gas.get(txn).copied().unwrap_or_default());
    let withdrawals = &block.other_data.b_data.withdrawals;
    let tasks = tasks(txns.len(), !withdrawals.is_empty());
    let last = tasks.len().saturating_sub(1);
    let mut before = 0;
    let inputs = tasks.into_iter().enumerate().map(|(place, txn)| {
        let first = before;
        before += usize::from(txn.is_some());
        Ok(GenerationInputs {
            txn_number_before: to_hex(u64::try_from(first)?),
            gas_used_before: gas_at(first),
            gas_used_after: gas_at(before),
            signed_txn: txn.and_then(|txn| txns.get(txn).cloned()),
            withdrawals: if place == last { withdrawals.clone() } else { Vec::new() },
            global_exit_roots: Vec::new(),
            tries: block.tries(),
            trie_roots_after: made_up_roots(number, place),
            checkpoint_state_trie_root: block.other_data.checkpoint_state_trie_root.clone(),
            contract_code: block.block_trace.code_db.clone().unwrap_or_default(),
            block_metadata: block.other_data.b_data.b_meta.clone(),
            block_hashes: block.other_data.b_data.b_hashes.clone(),
        })
    });
    inputs.collect()
}

fn made_up_roots(block: u64, task: usize) -> TrieRoots {
    let root = |kind: &str| format!("0x{}", txn_hash(format!("{kind} {block} {task}").as_bytes()));
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
    fn a_block_has_at_least_two_tasks() {
        let counts = [0, 1, 2, 3, 40, 174].map(|txns| tasks(txns, false).len());
        assert_eq!(counts, [2, 2, 2, 3, 40, 174]);
    }

    #[test]
    fn withdrawals_end_in_a_dummy() {
        let counts = [0, 1, 2, 3, 40, 174].map(|txns| tasks(txns, true).len());
        assert_eq!(counts, [2, 2, 3, 4, 41, 175]);
        assert!((0..50).all(|txns| tasks(txns, true).last().unwrap().is_none()));
    }

    #[test]
    fn the_dummy_precedes_a_lone_transaction() {
        assert_eq!(tasks(1, false), [None, Some(0)]);
    }
}
