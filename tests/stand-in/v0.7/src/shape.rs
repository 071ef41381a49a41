//! Where the v0.7 form of a witness differs from the v0.6 form.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

use crate::witness::{BlockLevelData, TxnInfo};

/// What happened in a block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockTrace {
    /// The state before the block.
    #[serde(deserialize_with = "pre_images")]
    pub trie_pre_images: Value,
    /// Code that the pre-images do not hold.
    #[serde(default)]
    pub code_db: Vec<Vec<u8>>,
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
    /// Hash over the checkpoint, as four field elements.
    pub checkpoint_consolidated_hash: [u64; 4],
    /// Where burnt fees go, on chains that have such an address.
    #[serde(default)]
    pub burn_addr: Option<String>,
    /// Global exit root, on chains that have one.
    #[serde(default)]
    pub ger_data: Option<(String, String)>,
}

fn pre_images<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let images = Value::deserialize(deserializer)?;
    if has_node_without_strategy(&images) {
        return Err(D::Error::missing_field("strategy"));
    }
    Ok(images)
}

/// The older generation's trie nodes have no `strategy`.
fn has_node_without_strategy(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            (map.contains_key("node") && !map.contains_key("strategy"))
                || map.values().any(has_node_without_strategy)
        }
        Value::Array(items) => items.iter().any(has_node_without_strategy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
