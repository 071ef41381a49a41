//! What is wrong with a witness, and where.

use std::fmt;
use std::io;

use crate::{Form, MAX_BLOCKS, Packing};

/// Why a witness is refused, or could not be read: the first thing that was found.
#[derive(Debug)]
pub struct Fault {
    /// Where in the JSON, such as `[3].other_data.b_data.b_meta.block_number`; empty: the whole.
    pub path: String,
    /// Where in the unpacked text, where that is known.
    pub position: Option<Position>,
    /// What is wrong.
    pub reason: Reason,
}

/// A place in the unpacked text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In bytes, counted from 1; 0 before the first.
    pub column: usize,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The reader failed.
    #[error("cannot read the witness")]
    Read(#[source] io::Error),
    /// The compressed data is truncated or corrupt, or wants too much memory.
    #[error("cannot unpack the {0} data")]
    Unpack(Packing, #[source] io::Error),
    /// It is longer than the limit.
    #[error("more than {0} bytes once unpacked, which is the limit")]
    TooLarge(u64),
    /// The copy could not be written. Nothing is said of the witness.
    #[error("cannot write the witness")]
    Write(#[source] io::Error),
    /// There is nothing but white space.
    #[error("the file is empty: a witness is a JSON array of blocks")]
    Empty,
    /// It ends too early.
    #[error("the file ends too early: it was cut off")]
    Truncated,
    /// It is no JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// Something follows the array.
    #[error("something follows the array; `jq -s add A B` joins two witnesses into one")]
    Trailing,
    /// Brackets in brackets, deeper than the leader's own reader goes.
    #[error("nested deeper than {0}: the leader would refuse it")]
    TooDeep(u32),
    /// A name, number or hash that does not end.
    #[error("a short value goes on for more than {0} bytes")]
    TooLong(usize),
    /// More blocks than a witness may have.
    #[error("more than {MAX_BLOCKS} blocks: split it")]
    TooManyBlocks,
    /// `[]`
    #[error("no block in it: the leader would wait for ever")]
    NoBlocks,
    /// One block without its array.
    #[error("a block without its array: put it into `[` and `]`; `jq -s . FILE` does")]
    OneBlock,
    /// What the leader's HTTP mode takes.
    #[error(
        "the body of a request to the leader's HTTP mode: `jq '[.prover_input]' FILE` makes a witness"
    )]
    HttpBody,
    /// What the leader writes.
    #[error("a proof, not a witness")]
    Proof,
    /// Not the type that is wanted.
    #[error("{0}")]
    WrongType(String),
    /// An array of another length.
    #[error("the array has {found} items and not {wanted}")]
    WrongLength {
        /// How many it has to have.
        wanted: usize,
        /// How many it has.
        found: usize,
    },
    /// A field that is not there.
    #[error("the field `{0}` is missing")]
    Missing(&'static str),
    /// A field that is there twice.
    #[error("the field is there twice")]
    Twice,
    /// Not hexadecimal, or not of the wanted length.
    #[error("`{found}` is not {wanted}")]
    NotHex {
        /// In words.
        wanted: &'static str,
        /// What is there, shortened.
        found: String,
    },
    /// A number with more than 64 bits.
    #[error("`{0}` does not fit into 64 bits")]
    NumberTooLarge(String),
    /// Blocks that do not follow one another.
    #[error("block {number} follows block {before}: {}", sequence(*before, *number))]
    Order {
        /// The block before.
        before: u64,
        /// The block that does not follow it.
        number: u64,
    },
    /// Blocks of different chains.
    #[error("chain {other} after blocks of chain {first}: a witness has blocks of one chain")]
    Chains {
        /// The chain of the blocks before.
        first: u64,
        /// The chain of this one.
        other: u64,
    },
    /// Blocks of different forms, or marks of both in one block.
    #[error(
        "the form of {other} after {first}'s: no leader reads both; fetch the blocks with one `rpc`"
    )]
    MixedForms {
        /// The form so far.
        first: Form,
        /// The other one.
        other: Form,
    },
    /// Blocks with the fields for blobs and blocks without.
    #[error(
        "fields for blobs in some blocks and not in others: fetch them with the `rpc` of one release"
    )]
    MixedBlobFields,
    /// Some of the fields for blobs.
    #[error(
        "of the fields `block_blob_gas_used`, `block_excess_blob_gas` and \
         `parent_beacon_block_root` only some are there"
    )]
    PartOfBlobFields,
    /// Marks of no form.
    #[error(
        "neither v0.7's, which has `other_data.checkpoint_consolidated_hash`, nor v0.6's, which has \
         `new_txn_trie_node_byte` in each transaction"
    )]
    NoForm,
}

fn sequence(before: u64, number: u64) -> &'static str {
    match before.checked_add(1) {
        Some(next) if number > next => "there is a gap",
        _ if number == before => "it is there twice",
        _ => "the blocks are not in ascending order",
    }
}

impl Fault {
    /// A fault of the whole.
    pub(crate) fn whole(reason: Reason) -> Self {
        Self { path: String::new(), position: None, reason }
    }

    /// Whether the witness is longer than the limit.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.reason, Reason::TooLarge(_))
    }

    /// Whether the witness itself is at fault, and not what it is read from or written to.
    #[must_use]
    pub fn is_of_the_witness(&self) -> bool {
        !matches!(self.reason, Reason::Read(_) | Reason::Write(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.path.as_str(), self.position) {
            ("", None) => {}
            ("", Some(position)) => write!(f, "{position}: ")?,
            (path, None) => write!(f, "`{path}`: ")?,
            (path, Some(position)) => write!(f, "`{path}`, {position}: ")?,
        }
        self.reason.fmt(f)
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.reason)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
