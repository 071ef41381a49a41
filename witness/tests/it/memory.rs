//! How much memory it takes, whatever comes. Each reading is a process of its own: the most that a
//! process ever had in memory is told of it as a whole.

use std::env;
use std::io::{self, Read};
use std::process::Command;

use serde_json::json;
use witness::{Form, read};

use super::sample::{block, transaction};

/// Says to a process which input to read, and how much of it.
const INPUT: &str = "WITNESS_INPUT";
const MEGABYTES: &str = "WITNESS_MEGABYTES";
/// What stands where the long part goes.
const GAP: &str = "GAP";

/// What is said of what does not end and is kept in memory.
const TOO_LONG: &str = "a short value goes on for more than 65536 bytes";
/// Places for a long text in a block, what is repeated there, and what is said of it.
const IN_A_BLOCK: [(&str, &str, &str); 11] = [
    ("/block_trace/trie_pre_images/combined/compact", "a", "read"),
    ("/block_trace/code_db/0", "a", "read"),
    ("/block_trace/txn_info/0/meta/byte_code", "a", "read"),
    ("/more/0/a", "a", "read"),
    ("/other_data/b_data/b_meta/block_number", "0", TOO_LONG),
    ("/other_data/b_data/b_hashes/prev_hashes/0", "0", TOO_LONG),
    ("/other_data/b_data/b_hashes/cur_hash", "0", TOO_LONG),
    ("/other_data/checkpoint_consolidated_hash/0", "a", TOO_LONG),
    ("/other_data", "a", TOO_LONG),
    ("/block_trace/txn_info", "a", TOO_LONG),
    ("/block_trace/code_db", "a", TOO_LONG),
];
/// The same for whole texts.
const WHOLE: [(&str, &str, &str); 9] = [
    ("\"GAP\"", "a", TOO_LONG),
    ("{\"GAP\": 1}", "a", TOO_LONG),
    ("GAP[]", " ", TOO_LONG),
    ("[GAP]", "7", TOO_LONG),
    ("[{\"GAP\": 1}]", "a", TOO_LONG),
    ("[{\"block_trace\": {\"code_db\": {\"GAP\": 1}}}]", "a", TOO_LONG),
    ("[{\"more\": GAP}]", "[", "nested deeper than 128: the leader would refuse it"),
    ("{GAP\"a\": 1}", "\"a\":{}, ", "invalid type: map, expected a JSON array of blocks"),
    ("[]GAP", " ", "the leader would wait for ever"),
];

/// A text with a gap.
fn text(place: &str) -> String {
    if !place.starts_with('/') {
        return place.to_owned();
    }
    let mut block = block(Form::V07, 5);
    block["block_trace"]["code_db"] = json!([""]);
    block["block_trace"]["txn_info"] = json!([transaction(Form::V07)]);
    block["more"] = json!([{ "a": "" }]);
    *block.pointer_mut(place).unwrap() = json!(GAP);
    json!([block]).to_string()
}

/// The same text again and again. Its length divides 8.
struct Again {
    text: &'static [u8],
    at: usize,
}

impl Read for Again {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len();
        for byte in into {
            *byte = self.text[self.at];
            self.at = (self.at + 1) % self.text.len();
        }
        Ok(length)
    }
}

/// Kilobytes, as the kernel tells them.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Does nothing unless it is called by the test below, or by hand.
#[test]
fn one_reading() {
    let (Ok(name), Ok(megabytes)) = (env::var(INPUT), env::var(MEGABYTES)) else { return };
    let mut inputs = IN_A_BLOCK.into_iter().chain(WHOLE);
    let (place, gap, words) = inputs.find(|(place, _, _)| *place == name).unwrap();
    let text = text(place);
    let (before, after) = text.split_once(GAP).unwrap();
    let long = Again { text: gap.as_bytes(), at: 0 };
    let long = long.take((megabytes.parse::<u64>().unwrap() << 20) / 8 * 8);
    let told = match read(before.as_bytes().chain(long).chain(after.as_bytes())) {
        Ok(_) => "read".to_owned(),
        Err(fault) => fault.to_string(),
    };
    assert!(told.ends_with(words), "{name}: {told}");
    println!("most memory: {} kB", most_memory());
}

/// The memory of a process that reads so much.
fn memory(name: &str, megabytes: u32) -> u64 {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "memory::one_reading", "--nocapture", "--test-threads=1"]);
    let output = command.env(INPUT, name).env(MEGABYTES, megabytes.to_string()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{name}: {told}");
    let told = told.split_once("most memory: ").unwrap().1;
    told.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_memory_does_not_grow_with_the_input() {
    for (name, _, _) in IN_A_BLOCK.into_iter().chain(WHOLE) {
        let (few, many) = (memory(name, 1), memory(name, 8));
        // Eight times as much to read; the rest is what the kernel happens to count.
        assert!(many < few + 2_000, "{name}: {few} kB for 1 MB, {many} kB for 8 MB");
    }
}
