//! PURE: a message's body → the task, result or command in it, over every paladin generation.
//!
//! paladin serializes an `AnyTask`, an `AnyTaskResult` or a command with postcard or CBOR; the queue's
//! role tells which of the three to expect. Only this envelope is read. What it carries is neither
//! decoded nor copied; it is searched once for the number of the block it belongs to.
//!
//! The layouts are those of `paladin-core` 0.4.2 to 0.4.4 (`task/mod.rs`, `runtime/mod.rs`) and were
//! compared with messages of the real leaders and workers. A body is read only if all of it is just
//! what paladin writes, to its last byte: anything else is `None`, never a guess.

mod block;
mod cbor;
mod postcard;
#[cfg(test)]
mod written;

use std::fmt;

use crate::classify::classify;
use crate::name::QueueName;
use crate::queue::{Lease, QueueRole};

/// The key of a command to every job (`COMMAND_IPC_ABORT_ALL_KEY` of paladin 0.4.4).
const ABORT_ALL: &[u8] = b"abort-all-key";

/// Longest text of a failed result that is written.
const WORDS_LIMIT: usize = (64 << 10) - 1;

/// The wire forms of paladin, named after the `zk_evm` that speaks them. They are not compatible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Generation {
    /// `zk_evm` v0.5 and v0.6, paladin 0.4.2: result queues are UUIDs.
    V06,
    /// `zk_evm` v0.7, paladin 0.4.3 and 0.4.4: result queues are five random alphanumerics.
    V07,
}

/// What wrote a message (`--serializer` of leader and worker, who must agree).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// postcard, paladin's default.
    Postcard,
    /// CBOR.
    Cbor,
}

/// What a worker is to do. The ids follow the order of `zk_evm`'s operations in its source, so one
/// id means different things in different generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// v0.7, id 0: prove one segment.
    SegmentProof,
    /// v0.7, id 1: simulate one batch.
    SegmentProofTestOnly,
    /// v0.7, id 2: join two segments of a batch.
    SegmentAggProof,
    /// v0.7, id 3: join two batches of a block.
    BatchAggProof,
    /// v0.6, id 0: prove one transaction, or simulate it where the build only does that.
    TxProof,
    /// v0.6, id 1: join two parts of a block.
    AggProof,
    /// v0.7, id 4, and v0.6, id 2: close a block over the one before.
    BlockProof,
    /// An id that this version does not know.
    Unknown(u8),
}

/// Where a task or a result belongs among those of its directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// One of a row of tasks: its place, counted from 0.
    Index(u64),
    /// A step of a fold: the places it joins.
    Range {
        /// The first place.
        first: u64,
        /// The last place, which belongs to it.
        last: u64,
    },
    /// The only task of its directive: a block proof.
    Empty,
    /// Bytes that are none of these.
    Unreadable,
}

/// A task as the leader sends it: paladin's `AnyTask`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Where the leader waits for the result. All tasks of one directive name the same queue.
    pub result_queue: QueueName,
    /// Who can take it.
    pub generation: Generation,
    /// What wrote it.
    pub serializer: Serializer,
    /// What is to be done.
    pub operation: Operation,
    /// Its place in its directive.
    pub metadata: Metadata,
    /// The block it belongs to, where its input tells.
    pub block: Option<u64>,
}

/// A result as a worker sends it: paladin's `AnyTaskResult`. Both generations write the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskResult<'a> {
    /// What wrote it.
    pub serializer: Serializer,
    /// The metadata of the task that succeeded, or the worker's words about the one that failed.
    pub outcome: Result<Metadata, &'a str>,
    /// The block it belongs to, where it tells: proofs do, as does the error of a segment that could
    /// not be simulated. The result of a simulation is empty.
    pub block: Option<u64>,
}

/// A command to workers: paladin's `WorkerIpc`, and `CommandIpc` since 0.4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Who understands it.
    pub generation: Generation,
    /// What wrote it.
    pub serializer: Serializer,
    /// What a worker that receives it gives up.
    pub scope: Scope,
}

/// What a command concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every task of every leader (`abort-all-key`): what `zk_evm` v0.7 sends after any failed task.
    Everything,
    /// The tasks whose results go to this queue: what `zk_evm` v0.5 and v0.6 send after a failed task.
    Job(QueueName),
}

/// Reads the body of a message from a task queue. Reads it once and copies nothing of its input.
#[must_use]
pub fn task(body: &[u8]) -> Option<Task> {
    postcard::task(body).or_else(|| cbor::task(body))
}

