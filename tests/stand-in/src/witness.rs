//! The leader's input: a JSON array of blocks, as `rpc fetch` prints it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha3::{Digest, Keccak256};

use crate::{
    shape::{BlockTrace, OtherData},
    values::{BlockHashes, BlockMetadata, PublicValues, hex_bytes},
};

/// One block's witness.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockProverInput {
    /// What happened in the block.
    pub block_trace: BlockTrace,
    /// What the trace does not tell.
    pub other_data: OtherData,
}

/// One transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TxnInfo {
    /// What it read and wrote, by address. The stand-in does not look into it.
    pub traces: BTreeMap<String, Value>,
    /// The transaction itself.
    pub meta: TxnMeta,
}

/// A transaction's bytes and outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TxnMeta {
    /// The signed transaction.
    pub byte_code: String,
    /// Written by the older generation only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_txn_trie_node_byte: Option<String>,
    /// The receipt.
    pub new_receipt_trie_node_byte: String,
    /// Gas used.
    pub gas_used: u64,
}

/// The block's header values, hashes and withdrawals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockLevelData {
    /// Header values.
    pub b_meta: BlockMetadata,
    /// The hashes around the block.
    pub b_hashes: BlockHashes,
    /// Address and amount.
    pub withdrawals: Vec<(String, String)>,
}

/// The state before the block, each part as its JSON text: the stand-in executes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrieInputs {
    /// The accounts.
    pub state_trie: String,
    /// Empty at the start of a block.
    pub transactions_trie: String,
    /// Empty at the start of a block.
    pub receipts_trie: String,
    /// The contracts' storage by hashed address.
    pub storage_tries: Vec<(String, String)>,
}

impl BlockProverInput {
    /// The height.
    pub fn number(&self) -> Result<u64> {
        self.other_data.b_data.b_meta.number()
    }

    /// What proofs of this block say in the open.
    #[must_use]
    pub fn public(&self) -> PublicValues {
        let data = &self.other_data.b_data;
        PublicValues {
            checkpoint_state_trie_root: self.other_data.checkpoint_state_trie_root.clone(),
            block_metadata: data.b_meta.clone(),
            block_hashes: data.b_hashes.clone(),
        }
    }

    /// The signed transactions' bytes.
    pub fn signed_txns(&self) -> Result<Vec<Vec<u8>>> {
        let txns = self.block_trace.txn_info.iter().enumerate();
        txns.map(|(index, txn)| {
            hex_bytes(&txn.meta.byte_code).with_context(|| format!("transaction {index}"))
        })
        .collect()
    }

    /// Gas used before each transaction, and by all of them in the end.
    #[must_use]
    pub fn gas_marks(&self) -> Vec<u64> {
        let mut marks = vec![0];
        let mut used = 0_u64;
        for txn in &self.block_trace.txn_info {
            used = used.saturating_add(txn.meta.gas_used);
            marks.push(used);
        }
        marks
    }

    /// The state before the block.
    #[must_use]
    pub fn tries(&self) -> TrieInputs {
        let images = &self.block_trace.trie_pre_images;
        let state = images.pointer("/separate/state").or_else(|| images.get("combined"));
        let storage = images.pointer("/separate/storage/multiple_tries").and_then(Value::as_object);
        let storage_tries = storage.into_iter().flatten();
        TrieInputs {
            state_trie: state.unwrap_or(images).to_string(),
            transactions_trie: "Empty".to_owned(),
            receipts_trie: "Empty".to_owned(),
            storage_tries: storage_tries
                .map(|(key, trie)| (key.clone(), trie.to_string()))
                .collect(),
        }
    }
}

/// Reads a whole input. An error names the place in it.
pub fn parse(text: &[u8]) -> Result<Vec<BlockProverInput>> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let blocks = serde_path_to_error::deserialize(&mut json)?;
    json.end()?;
    Ok(blocks)
}

/// A transaction's hash as the logs write it.
#[must_use]
pub fn txn_hash(txn: &[u8]) -> String {
    hex::encode(Keccak256::digest(txn))
}
