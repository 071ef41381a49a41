//! PURE: paladin's envelopes as CBOR (RFC 8949) writes them.
//!
//! | envelope | value |
//! |---|---|
//! | task | `{routing_key, metadata, op, operation_id, input, serializer: "Cbor"}` |
//! | result | `{"Ok": {metadata, output, serializer: "Cbor"}}` or `{"Err": text}` |
//! | command | `{"Abort": {routing_key}}` or `{"ExecutionError": {routing_key}}` |
//!
//! Fields stand in the order of the declaration, as `ciborium` writes them, and every length is told
//! beforehand in the shortest form. `metadata`, `op`, `input` and `output` are byte strings that hold
//! CBOR themselves. A key is text in v0.7 and a UUID's 16 bytes before.

use super::{ABORT_ALL, block};
use super::{
    Command, Generation, Head, JobKey, Metadata, Operation, Scope, Serializer, Task, TaskResult,
};

/// Metadata and output of what has none.
const NULL: [u8; 1] = [0xf6];

/// The major types of RFC 8949, section 3.1, that paladin's envelopes use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned = 0,
    Bytes = 2,
    Text = 3,
    Map = 5,
}

pub(super) fn task(mut body: &[u8]) -> Option<Task> {
    let rest = &mut body;
    let JobKey { queue, generation } = task_key(rest)?;
    let metadata = metadata(field(rest, "metadata")?);
    let _operation = field(rest, "op")?;
    word(rest, "operation_id")?;
    let id = u8::try_from(number(rest)?).ok()?;
    let input = field(rest, "input")?;
    end_with_serializer(rest)?;
    Some(Task {
        result_queue: queue,
        generation,
        serializer: Serializer::Cbor,
        operation: Operation::of(generation, id),
        metadata,
        block: block::in_cbor(input),
    })
}

/// The key that every task begins with.
pub(super) fn task_key(rest: &mut &[u8]) -> Option<JobKey> {
    map(rest, 6)?;
    word(rest, "routing_key")?;
    match head(rest)? {
        (Major::Text, length) => JobKey::of_text(take(rest, length)?),
        (Major::Bytes, length) => JobKey::of_uuid(take(rest, length)?),
        (Major::Unsigned | Major::Map, _) => None,
    }
}

/// What a task begins with; its operation may lie behind the prefix.
pub(super) fn head_of(mut prefix: &[u8]) -> Option<Head> {
    let rest = &mut prefix;
    let JobKey { queue, generation } = task_key(rest)?;
    let operation = field(rest, "metadata").and_then(|_| field(rest, "op"));
    let id = operation.and_then(|_| word(rest, "operation_id")).and_then(|()| number(rest));
    let id = id.and_then(|id| u8::try_from(id).ok());
    Some(Head {
        result_queue: queue,
        generation,
        serializer: Serializer::Cbor,
        operation: id.map(|id| Operation::of(generation, id)),
    })
}

/// The words of a failure, as far as they have come.
pub(super) fn failure_of(mut prefix: &[u8]) -> Option<&[u8]> {
    let rest = &mut prefix;
    map(rest, 1)?;
    if text(rest)? != b"Err" {
        return None;
    }
    let length = usize::try_from(headed(rest, Major::Text)?).ok()?;
    rest.get(..length.min(rest.len()))
}

pub(super) fn result(mut body: &[u8]) -> Option<TaskResult<'_>> {
    let rest = &mut body;
    map(rest, 1)?;
    let (outcome, block) = match text(rest)? {
        b"Ok" => {
            map(rest, 3)?;
            let metadata = metadata(field(rest, "metadata")?);
            let output = field(rest, "output")?;
            end_with_serializer(rest)?;
            let only = metadata == Metadata::Empty;
            (Ok(metadata), if only { height(output) } else { block::in_cbor(output) })
        }
        b"Err" => {
            let words = str::from_utf8(text(rest)?).ok().filter(|_| rest.is_empty())?;
            (Err(words), block::in_words(words))
        }
        _ => return None,
    };
    Some(TaskResult { serializer: Serializer::Cbor, outcome, block })
}