/// Reads the body of a message from a result queue.
#[must_use]
pub fn result(body: &[u8]) -> Option<TaskResult<'_>> {
    postcard::result(body).or_else(|| cbor::result(body))
}

/// Reads the body of a message from a control queue.
#[must_use]
pub fn command(body: &[u8]) -> Option<Command> {
    postcard::command(body).or_else(|| cbor::command(body))
}

/// A result that says that a task failed, as a worker would send it: the leader that waits for it
/// ends with these words. `words` are cut at 64 KiB.
#[must_use]
pub fn failed_result(serializer: Serializer, words: &str) -> Vec<u8> {
    let end = (0..=WORDS_LIMIT).rev().find(|&end| words.is_char_boundary(end)).unwrap_or_default();
    let words = words.get(..end.min(words.len())).unwrap_or(words);
    match serializer {
        Serializer::Postcard => postcard::failed_result(words),
        Serializer::Cbor => cbor::failed_result(words),
    }
}

/// How many bytes of a task's body hold the name of its result queue, whoever wrote it.
pub const PREFIX_BYTES: usize = 30;

/// The result queue that a task names, from its body's first [`PREFIX_BYTES`] or more: a large body
/// comes in many frames. Says less than [`task`], for it cannot know whether the rest is a task's.
#[must_use]
pub fn result_queue_of_prefix(prefix: &[u8]) -> Option<QueueName> {
    let key = postcard::task_key(&mut &*prefix).or_else(|| cbor::task_key(&mut &*prefix))?;
    Some(key.queue)
}

/// What the first bytes of a task say, before the rest of it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Where the leader waits for the result.
    pub result_queue: QueueName,
    /// Who can take it.
    pub generation: Generation,
    /// What wrote it.
    pub serializer: Serializer,
    /// What is to be done, if the bytes reach so far.
    pub operation: Option<Operation>,
}

/// Reads the first bytes of a task, [`PREFIX_BYTES`] or more. Says less than [`task`], for it cannot
/// know whether the rest is a task's.
#[must_use]
pub fn head_of_prefix(prefix: &[u8]) -> Option<Head> {
    postcard::head_of(prefix).or_else(|| cbor::head_of(prefix))
}

/// The worker's words about the task that failed, from the first bytes of a result: as many of the
/// words as are among them. `None`: it is no failure.
#[must_use]
pub fn failure_of_prefix(prefix: &[u8]) -> Option<String> {
    let words = postcard::failure_of(prefix).or_else(|| cbor::failure_of(prefix))?;
    Some(String::from_utf8_lossy(words).into_owned())
}

/// What wrote a result, from its first bytes.
#[must_use]
pub fn serializer_of_result(prefix: &[u8]) -> Option<Serializer> {
    match prefix {
        [0 | 1, ..] => Some(Serializer::Postcard),
        [0xa1, 0x62, b'O', b'k', ..] | [0xa1, 0x63, b'E', b'r', b'r', ..] => Some(Serializer::Cbor),
        _ => None,
    }
}

/// Who consumes, from the tag that paladin gives a consumer: five random alphanumerics, or a UUID.
#[must_use]
pub fn generation_of_consumer(tag: &str) -> Option<Generation> {
    let groups: Vec<usize> = tag.split('-').map(str::len).collect();
    let is_hex = |byte: u8| byte == b'-' || byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if groups == [8, 4, 4, 4, 12] && tag.bytes().all(is_hex) {
        return Some(Generation::V06);
    }
    let is_key = tag.len() == 5 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_key.then_some(Generation::V07)
}

/// What paladin calls a routing key: the name of a job's result queue.
struct JobKey {
    queue: QueueName,
    generation: Generation,
}

impl JobKey {
    /// The key of v0.7: the name itself.
    fn of_text(key: &[u8]) -> Option<Self> {
        let name = str::from_utf8(key).ok().filter(|name| name.len() == 5)?;
        Self::checked(name, Generation::V07)
    }

    /// The key of v0.5 and v0.6: a UUID, which names a queue in simple hex.
    fn of_uuid(key: &[u8]) -> Option<Self> {
        let uuid = u128::from_be_bytes(key.try_into().ok()?);
        Self::checked(&format!("{uuid:032x}"), Generation::V06)
    }

    fn checked(name: &str, generation: Generation) -> Option<Self> {
        let queue = QueueName::new(name).ok()?;
        let is_result = classify(&queue, Lease::Unknown) == QueueRole::Result;
        is_result.then_some(Self { queue, generation })
    }
}

