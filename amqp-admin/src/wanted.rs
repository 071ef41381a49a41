//! PURE: which messages of a task queue a command is about.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::broker::Message;
use crate::name::QueueName;
use crate::paladin;

/// The header that names the proof a task belongs to, where a gateway has tagged it.
pub const PROOF_HEADER: &str = "zero-proof";
/// The header that names the block a task belongs to, where a gateway has tagged it.
pub const BLOCK_HEADER: &str = "zero-block";

/// Which messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Every message, whatever it is.
    Everything,
    /// Tasks that fit one of these.
    Tasks(TaskFilter),
}

/// Tasks by what they belong to; one match is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Tasks whose result goes to one of these.
    pub result_queues: BTreeSet<QueueName>,
    /// Tasks of these blocks.
    pub blocks: Vec<RangeInclusive<u64>>,
    /// Tasks tagged with one of these proofs.
    pub proofs: BTreeSet<String>,
}

/// Whether a message is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Wanted,
    /// It certainly is not.
    Other,
    /// It cannot be told: no task, or one that does not say its block. Such a message is kept.
    Unknown,
}

impl Wanted {
    /// Judges a message.
    #[must_use]
    pub fn verdict(&self, message: &Message) -> Verdict {
        match self {
            Self::Everything => Verdict::Wanted,
            Self::Tasks(filter) => filter.verdict(message),
        }
    }
}

impl TaskFilter {
    fn verdict(&self, message: &Message) -> Verdict {
        let task = paladin::task(&message.body);
        let proof = message.properties.header(PROOF_HEADER);
        let tagged = message.properties.header(BLOCK_HEADER).and_then(|block| block.parse().ok());
        let block = tagged.or(task.as_ref().and_then(|task| task.block));
        let of_queue = task.as_ref().map(|task| self.result_queues.contains(&task.result_queue));
        let of_block = block.map(|block| self.blocks.iter().any(|range| range.contains(&block)));
        let of_proof = proof.map(|proof| self.proofs.contains(&proof));
        if [of_queue, of_block, of_proof].contains(&Some(true)) {
            return Verdict::Wanted;
        }
        let unknown = (of_queue.is_none() && !self.result_queues.is_empty())
            || (of_block.is_none() && !self.blocks.is_empty())
            || (of_proof.is_none() && !self.proofs.is_empty());
        if unknown { Verdict::Unknown } else { Verdict::Other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::tagged;

    /// A postcard task of v0.7 that says no block.
    fn task(result_queue: &str) -> Vec<u8> {
        let key = [&[5], result_queue.as_bytes()].concat();
        [key.as_slice(), &[1, 0, 2, 0, 0, 1, 3, b'a', b'b', b'c', 0]].concat()
    }

    fn message(body: &[u8]) -> Message {
        Message { body: body.to_vec(), ..Message::default() }
    }

    fn of_queue(name: &str) -> TaskFilter {
        let result_queues = [QueueName::new(name).unwrap()].into();
        TaskFilter { result_queues, ..TaskFilter::default() }
    }

    fn of_blocks(blocks: RangeInclusive<u64>) -> TaskFilter {
        TaskFilter { blocks: vec![blocks], ..TaskFilter::default() }
    }

    fn verdict(filter: TaskFilter, message: &Message) -> Verdict {
        Wanted::Tasks(filter).verdict(message)
    }

    #[test]
    fn tasks_are_told_by_their_result_queue() {
        assert_eq!(verdict(of_queue("AbCdE"), &message(&task("AbCdE"))), Verdict::Wanted);
        assert_eq!(verdict(of_queue("AbCdE"), &message(&task("XbCdE"))), Verdict::Other);
    }

    #[test]
    fn what_cannot_be_told_is_unknown_and_not_wanted() {
        assert_eq!(verdict(of_queue("AbCdE"), &message(b"hello")), Verdict::Unknown);
        assert_eq!(verdict(of_blocks(1..=9), &message(&task("AbCdE"))), Verdict::Unknown);
        assert_eq!(Wanted::Everything.verdict(&message(b"hello")), Verdict::Wanted);
    }

    #[test]
    fn a_tag_says_what_the_body_does_not() {
        let block = |number: &str| Message {
            properties: tagged(BLOCK_HEADER, number),
            ..message(&task("AbCdE"))
        };
        assert_eq!(verdict(of_blocks(4..=6), &block("5")), Verdict::Wanted);
        assert_eq!(verdict(of_blocks(4..=6), &block("7")), Verdict::Other);
        assert_eq!(verdict(of_blocks(4..=6), &block("five")), Verdict::Unknown);
        let proofs = ["tip-7".to_owned()].into();
        let of_proof = TaskFilter { proofs, ..TaskFilter::default() };
        let tagged = Message { properties: tagged(PROOF_HEADER, "tip-7"), ..message(b"any") };
        assert_eq!(verdict(of_proof, &tagged), Verdict::Wanted);
    }
}
