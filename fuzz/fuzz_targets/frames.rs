//! Any bytes as what a client sends: nothing panics, and what is read is written as it came.
//!
//! ```sh
//! mkdir -p target/fuzz/found
//! cargo +nightly fuzz run --target-dir target/fuzz frames target/fuzz/found fuzz/corpus/frames
//! ```

#![no_main]

use amqp_gateway::frame::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = bytes.split_at(bytes.len() / 3);
    let mut reader = Reader::default();
    let mut written = Vec::new();
    let mut taken = false;
    for part in [first, second] {
        reader.room().extend_from_slice(part);
        if !taken {
            match reader.protocol_header() {
                Ok(came) => taken = came,
                Err(_) => return,
            }
        }
        while taken {
            match reader.frame() {
                Ok(Some(frame)) => written.extend_from_slice(&frame.into_bytes()),
                Ok(None) => break,
                Err(_) => return assert_begins(bytes, &written),
            }
        }
    }
    assert_begins(bytes, &written);
});

/// What was read follows the protocol header, byte for byte.
fn assert_begins(bytes: &[u8], written: &[u8]) {
    assert!(written.is_empty() || bytes[8..].starts_with(written));
}
