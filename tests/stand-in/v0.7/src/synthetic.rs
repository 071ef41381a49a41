//! Witnesses of any size, made up from nothing but the block's number.
//!
//! Their form is upstream's, their transactions and receipts decode; but signatures, tries
//! and hashes fit nothing, so the real prover refuses them. Only the stand-in takes them.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use sha3::{Digest, Keccak256};

use crate::rlp;

/// Chain id of our development chain.
const CHAIN_ID: u64 = 7331;

/// Time of block 0, 2026-01-01.
const GENESIS_TIME: u64 = 1_767_225_600;

/// Gas of a plain transfer.
const TRANSFER_GAS: u64 = 21_000;

/// Height of a single block with no transactions; with n transactions it is n more.
const SINGLE_BLOCKS: u64 = 1000;

/// Sizes of the single blocks. A block of mainnet has 174 on an average day.
const SINGLE_SIZES: [u64; 5] = [0, 1, 3, 40, 174];

/// First height of the row of blocks.
const ROW_START: u64 = 2001;

/// Sizes of the row's blocks.
const ROW_SIZES: [u64; 8] = [2, 0, 1, 5, 12, 3, 21, 8];

/// The two forms of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    V06,
    V07,
}

/// Writes all files beneath a directory, `v0.6/` and `v0.7/`.
pub fn write(directory: &Path) -> Result<()> {
    for (name, text) in files()? {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap_or(directory))?;
        fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

/// Writes one file for each block of a row, in the form of either generation: `FIRST.witness.json` on.
pub fn write_row(directory: &Path, form: &str, first: u64, sizes: &[u64]) -> Result<()> {
    let form = match form {
        "v0.6" => Form::V06,
        "v0.7" => Form::V07,
        other => anyhow::bail!("there is no form `{other}`: v0.6 or v0.7"),
    };
    fs::create_dir_all(directory)?;
    for (number, &txns) in (first..).zip(sizes) {
        let path = directory.join(format!("{number}.witness.json"));
        let text = serde_json::to_string(&[block(form, number, txns)])?;
        fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

/// All files, each with its name and its text.
pub fn files() -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for (form, folder) in [(Form::V06, "v0.6"), (Form::V07, "v0.7")] {
        for txns in SINGLE_SIZES {
            let number = SINGLE_BLOCKS + txns;
            let text = serde_json::to_string_pretty(&[block(form, number, txns)])?;
            files.push((format!("{folder}/{number}.witness.json"), text));
        }
        let row: Vec<Value> =
            (ROW_START..).zip(ROW_SIZES).map(|(number, txns)| block(form, number, txns)).collect();
        let last = (ROW_START..).zip(ROW_SIZES).last().map_or(ROW_START, |(number, _)| number);
        let text = serde_json::to_string_pretty(&row)?;
        files.push((format!("{folder}/{ROW_START}-{last}.witness.json"), text));
    }
    Ok(files)
}

fn block(form: Form, number: u64, txns: u64) -> Value {
    let txn_info: Vec<Value> = (0..txns).map(|index| txn(form, number, index)).collect();
    let code_db = if form == Form::V07 { json!([]) } else { Value::Null };
    let mut other = json!({
        "b_data": {
            "b_meta": meta(number, txns),
            "b_hashes": {
                "prev_hashes": (0..256).map(|back| hash_before(number, back)).collect::<Vec<_>>(),
                "cur_hash": hash(&["block"], number, 0),
            },
            "withdrawals": [],
        },
        "checkpoint_state_trie_root": hash(&["state"], number.saturating_sub(1), 0),
    });
    if let (Form::V07, Value::Object(other)) = (form, &mut other) {
        let part = |index| made_up_number(&["consolidated"], number, index) >> 1;
        other.insert(
            "checkpoint_consolidated_hash".into(),
            json!([part(0), part(1), part(2), part(3)]),
        );
        other.insert("burn_addr".into(), Value::Null);
        other.insert("ger_data".into(), Value::Null);
    }
    json!({
        "block_trace": {
            "trie_pre_images": pre_images(form, number),
            "code_db": code_db,
            "txn_info": txn_info,
        },
        "other_data": other,
    })
}

fn meta(number: u64, txns: u64) -> Value {
    json!({
        "block_beneficiary": address(&["beneficiary"], 0),
        "block_timestamp": hex_number(GENESIS_TIME + 12 * number),
        "block_number": hex_number(number),
        "block_difficulty": "0x0",
        "block_random": hash(&["random"], number, 0),
        "block_gaslimit": hex_number(30_000_000),
        "block_chain_id": hex_number(CHAIN_ID),
        "block_base_fee": hex_number(1_000_000_000 + number),
        "block_gas_used": hex_number(TRANSFER_GAS * txns),
        "block_blob_gas_used": "0x0",
        "block_excess_blob_gas": "0x0",
        "parent_beacon_block_root": hash(&["beacon"], number, 0),
        "block_bloom": vec!["0x0"; 8],
    })
}

/// Hash of the block that is `256 - place` blocks back; zero before the first block.
fn hash_before(number: u64, place: u64) -> String {
    let zero = || format!("0x{}", hex::encode([0; 32]));
    (number + place).checked_sub(256).map_or_else(zero, |earlier| hash(&["block"], earlier, 0))
}

fn pre_images(form: Form, number: u64) -> Value {
    let child = |index| node(form, &json!({ "Hash": hash(&["node"], number, index) }));
    let children: Vec<Value> = (0..16).map(child).collect();
    let root = node(form, &json!({ "Branch": { "children": children, "value": [] } }));
    let storage = (0..4).map(|index| {
        (hash(&["account"], number, index), json!({ "direct": node(form, &json!("Empty")) }))
    });
    let storage: Map<String, Value> = storage.collect();
    json!({
        "separate": {
            "state": { "direct": root },
            "storage": { "multiple_tries": storage },
        }
    })
}

/// Nodes of the newer form have a strategy.
fn node(form: Form, kind: &Value) -> Value {
    match form {
        Form::V06 => json!({ "node": kind, "hash": null }),
        Form::V07 => json!({ "node": kind, "hash": null, "strategy": "Reject" }),
    }
}

/// A transfer.
fn txn(form: Form, number: u64, index: u64) -> Value {
    let sender = address(&["sender"], index);
    let receiver = address(&["receiver"], made_up_number(&["choice"], number, index) % 64);
    let byte_code = hex(&signed_txn(number, index, &receiver));
    let balance = |who| hex_number(made_up_number(&["balance", who], number, index));
    let traces = json!({
        sender: { "balance": balance("sender"), "nonce": hex_number(number) },
        receiver: { "balance": balance("receiver") },
        address(&["beneficiary"], 0): { "balance": balance("beneficiary") },
    });
    let mut meta = Map::new();
    meta.insert("byte_code".into(), json!(byte_code));
    if form == Form::V06 {
        meta.insert("new_txn_trie_node_byte".into(), json!("0x"));
    }
    meta.insert("new_receipt_trie_node_byte".into(), json!(hex(&receipt(index))));
    meta.insert("gas_used".into(), json!(TRANSFER_GAS));
    json!({ "traces": traces, "meta": meta })
}

/// An EIP-1559 transaction whose signature fits nobody.
fn signed_txn(number: u64, index: u64, receiver: &str) -> Vec<u8> {
    let signature = |half| rlp::integer(&digest(&["signature", half], number, index));
    let fields = [
        rlp::number(CHAIN_ID),
        rlp::number(number),
        rlp::number(1_000_000_000),
        rlp::number(3_000_000_000),
        rlp::number(TRANSFER_GAS),
        rlp::bytes(&hex::decode(receiver.trim_start_matches("0x")).unwrap_or_default()),
        rlp::number(made_up_number(&["value"], number, index)),
        rlp::bytes(&[]),
        rlp::list(&[]),
        rlp::number(index % 2),
        signature("r"),
        signature("s"),
    ];
    [vec![2], rlp::list(&fields)].concat()
}

/// A receipt without logs, wrapped as the trie holds it.
fn receipt(index: u64) -> Vec<u8> {
    let gas = TRANSFER_GAS * (index + 1);
    let fields = [rlp::number(1), rlp::number(gas), rlp::bytes(&[0; 256]), rlp::list(&[])];
    rlp::bytes(&[vec![2], rlp::list(&fields)].concat())
}

fn address(labels: &[&str], index: u64) -> String {
    hash(labels, index, 0).chars().take(42).collect()
}

fn hash(labels: &[&str], number: u64, index: u64) -> String {
    hex(&digest(labels, number, index))
}

fn made_up_number(labels: &[&str], number: u64, index: u64) -> u64 {
    let digest = digest(labels, number, index);
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

fn digest(labels: &[&str], number: u64, index: u64) -> [u8; 32] {
    let text = format!("stand-in {} {number} {index}", labels.join(" "));
    Keccak256::digest(text).into()
}

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn hex_number(number: u64) -> String {
    format!("{number:#x}")
}
