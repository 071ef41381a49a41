//! Any bytes as a witness, compressed or not: nothing panics, and what is read is whole.
//!
//! ```sh
//! mkdir -p target/fuzz/found
//! cargo +nightly fuzz run --target-dir target/fuzz witness target/fuzz/found fuzz/corpus/witness
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use witness::{MAX_BLOCKS, Packing, copy_checked, read};

/// More than the fuzzer's inputs have, and little enough for a compressed one to reach it.
const LIMIT: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut copy = Vec::new();
    let checked = match copy_checked(bytes, &mut copy, LIMIT) {
        Ok(checked) => checked,
        Err(fault) => {
            assert!(fault.is_of_the_witness() && !fault.to_string().is_empty());
            assert!(copy.len() as u64 <= LIMIT);
            return;
        }
    };
    let witness = &checked.witness;
    assert_eq!(checked.bytes, copy.len() as u64);
    assert!(checked.packing != Packing::Plain || copy == bytes);
    assert!((1..=MAX_BLOCKS).contains(&witness.blocks.len()));
    assert_eq!(read(&copy[..]).ok().as_ref(), Some(witness), "read once more");
    assert!(witness.blocks.iter().map(|block| block.bytes).sum::<u64>() < checked.bytes);
    let (first, last) = witness.range().expect("a block");
    assert_eq!(last - first, witness.blocks.len() as u64 - 1);
    let shorter = copy.trim_ascii_end().split_last().expect("a bracket").1;
    assert!(read(shorter).is_err(), "a witness without its last bracket");
});