impl Operation {
    fn of(generation: Generation, id: u8) -> Self {
        match (generation, id) {
            (Generation::V07, 0) => Self::SegmentProof,
            (Generation::V07, 1) => Self::SegmentProofTestOnly,
            (Generation::V07, 2) => Self::SegmentAggProof,
            (Generation::V07, 3) => Self::BatchAggProof,
            (Generation::V07, 4) | (Generation::V06, 2) => Self::BlockProof,
            (Generation::V06, 0) => Self::TxProof,
            (Generation::V06, 1) => Self::AggProof,
            (Generation::V06 | Generation::V07, id) => Self::Unknown(id),
        }
    }
}

/// As `zk_evm`'s source names it.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SegmentProof => f.write_str("SegmentProof"),
            Self::SegmentProofTestOnly => f.write_str("SegmentProofTestOnly"),
            Self::SegmentAggProof => f.write_str("SegmentAggProof"),
            Self::BatchAggProof => f.write_str("BatchAggProof"),
            Self::TxProof => f.write_str("TxProof"),
            Self::AggProof => f.write_str("AggProof"),
            Self::BlockProof => f.write_str("BlockProof"),
            Self::Unknown(id) => write!(f, "unknown operation {id}"),
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V06 => "v0.6",
            Self::V07 => "v0.7",
        })
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postcard => "postcard",
            Self::Cbor => "cbor",
        })
    }
}

impl Metadata {
    /// A fold never joins backwards.
    fn range(first: u64, last: u64) -> Self {
        if first <= last { Self::Range { first, last } } else { Self::Unreadable }
    }
}

impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "{index}"),
            Self::Range { first, last } => write!(f, "{first}..={last}"),
            Self::Empty => f.write_str("empty"),
            Self::Unreadable => f.write_str("unreadable"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::written::Parts;
    use super::*;

    const TABLE: &str = include_str!("paladin/fixtures/README.md");

    fn fixtures() -> BTreeMap<String, Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/paladin/fixtures");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let bodies = files.filter(|path| path.extension().is_some_and(|end| end == "bin"));
        bodies
            .map(|path| {
                (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
            })
            .collect()
    }

    #[test]
    fn a_results_first_bytes_say_what_wrote_it_and_a_consumers_tag_who() {
        for serializer in [Serializer::Postcard, Serializer::Cbor] {
            let failed = failed_result(serializer, "no");
            assert_eq!(serializer_of_result(&failed), Some(serializer));
        }
        assert_eq!(serializer_of_result(b"\x00\x01\x00\x00\x00"), Some(Serializer::Postcard));
        assert_eq!(serializer_of_result(b"\xa1\x62Ok\xa3"), Some(Serializer::Cbor));
        assert_eq!(serializer_of_result(b""), None);
        for (tag, generation) in [
            ("a1B2c", Some(Generation::V07)),
            ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", Some(Generation::V06)),
            ("amq.ctag-x1", None),
            ("ab-de", None),
            ("", None),
        ] {
            assert_eq!(generation_of_consumer(tag), generation, "{tag}");
        }
    }

    #[test]
    fn a_failed_result_is_read_as_one_and_equals_the_workers() {
        for length in [0, 7, 23, 24, 127, 128, 255, 256, 300, WORDS_LIMIT, WORDS_LIMIT + 9] {
            let words = "é".repeat(length / 2) + &"x".repeat(length % 2);
            for serializer in [Serializer::Postcard, Serializer::Cbor] {
                let body = failed_result(serializer, &words);
                let read = result(&body).unwrap();
                let told = read.outcome.unwrap_err();
                assert_eq!(read.serializer, serializer);
                assert!(words.starts_with(told) && told.len() + 10 >= words.len(), "{length}");
            }
        }
        for (name, body) in fixtures() {
            if let Some(TaskResult { serializer, outcome: Err(words), .. }) = result(&body) {
                assert_eq!(failed_result(serializer, words), body, "{name}");
            }
        }
    }

    /// Whether the function that the name asks for reads anything.
    fn is_read(name: &str, body: &[u8]) -> bool {
        match name.split('-').next() {
            Some("task") => task(body).is_some(),
            Some("result") => result(body).is_some(),
            Some("command") => command(body).is_some(),
            _ => panic!("{name}: what is it?"),
        }
    }

    /// What a body says, as a line of the table.
    fn line(name: &str, body: &[u8]) -> String {
        let number = |block: Option<u64>| block.map_or("-".to_owned(), |block| block.to_string());
        let cells = match (task(body), result(body), command(body)) {
            (Some(task), None, None) => [
                task.generation.to_string(),
                task.serializer.to_string(),
                task.operation.to_string(),
                format!("`{}`", task.result_queue),
                task.metadata.to_string(),
                number(task.block),
            ],
            (None, Some(result), None) => [
                "-".to_owned(),
                result.serializer.to_string(),
                result.outcome.map_or_else(|words| format!("error: {words}"), |_| "done".into()),
                "-".to_owned(),
                result.outcome.map_or("-".to_owned(), |metadata| metadata.to_string()),
                number(result.block),
            ],
            (None, None, Some(command)) => [
                command.generation.to_string(),
                command.serializer.to_string(),
                "stop".to_owned(),
                match command.scope {
                    Scope::Everything => "all".to_owned(),
                    Scope::Job(queue) => format!("`{queue}`"),
                },
                "-".to_owned(),
                "-".to_owned(),
            ],
            several => panic!("{name} can be read as more or less than one thing: {several:?}"),
        };
        format!("| `{name}` | {} |", cells.join(" | "))
    }

    #[test]
    fn every_fixture_says_what_its_line_in_the_table_says_and_is_nothing_else() {
        let written: Vec<&str> = TABLE.lines().filter(|line| line.starts_with("| `")).collect();
        let read: Vec<String> = fixtures().iter().map(|(name, body)| line(name, body)).collect();
        assert_eq!(written.join("\n"), read.join("\n"));
    }

    #[test]
    fn a_body_that_is_cut_short_or_followed_by_a_byte_is_nothing() {
        for (name, body) in fixtures() {
            for end in 0..body.len() {
                assert!(!is_read(&name, &body[..end]), "the first {end} bytes of {name}");
            }
            for byte in [0, 0xf6, 0xff] {
                assert!(!is_read(&name, &[&body[..], &[byte]].concat()), "{name} and {byte}");
            }
        }
    }

    #[test]
    fn the_first_bytes_of_a_task_say_what_it_is() {
        for (name, body) in fixtures() {
            let Some(task) = task(&body) else { continue };
            let head = Head {
                result_queue: task.result_queue,
                generation: task.generation,
                serializer: task.serializer,
                operation: Some(task.operation),
            };
            assert_eq!(head_of_prefix(&body[..body.len().min(4000)]), Some(head), "{name}");
        }
    }

    #[test]
    fn the_first_bytes_of_a_result_tell_a_failure() {
        for (name, body) in fixtures() {
            let Some(result) = result(&body) else { continue };
            let words = result.outcome.err();
            assert_eq!(failure_of_prefix(&body).as_deref(), words, "{name}");
            let begun = failure_of_prefix(&body[..body.len().min(12)]);
            assert_eq!(begun.is_some(), words.is_some(), "{name}");
        }
    }

    #[test]
    fn the_first_bytes_of_a_task_name_its_result_queue() {
        for (name, body) in fixtures() {
            let Some(task) = task(&body) else { continue };
            for length in [PREFIX_BYTES, PREFIX_BYTES + 1, body.len()] {
                let queue = result_queue_of_prefix(&body[..length]);
                assert_eq!(queue.as_ref(), Some(&task.result_queue), "{length} bytes of {name}");
            }
            assert_eq!(result_queue_of_prefix(&body[..5]), None, "{name}");
        }
    }

    #[test]
    fn keys_that_name_no_result_queue_are_refused() {
        let uuid = |hex: &str| u128::from_str_radix(hex, 16).unwrap().to_be_bytes();
        for (key, is_key) in [
            (&b"BmXij"[..], true),
            (b"BmXi", false),
            (b"BmXijk", false),
            (b"Bm-ij", false),
            (b"\xffmXij", false),
            (b"", false),
            (b"446c1c9c0f5b41cd9db80487e22d4540", false),
            (&uuid("446c1c9c0f5b41cd9db80487e22d4540"), true),
            (&uuid("446c1c9c0f5b11cd9db80487e22d4540"), false),
            (&uuid("446c1c9c0f5b41cd1db80487e22d4540"), false),
            (&[0; 16], false),
            (&[0xff; 16], false),
        ] {
            let parts = Parts { key: key.to_vec(), ..Parts::default() };
            for body in [parts.in_postcard(), parts.in_cbor()] {
                assert_eq!(task(&body).is_some(), is_key, "{key:?}");
                assert_eq!(result_queue_of_prefix(&body).is_some(), is_key, "{key:?}");
            }
        }
    }

    #[test]
    fn a_task_that_names_the_other_serializer_is_refused() {
        let mut body = Parts::default().in_postcard();
        assert!(task(&body).is_some());
        for serializer in 1..=255 {
            *body.last_mut().unwrap() = serializer;
            assert_eq!(task(&body), None, "{serializer}");
        }
        let text = Parts::default().in_cbor();
        let (before, _) = text.split_at(text.len() - 5);
        assert!(task(&[before, b"\x64Cbor"].concat()).is_some());
        assert_eq!(task(&[before, b"\x68Postcard"].concat()), None);
        assert_eq!(task(&[before, b"\x64cbor"].concat()), None);
    }

    #[test]
    fn an_operation_that_is_not_known_is_told_by_its_id() {
        for (key, known) in [(b"BmXij".to_vec(), 5), (vec![0x44; 16], 3)] {
            let mut key = key;
            if let Some(variant) = key.get_mut(8) {
                *variant = 0x84;
            }
            for id in 0..=255 {
                let parts = Parts { key: key.clone(), id, ..Parts::default() };
                for body in [parts.in_postcard(), parts.in_cbor()] {
                    let operation = task(&body).unwrap().operation;
                    assert_eq!(operation == Operation::Unknown(id), id >= known, "{operation}");
                }
            }
        }
    }

    const BEGINNINGS: &[&[u8]] = &[b"", b"\x05BmXij\x00", b"\x00", b"\x01", b"\xa1\x62Ok\xa3"];

    fn keys() -> impl Strategy<Value = Vec<u8>> {
        let uuid = any::<[u8; 16]>().prop_map(|mut uuid| {
            (uuid[6], uuid[8]) = (uuid[6] & 0x0f | 0x40, uuid[8] & 0x3f | 0x80);
            uuid.to_vec()
        });
        prop_oneof!["[A-Za-z0-9]{5}".prop_map(String::into_bytes), uuid]
    }

    fn metadata() -> impl Strategy<Value = Metadata> {
        let range = any::<[u64; 2]>().prop_map(|[one, other]| Metadata::Range {
            first: one.min(other),
            last: one.max(other),
        });
        let index = any::<u64>().prop_map(Metadata::Index);
        prop_oneof![index, range, Just(Metadata::Empty), Just(Metadata::Unreadable)]
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let bytes = || vec(any::<u8>(), 0..300);
        let blocks = any::<Option<u64>>();
        (keys(), metadata(), bytes(), any::<u8>(), bytes(), blocks).prop_map(
            |(key, metadata, operation, id, input, block)| Parts {
                key,
                metadata,
                operation,
                id,
                input,
                block,
            },
        )
    }

    /// Reads bytes as everything, and checks what must be true of whatever comes out.
    fn read_as_everything(body: &[u8]) {
        let is_result = |queue: &QueueName| classify(queue, Lease::Unknown) == QueueRole::Result;
        if let Some(task) = task(body) {
            assert!(is_result(&task.result_queue));
            assert_eq!(result_queue_of_prefix(body), Some(task.result_queue));
            assert_eq!((result(body), command(body)), (None, None));
        }
        if let Some(Command { scope: Scope::Job(queue), .. }) = command(body) {
            assert!(is_result(&queue));
        }
        let _ = result(body);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not_and_never_panic(
            body in vec(any::<u8>(), 0..200),
            start in select(BEGINNINGS),
        ) {
            read_as_everything(&[start, &body].concat());
        }

        #[test]
        fn a_body_with_a_changed_byte_is_read_or_not_and_never_panics(
            (which, at, byte) in any::<(Index, Index, u8)>(),
        ) {
            let bodies = fixtures();
            let mut body = (*which.get(&bodies.values().collect::<Vec<_>>())).clone();
            *at.get_mut(&mut body) = byte;
            read_as_everything(&body);
        }

        #[test]
        fn what_is_written_is_read(parts in parts()) {
            let generation = if parts.key.len() == 5 { Generation::V07 } else { Generation::V06 };
            let forms = [Serializer::Postcard, Serializer::Cbor];
            for (serializer, body) in forms.into_iter().zip([parts.in_postcard(), parts.in_cbor()]) {
                let task = task(&body).unwrap();
                prop_assert_eq!(task.generation, generation);
                prop_assert_eq!(task.serializer, serializer);
                prop_assert_eq!(task.operation, Operation::of(generation, parts.id));
                prop_assert_eq!(task.metadata, parts.metadata);
                prop_assert_eq!(task.block, parts.block);
                let key = match <[u8; 16]>::try_from(&parts.key[..]) {
                    Ok(uuid) => format!("{:032x}", u128::from_be_bytes(uuid)),
                    Err(_) => String::from_utf8(parts.key.clone()).unwrap(),
                };
                prop_assert_eq!(task.result_queue.as_str(), key);
            }
        }
    }
}
