//! Where the v0.6 form of a witness differs from the v0.7 form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::witness::{BlockLevelData, TxnInfo};

/// What happened in a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockTrace {
    /// The state before the block.
    pub trie_pre_images: Value,
    /// Code that the pre-images do not hold, by its hash.
    #[serde(default)]
    pub code_db: Option<BTreeMap<String, Vec<u8>>>,
    /// The transactions.
    pub txn_info: Vec<TxnInfo>,
}

/// What the trace does not tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OtherData {
    /// Header values, hashes and withdrawals.
    pub b_data: BlockLevelData,
    /// State root of the checkpoint.
    pub checkpoint_state_trie_root: String,
}
