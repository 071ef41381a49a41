//! Any frames of a child and of a broker, in any order, with lost connections and orders among them:
//! nothing panics, whatever goes out is AMQP, and no message is broken on its channel by a frame of ours.
//!
//! ```sh
//! mkdir -p target/fuzz/found
//! cargo +nightly fuzz run --target-dir target/fuzz session target/fuzz/found fuzz/corpus/session
//! ```
//!
//! The first byte chooses policy and rules; then steps follow: a kind, a length of two bytes, bytes.

#![no_main]

use std::time::Instant;

use amqp_gateway::frame::Reader;
use amqp_gateway::fuzzing::Fed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, mut rest)) = input.split_first() else { return };
    let mut fed = Fed::new(choice, Instant::now());
    while let [kind, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (bytes, next) = after.split_at(length);
        let (child, broker) = fed.step(*kind, bytes);
        for frame in child.into_iter().chain(broker) {
            let mut reader = Reader::default();
            reader.set_frame_max(0);
            reader.room().extend_from_slice(&frame.into_bytes());
            assert!(matches!(reader.frame(), Ok(Some(_))) && !reader.is_amid_a_frame());
        }
        rest = next;
    }
});
