//! What the tests of both generations need.

use std::{fs, path::PathBuf};

use paladin::{serializer::Serializer, task::AnyTask};
use regex::bytes::Regex;
use stand_in::{
    samples::Samples,
    values::hex_number,
    witness::{self, BlockProverInput},
};

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

/// The check that the message files of a generation are the samples, and no others.
pub(super) fn assert_committed(samples: &Samples, generation: &str) {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../amqp-admin/src/paladin/fixtures");
    for (name, bytes) in &samples.files {
        let committed = fs::read(format!("{root}/{name}")).unwrap_or_default();
        let program = format!("stand-in-{}-message-gen", generation.replace('.', ""));
        assert!(committed == *bytes, "{name} differs: run {program}");
        assert!(bytes.len() < 60_000, "{name} is too large");
    }
}
