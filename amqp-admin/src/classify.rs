//! PURE: a queue's name and declaration → its role, over every paladin generation in use.
//!
//! | generation | task | control | result |
//! |---|---|---|---|
//! | paladin 0.4.4 (`zk_evm` v0.7) | `task-ipc-routing-key`, `heavy-proof`, `light-proof` | `command-ipc-routing-key` | 5 random alphanumerics |
//! | paladin 0.4.3 | `default` | `ipc-routing-key` | 5 random alphanumerics |
//! | paladin 0.4.2 (`zk_evm` v0.5, v0.6) | nil UUID as 32 hex digits | max UUID as 32 hex digits | UUID v4 as 32 hex digits |
//!
//! Names and declarations were seen on the wire of the real binaries; 0.4.2 and 0.4.3 also stand
//! as constants in `paladin-core`'s `runtime/mod.rs`.

use crate::name::QueueName;
use crate::queue::{Lease, Pool, QueueRole};

const TASK_QUEUES: [(&str, Pool); 5] = [
    ("task-ipc-routing-key", Pool::All),
    ("heavy-proof", Pool::Heavy),
    ("light-proof", Pool::Light),
    ("default", Pool::All),
    ("00000000000000000000000000000000", Pool::All),
];

const CONTROL_QUEUES: [&str; 3] =
    ["command-ipc-routing-key", "ipc-routing-key", "ffffffffffffffffffffffffffffffff"];

/// Where gateways put tasks aside that failed at each attempt.
pub const DEAD_LETTER_QUEUE: &str = "zero-dead-letter";

/// How the name begins of a queue by which one worker alone hears of aborts: its gateway makes it in place of the
/// control queue that all share.
pub const ABORT_QUEUE_PREFIX: &str = "zero-abort-";

/// The lease every paladin generation declares its queues with, in milliseconds.
const PALADIN_EXPIRES_MS: u64 = 1_800_000;

/// The names of all task queues of all generations.
pub fn task_queue_names() -> impl Iterator<Item = &'static str> {
    TASK_QUEUES.iter().map(|(name, _)| *name)
}

/// What a queue is for. A name alone decides for task and control queues. The random names of
/// result queues could be an operator's words (`proof`, `tasks`), so a declaration that paladin
/// never makes (no expiry, or another one) turns them into [`QueueRole::Other`].
#[must_use]
pub fn classify(name: &QueueName, lease: Lease) -> QueueRole {
    let name = name.as_str();
    if let Some((_, pool)) = TASK_QUEUES.iter().find(|(task, _)| *task == name) {
        return QueueRole::Task(*pool);
    }
    if CONTROL_QUEUES.contains(&name) {
        return QueueRole::Control;
    }
    if name == DEAD_LETTER_QUEUE {
        return QueueRole::DeadLetter;
    }
    if (is_random_key(name) || is_simple_uuid_v4(name)) && may_be_paladins(lease) {
        return QueueRole::Result;
    }
    QueueRole::Other
}

fn is_random_key(name: &str) -> bool {
    name.len() == 5 && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn is_simple_uuid_v4(name: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    name.len() == 32
        && name.bytes().all(hex)
        && name.as_bytes().get(12) == Some(&b'4')
        && name.as_bytes().get(16).is_some_and(|b| b"89ab".contains(b))
}

/// A lease the source did not tell could be paladin's.
fn may_be_paladins(lease: Lease) -> bool {
    matches!(lease, Lease::Unknown | Lease::Millis(PALADIN_EXPIRES_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALADIN: Lease = Lease::Millis(PALADIN_EXPIRES_MS);

    fn role(name: &str, lease: Lease) -> QueueRole {
        classify(&QueueName::new(name).unwrap(), lease)
    }

    #[test]
    fn queues_of_every_generation_are_told_by_role() {
        for (name, expected) in [
            ("task-ipc-routing-key", QueueRole::Task(Pool::All)),
            ("heavy-proof", QueueRole::Task(Pool::Heavy)),
            ("light-proof", QueueRole::Task(Pool::Light)),
            ("00000000000000000000000000000000", QueueRole::Task(Pool::All)),
            ("default", QueueRole::Task(Pool::All)),
            ("command-ipc-routing-key", QueueRole::Control),
            ("ipc-routing-key", QueueRole::Control),
            ("zero-dead-letter", QueueRole::DeadLetter),
            ("ffffffffffffffffffffffffffffffff", QueueRole::Control),
            ("BmXij", QueueRole::Result),
            ("446c1c9c0f5b41cd9db80487e22d4540", QueueRole::Result),
            ("proof-20362226", QueueRole::Other),
        ] {
            assert_eq!(role(name, PALADIN), expected, "{name}");
            assert_eq!(role(name, Lease::Unknown), expected, "{name}, lease unknown");
        }
    }

    #[test]
    fn a_word_of_five_letters_declared_by_an_operator_is_no_result_queue() {
        assert_eq!(role("proof", Lease::Never), QueueRole::Other);
        assert_eq!(role("proof", Lease::Millis(60_000)), QueueRole::Other);
    }

    #[test]
    fn near_misses_of_random_names_are_other() {
        for name in ["BmXi", "BmXijk", "Bm-ij", "446c1c9c0f5b31cd9db80487e22d4540", "ünico"] {
            assert_eq!(role(name, PALADIN), QueueRole::Other, "{name}");
        }
    }
}
