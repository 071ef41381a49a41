//! The smallest witnesses that a leader's reader takes, to be changed by the tests.

use serde_json::{Value, json};
use witness::Form;

/// A block without transactions.
pub(crate) fn block(form: Form, number: u64) -> Value {
    let hash = |number: u64| format!("{number:#066x}");
    let mut block = json!({
        "block_trace": { "trie_pre_images": { "combined": { "compact": "0x00" } }, "txn_info": [] },
        "other_data": {
            "b_data": {
                "b_meta": {
                    "block_beneficiary": format!("0x{}", "a".repeat(40)),
                    "block_timestamp": "0x6955b924",
                    "block_number": format!("{number:#x}"),
                    "block_difficulty": "0x0",
                    "block_random": hash(9),
                    "block_gaslimit": "0x1c9c380",
                    "block_chain_id": "0x1ca3",
                    "block_base_fee": "0x7",
                    "block_gas_used": "0x0",
                    "block_blob_gas_used": "0x0",
                    "block_excess_blob_gas": "0x0",
                    "parent_beacon_block_root": hash(0),
                    "block_bloom": vec!["0x0"; 8],
                },
                "b_hashes": {
                    "prev_hashes": [hash(0), hash(number.saturating_sub(1))],
                    "cur_hash": hash(number),
                },
                "withdrawals": [[format!("0x{}", "b".repeat(40)), "0x1"]],
            },
            "checkpoint_state_trie_root": hash(1),
        },
    });
    if form == Form::V07 {
        block["other_data"]["checkpoint_consolidated_hash"] = json!([1, 2, 3, u64::MAX]);
    }
    block
}

/// A transaction that uses 21000 gas, which its block's header does not count.
pub(crate) fn transaction(form: Form) -> Value {
    let mut meta =
        json!({ "byte_code": "0x02", "new_receipt_trie_node_byte": "0x03", "gas_used": 21_000 });
    if form == Form::V06 {
        meta["new_txn_trie_node_byte"] = json!("0x");
    }
    json!({ "traces": {}, "meta": meta })
}

/// Three blocks from 5 on.
pub(crate) fn blocks(form: Form) -> Value {
    (5..8).map(|number| block(form, number)).collect()
}
