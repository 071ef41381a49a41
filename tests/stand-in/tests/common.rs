//! What the tests of both generations need.

use std::{fs, path::PathBuf};

use paladin::{serializer::Serializer, task::AnyTask};
use regex::bytes::Regex;
use stand_in::{
    values::hex_number,
    witness::{self, BlockProverInput},
};

/// Both wire formats.
pub(super) const SERIALIZERS: [Serializer; 2] = [Serializer::Postcard, Serializer::Cbor];

/// The committed witness files of one form, made and real.
pub(super) fn files(form: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../witnesses"));
    let folders = ["devnet", "synthetic"].map(|kind| root.join(kind).join(form));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = entries.map(|entry| entry.unwrap().path()).map(|path| {
        let text = fs::read(&path).unwrap();
        (path, text)
    });
    files.collect()
}

/// All blocks of one form.
pub(super) fn blocks(form: &str) -> Vec<BlockProverInput> {
    files(form).iter().flat_map(|(_, text)| witness::parse(text).unwrap()).collect()
}

/// The block number as an operator's tool finds it in a message's body.
pub(super) fn find_block(body: &[u8], serializer: Serializer) -> Option<u64> {
    let pattern = match serializer {
        Serializer::Postcard => concat!(
            r"(?-u)\x2a0x[0-9a-f]{40}(?s:.)0x[0-9a-f]+(?s:.)(0x[0-9a-f]{1,16})",
            r"(?s:.)0x[0-9a-f]+\x420x[0-9a-f]{64}"
        ),
        Serializer::Cbor => r"(?-u)\x6cblock_number(?:[\x60-\x77]|\x78(?s:.))(0x[0-9a-f]+)",
    };
    let found = Regex::new(pattern).unwrap().captures(body)?;
    hex_number(std::str::from_utf8(&found[1]).unwrap()).ok()
}

/// A task's body, and the check that its block is found.
pub(super) fn assert_found(task: &AnyTask, serializer: Serializer, block: u64) {
    let body = serializer.to_bytes(task).unwrap();
    assert_eq!(find_block(&body, serializer), Some(block), "operation {}", task.operation_id);
}
