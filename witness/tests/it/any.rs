//! Any bytes, and real witnesses with something changed: nothing panics.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use witness::{copy_checked, read};

use super::files::folder;

static REAL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let read = |path: &str| std::fs::read(folder().join(path)).unwrap();
    vec![read("devnet/v0.7/2.witness.json"), read("devnet/v0.6/2.witness.json")]
});

/// Bytes that mean something in JSON more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"[]{}\",:\\0x-9 ntf".to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(byte(), 0..2_000)) {
        let _ = copy_checked(&bytes[..], std::io::sink(), 10_000);
    }

    #[test]
    fn bytes_behind_the_mark_of_a_packing_are_read_or_refused(
        mark in prop::sample::select(vec![
            &b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\x50\x2a\x4d\x18", b"\xfd7zXZ\0",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let _ = copy_checked(&[mark, &rest].concat()[..], std::io::sink(), 10_000);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_real_one_with_something_changed_is_read_or_refused(
        which in 0..2_usize,
        changes in prop::collection::vec((any::<Index>(), byte()), 1..4),
    ) {
        let mut bytes = REAL[which].clone();
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        if let Ok(witness) = read(&bytes[..]) {
            prop_assert_eq!(witness.blocks.len(), 1);
        }
    }

    #[test]
    fn a_real_one_with_a_part_taken_out_is_refused_or_still_json(
        which in 0..2_usize,
        (one, other) in any::<(Index, Index)>(),
    ) {
        let mut bytes = REAL[which].clone();
        let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
        bytes.drain(one.min(other)..one.max(other));
        if read(&bytes[..]).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
        }
    }
}
