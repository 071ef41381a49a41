//! `rpc fetch` without a chain: prints witnesses that lie in a directory.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::values::hex_number;

/// Names the directory.
pub const WITNESS_DIR: &str = "STAND_IN_WITNESS_DIR";

/// What the stand-in says where the real program would ask a node.
pub const NO_CHAIN: &str = "the stand-in prover has no access to a chain";

/// Prints the blocks as one JSON array, as upstream's `rpc fetch` does.
pub fn print(blocks: RangeInclusive<u64>) -> Result<()> {
    let directory = env::var_os(WITNESS_DIR).map(PathBuf::from);
    let directory = directory.with_context(|| {
        format!("{NO_CHAIN}: set {WITNESS_DIR} to a directory of witness files")
    })?;
    let found = find(&directory, blocks)?;
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &found)?;
    out.flush().context("writing to stdout")
}

/// The blocks in order. Fails if one is missing or lies there twice.
fn find(directory: &Path, blocks: RangeInclusive<u64>) -> Result<Vec<Value>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).with_context(|| format!("{}", directory.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read(&path)?;
            let file: Vec<Value> =
                serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
            for block in file {
                let number = number(&block).with_context(|| format!("{}", path.display()))?;
                if blocks.contains(&number) {
                    let twice = found.insert(number, block).is_some();
                    ensure!(!twice, "two files hold block {number}");
                }
            }
        }
    }
    let in_order = blocks.map(|number| {
        found.remove(&number).with_context(|| format!("no file holds block {number}"))
    });
    in_order.collect()
}

fn number(block: &Value) -> Result<u64> {
    let number = block.pointer("/other_data/b_data/b_meta/block_number").and_then(Value::as_str);
    hex_number(number.context("a block without a number")?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn block(number: &str) -> Value {
        json!({"other_data": {"b_data": {"b_meta": {"block_number": number}}}})
    }

    #[test]
    fn blocks_are_found_in_order_or_missed_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, blocks: Value| {
            fs::write(directory.path().join(name), blocks.to_string()).unwrap();
        };
        write("b.json", json!([block("0x4"), block("0x5")]));
        write("a.json", json!([block("0x6")]));
        write("README.md", json!("no witness"));
        let found = find(directory.path(), 4..=6).unwrap();
        assert_eq!(found, [block("0x4"), block("0x5"), block("0x6")]);
        let missed = find(directory.path(), 4..=7).unwrap_err().to_string();
        assert_eq!(missed, "no file holds block 7");
    }
}
