//! Any bytes as a message's body: nothing panics, and what is read keeps its promises.
//!
//! ```sh
//! mkdir -p target/fuzz/found
//! cargo +nightly fuzz run --target-dir target/fuzz paladin target/fuzz/found fuzz/corpus/paladin
//! ```
//!
//! The first folder takes what the fuzzer finds, so that the committed bodies stay as they are.

#![no_main]

use amqp_admin::paladin::{self, PREFIX_BYTES, Scope, result_queue_of_prefix};
use amqp_admin::{Lease, QueueName, QueueRole, classify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let (task, result, command) =
        (paladin::task(body), paladin::result(body), paladin::command(body));
    let shorter = body.split_last().map_or(body, |(_, shorter)| shorter);
    if let Some(task) = &task {
        assert_is_result_queue(&task.result_queue);
        assert!(result.is_none() && command.is_none(), "a task and something else");
        assert!(paladin::task(shorter).is_none(), "a task without its last byte");
        let prefix = body.get(..PREFIX_BYTES).unwrap_or(body);
        assert_eq!(result_queue_of_prefix(prefix).as_ref(), Some(&task.result_queue));
    }
    if result.is_some() {
        assert!(paladin::result(shorter).is_none(), "a result without its last byte");
    }
    if let Some(command) = &command {
        assert!(paladin::command(shorter).is_none(), "a command without its last byte");
        if let Scope::Job(queue) = &command.scope {
            assert_is_result_queue(queue);
        }
    }
    if let Some(queue) = result_queue_of_prefix(body) {
        assert_is_result_queue(&queue);
    }
});

fn assert_is_result_queue(queue: &QueueName) {
    assert_eq!(classify(queue, Lease::Unknown), QueueRole::Result, "{queue}");
}
