//! PURE: paladin's envelopes as postcard writes them.
//!
//! | envelope | bytes |
//! |---|---|
//! | task | key, metadata, operation, id of the operation (1 byte), input, serializer |
//! | result | `00`, metadata, output, serializer; or `01`, text |
//! | command | `00`, key |
//!
//! Everything of variable length is a varint (LEB128) of the length and then the bytes. A key is text
//! in v0.7 and a UUID's 16 bytes before; the serializer is a variant's number, 0 for postcard itself.

use super::{ABORT_ALL, block};
use super::{
    Command, Generation, Head, JobKey, Metadata, Operation, Scope, Serializer, Task, TaskResult,
};

/// The serializer that a task names is the one that wrote it: both come from one setting.
const SERIALIZER: [u8; 1] = [0];

pub(super) fn task(mut body: &[u8]) -> Option<Task> {
    let rest = &mut body;
    let JobKey { queue, generation } = task_key(rest)?;
    let metadata = metadata(bytes(rest)?);
    let _operation = bytes(rest)?;
    let id = *rest.split_off_first()?;
    let input = bytes(rest).filter(|_| **rest == SERIALIZER)?;
    Some(Task {
        result_queue: queue,
        generation,
        serializer: Serializer::Postcard,
        operation: Operation::of(generation, id),
        metadata,
        block: block::in_postcard(input),
    })
}

/// The key that every task begins with.
pub(super) fn task_key(rest: &mut &[u8]) -> Option<JobKey> {
    let key = bytes(rest)?;
    JobKey::of_text(key).or_else(|| JobKey::of_uuid(key))
}

/// What a task begins with; its operation may lie behind the prefix.
pub(super) fn head_of(mut prefix: &[u8]) -> Option<Head> {
    let rest = &mut prefix;
    let JobKey { queue, generation } = task_key(rest)?;
    let operation = bytes(rest).and_then(|_| bytes(rest));
    let id = operation.and_then(|_| rest.split_off_first());
    Some(Head {
        result_queue: queue,
        generation,
        serializer: Serializer::Postcard,
        operation: id.map(|id| Operation::of(generation, *id)),
    })
}

/// The words of a failure, as far as they have come.
pub(super) fn failure_of(mut prefix: &[u8]) -> Option<&[u8]> {
    let rest = &mut prefix;
    if *rest.split_off_first()? != 1 {
        return None;
    }
    let length = usize::try_from(varint(rest)?).ok()?;
    rest.get(..length.min(rest.len()))
}

pub(super) fn result(mut body: &[u8]) -> Option<TaskResult<'_>> {
    let rest = &mut body;
    let (outcome, block) = match rest.split_off_first()? {
        0 => {
            let metadata = metadata(bytes(rest)?);
            let output = bytes(rest).filter(|_| **rest == SERIALIZER)?;
            let only = metadata == Metadata::Empty;
            (Ok(metadata), if only { height(output) } else { block::in_postcard(output) })
        }
        1 => {
            let words = str::from_utf8(bytes(rest)?).ok().filter(|_| rest.is_empty())?;
            (Err(words), block::in_words(words))
        }
        _ => return None,
    };
    Some(TaskResult { serializer: Serializer::Postcard, outcome, block })
}

/// Variant 1 and the text.
pub(super) fn failed_result(words: &str) -> Vec<u8> {
    let mut length = words.len();
    let mut body = vec![1];
    while length >= 0x80 {
        body.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    body.push(length.to_le_bytes()[0]);
    [&body, words.as_bytes()].concat()
}

pub(super) fn command(mut body: &[u8]) -> Option<Command> {
    let rest = &mut body;
    if *rest.split_off_first()? != 0 {
        return None;
    }
    let key = bytes(rest).filter(|_| rest.is_empty())?;
    let (generation, scope) = if key == ABORT_ALL {
        (Generation::V07, Scope::Everything)
    } else {
        let JobKey { queue, generation } = JobKey::of_text(key).or_else(|| JobKey::of_uuid(key))?;
        (generation, Scope::Job(queue))
    };
    Some(Command { generation, serializer: Serializer::Postcard, scope })
}

fn metadata(mut bytes: &[u8]) -> Metadata {
    if bytes.is_empty() {
        return Metadata::Empty;
    }
    places(&mut bytes).filter(|_| bytes.is_empty()).unwrap_or(Metadata::Unreadable)
}

fn places(rest: &mut &[u8]) -> Option<Metadata> {
    let first = varint(rest)?;
    if rest.is_empty() {
        return Some(Metadata::Index(first));
    }
    Some(Metadata::range(first, varint(rest)?))
}

/// A block's proof begins with the block's height; the proof itself follows.
fn height(mut output: &[u8]) -> Option<u64> {
    varint(&mut output).filter(|_| !output.is_empty())
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(rest)?).ok()?;
    rest.split_off(..length)
}

/// Seven bits a byte, the lowest first, in as few bytes as will do.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = *rest.split_off_first()?;
        let bits = u64::from(byte & 0x7f);
        value |= bits << shift;
        if byte < 0x80 {
            let fits = bits << shift >> shift == bits;
            let shortest = bits > 0 || shift == 0;
            return (fits && shortest).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_is_read_in_its_shortest_form_only() {
        for (bytes, number) in [
            (&b"\x00"[..], Some(0)),
            (b"\x7f", Some(127)),
            (b"\x80\x01", Some(128)),
            (b"\xce\xa3\x01", Some(20_942)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", Some(u64::MAX)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", None),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", None),
            (b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", None),
            (b"\x80\x00", None),
            (b"\x80", None),
            (b"", None),
        ] {
            assert_eq!(varint(&mut &*bytes), number, "{bytes:?}");
        }
    }

    #[test]
    fn metadata_is_nothing_one_place_or_two() {
        for (bytes, expected) in [
            (&b""[..], Metadata::Empty),
            (b"\x07", Metadata::Index(7)),
            (b"\x00\x01", Metadata::Range { first: 0, last: 1 }),
            (b"\x02\x80\x01", Metadata::Range { first: 2, last: 128 }),
            (b"\x01\x00", Metadata::Unreadable),
            (b"\x00\x01\x02", Metadata::Unreadable),
            (b"\x80", Metadata::Unreadable),
        ] {
            assert_eq!(metadata(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_blocks_proof_is_more_than_its_height() {
        let done = |output: &[u8]| result(output).unwrap().block;
        assert_eq!(done(b"\x00\x00\x04\xf2\xe6\xda\x09\x00"), None, "a height alone");
        assert_eq!(done(b"\x00\x00\x05\xf2\xe6\xda\x09\x10\x00"), Some(20_362_098));
        assert_eq!(done(b"\x00\x00\x00\x00"), None, "an output of nothing");
    }

    #[test]
    fn a_result_that_is_neither_or_whose_words_are_not_text_is_refused() {
        for body in [&b"\x02\x00\x00\x00"[..], b"\x01\x02\xff\xfe", b"\x00\x00\x00\x01"] {
            assert_eq!(result(body), None, "{body:?}");
        }
    }

    #[test]
    fn a_command_of_another_kind_or_for_no_queue_is_refused() {
        for body in [&b"\x01\x0dabort-all-key"[..], b"\x00\x0dabort-all-keys", b"\x00\x05a-b-c"] {
            assert_eq!(command(body), None, "{body:?}");
        }
    }
}