/// `{"Err": text}`.
pub(super) fn failed_result(words: &str) -> Vec<u8> {
    let length = words.len();
    let [.., high, low] = length.to_be_bytes();
    let head = match length {
        0..24 => vec![0x60 | low],
        24..0x100 => vec![0x78, low],
        _ => vec![0x79, high, low],
    };
    [b"\xa1\x63Err", head.as_slice(), words.as_bytes()].concat()
}

pub(super) fn command(mut body: &[u8]) -> Option<Command> {
    let rest = &mut body;
    map(rest, 1)?;
    let act = text(rest)?;
    map(rest, 1)?;
    word(rest, "routing_key")?;
    let (kind, length) = head(rest)?;
    let key = take(rest, length).filter(|_| rest.is_empty())?;
    let job = match (act, kind) {
        (b"Abort", Major::Text) if key == ABORT_ALL => None,
        (b"Abort" | b"ExecutionError", Major::Text) => Some(JobKey::of_text(key)?),
        (b"ExecutionError", Major::Bytes) => Some(JobKey::of_uuid(key)?),
        _ => return None,
    };
    let (generation, scope) = match job {
        None => (Generation::V07, Scope::Everything),
        Some(JobKey { queue, generation }) => (generation, Scope::Job(queue)),
    };
    Some(Command { generation, serializer: Serializer::Cbor, scope })
}

fn metadata(mut bytes: &[u8]) -> Metadata {
    if bytes == NULL {
        return Metadata::Empty;
    }
    places(&mut bytes).filter(|_| bytes.is_empty()).unwrap_or(Metadata::Unreadable)
}

/// `{"idx": 0}`, or `{"range": {"start": 0, "end": 1}}` whose end belongs to it.
fn places(rest: &mut &[u8]) -> Option<Metadata> {
    map(rest, 1)?;
    match text(rest)? {
        b"idx" => number(rest).map(Metadata::Index),
        b"range" => {
            map(rest, 2)?;
            word(rest, "start")?;
            let first = number(rest)?;
            word(rest, "end")?;
            Some(Metadata::range(first, number(rest)?))
        }
        _ => None,
    }
}

/// A block's proof is a map that begins with the block's height.
fn height(mut output: &[u8]) -> Option<u64> {
    let rest = &mut output;
    head(rest).filter(|(kind, _)| *kind == Major::Map)?;
    word(rest, "b_height")?;
    number(rest)
}

/// The field of this name, which is a byte string.
fn field<'a>(rest: &mut &'a [u8], name: &str) -> Option<&'a [u8]> {
    word(rest, name)?;
    let length = headed(rest, Major::Bytes)?;
    take(rest, length)
}

/// The serializer that a message names is the one that wrote it: both come from one setting.
fn end_with_serializer(rest: &mut &[u8]) -> Option<()> {
    word(rest, "serializer")?;
    word(rest, "Cbor").filter(|()| rest.is_empty())
}

fn word(rest: &mut &[u8], expected: &str) -> Option<()> {
    (text(rest)? == expected.as_bytes()).then_some(())
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = headed(rest, Major::Text)?;
    take(rest, length)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    headed(rest, Major::Unsigned)
}

fn map(rest: &mut &[u8], pairs: u64) -> Option<()> {
    (headed(rest, Major::Map)? == pairs).then_some(())
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    rest.split_off(..usize::try_from(length).ok()?)
}

fn headed(rest: &mut &[u8], expected: Major) -> Option<u64> {
    head(rest).filter(|(kind, _)| *kind == expected).map(|(_, argument)| argument)
}

/// What comes next, and its argument: the number itself, a length, or a count.
fn head(rest: &mut &[u8]) -> Option<(Major, u64)> {
    let first = *rest.split_off_first()?;
    let kinds = [Major::Unsigned, Major::Bytes, Major::Text, Major::Map];
    let kind = kinds.into_iter().find(|kind| *kind as u8 == first >> 5)?;
    let (width, least) = match first & 0x1f {
        small @ 0..24 => return Some((kind, small.into())),
        24 => (1, 24),
        25 => (2, 1 << 8),
        26 => (4, 1 << 16),
        27 => (8, 1 << 32),
        _ => return None,
    };
    let bytes = rest.split_off(..width)?;
    let argument = bytes.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    (argument >= least).then_some((kind, argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_in_its_shortest_form_only() {
        for (bytes, read) in [
            (&b"\x00"[..], Some((Major::Unsigned, 0))),
            (b"\x17", Some((Major::Unsigned, 23))),
            (b"\x18\x18", Some((Major::Unsigned, 24))),
            (b"\x18\x17", None),
            (b"\x59\x01\x00", Some((Major::Bytes, 256))),
            (b"\x59\x00\xff", None),
            (b"\x7a\x00\x01\x00\x00", Some((Major::Text, 65_536))),
            (b"\x7a\x00\x00\xff\xff", None),
            (b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", Some((Major::Map, u64::MAX))),
            (b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff", None),
            (b"\xbf", None),
            (b"\x1c", None),
            (b"\x20", None),
            (b"\x80", None),
            (b"\xf6", None),
            (b"\x19\x01", None),
            (b"", None),
        ] {
            assert_eq!(head(&mut &*bytes), read, "{bytes:?}");
        }
    }

    #[test]
    fn metadata_is_nothing_one_place_or_two() {
        for (bytes, expected) in [
            (&b"\xf6"[..], Metadata::Empty),
            (b"\xa1\x63idx\x07", Metadata::Index(7)),
            (b"\xa1\x65range\xa2\x65start\x00\x63end\x01", Metadata::Range { first: 0, last: 1 }),
            (b"\xa1\x65range\xa2\x65start\x01\x63end\x00", Metadata::Unreadable),
            (b"\xa1\x65range\xa2\x63end\x01\x65start\x00", Metadata::Unreadable),
            (b"\xa1\x63idx\x07\x07", Metadata::Unreadable),
            (b"\xa1\x63idx\xf6", Metadata::Unreadable),
            (b"\xa1\x63key\x07", Metadata::Unreadable),
            (b"", Metadata::Unreadable),
        ] {
            assert_eq!(metadata(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_result_with_a_block_proof_tells_its_height() {
        let done = |output: &[u8]| {
            let length = 0x40 | u8::try_from(output.len()).unwrap();
            let head = [b"\xa1\x62Ok\xa3\x68metadata\x41\xf6\x66output", &[length][..]].concat();
            result(&[&head, output, b"\x6aserializer\x64Cbor"].concat()).unwrap().block
        };
        assert_eq!(done(b"\xa2\x68b_height\x04\x60\x60"), Some(4));
        assert_eq!(done(b"\xa1\x66height\x04"), None);
        assert_eq!(done(b"\xf6"), None);
    }

    #[test]
    fn a_command_of_another_kind_or_for_no_queue_is_refused() {
        for (act, key) in [
            ("\x65Abort", &b"\x6babort-a-key"[..]),
            ("\x65abort", b"\x6dabort-all-key"),
            ("\x65Abort", b"\x4dabort-all-key"),
            ("\x6eExecutionError", b"\x6dabort-all-key"),
            ("\x6eExecutionError", b"\x65a-b-c"),
            ("\x65Abort", b"\x50\x44\x6c\x1c\x9c\x0f\x5b\x41\xcd\x9d\xb8\x04\x87\xe2\x2d\x45\x40"),
        ] {
            let body = [b"\xa1", act.as_bytes(), b"\xa1\x6brouting_key", key].concat();
            assert_eq!(command(&body), None, "{act} {key:?}");
        }
    }
}
