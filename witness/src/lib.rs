//! Reads the prover's witnesses as a stream, with bounded memory whatever comes.
//!
//! A witness is what `leader stdio` takes: a JSON array of blocks. [`read`] tells what is in one, or
//! the first thing that is wrong with it and where; [`decoded`] unpacks gzip, zstd and xz before it;
//! [`copy_checked`] does both while it writes the plain witness somewhere. It knows no network, no
//! cluster and no terminal.
//!
//! What is checked is what the leader's own reader wants and what can be told without proving: a
//! wrong balance, or a trie that does not fit, is found by the workers alone.

mod block;
mod copy;
mod fault;
mod guard;
mod hex;
mod json;
mod packed;
mod reader;
mod trail;
mod warning;

pub use copy::{Checked, copy_checked};
pub use fault::{Fault, Position, Reason};
pub use packed::{Decoder, Packing, decoded};
pub use reader::{MAX_BLOCKS, read};
pub use warning::Warning;

use std::fmt;

/// A witness that the leader would read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Which leaders read it.
    pub form: Form,
    /// Whether its blocks have the fields for blobs. v0.6 writes them and v0.5 does not; v0.7 always does.
    pub has_blob_fields: bool,
    /// The blocks, in ascending order without a gap; at least one.
    pub blocks: Vec<Block>,
}

/// The two forms of witnesses. A leader reads one of them and refuses the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// That of v0.5 and v0.6.
    V06,
    /// That of v0.7.
    V07,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V06 => "v0.6",
            Self::V07 => "v0.7",
        })
    }
}

/// What a witness says of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    /// Its number.
    pub number: u64,
    /// How many transactions it has.
    pub transactions: u64,
    /// Gas used, as its header says.
    pub gas_used: u64,
    /// Gas used, as its transactions add up.
    pub gas_of_transactions: u64,
    /// The most gas that the block may use.
    pub gas_limit: u64,
    /// Its chain; the same for all blocks of a witness.
    pub chain_id: u64,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Its hash, `0x` and 64 digits.
    pub hash: String,
    /// The hash of the block before it, if the witness has any.
    pub parent_hash: Option<String>,
    /// How many withdrawals it has.
    pub withdrawals: u64,
    /// How long it is in the unpacked text.
    pub bytes: u64,
}

impl Witness {
    /// The number of transactions in all blocks.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.blocks.iter().fold(0, |sum, block| sum.saturating_add(block.transactions))
    }

    /// The gas used in all blocks.
    #[must_use]
    pub fn gas_used(&self) -> u64 {
        self.blocks.iter().fold(0, |sum, block| sum.saturating_add(block.gas_used))
    }

    /// The numbers of the first and the last block.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((self.blocks.first()?.number, self.blocks.last()?.number))
    }

    /// The chain of all blocks.
    #[must_use]
    pub fn chain_id(&self) -> Option<u64> {
        Some(self.blocks.first()?.chain_id)
    }

    /// The release of the prover that it was made for. A leader of v0.5 reads v0.6's as well, as far
    /// as its fields go.
    #[must_use]
    pub fn release(&self) -> &'static str {
        match (self.form, self.has_blob_fields) {
            (Form::V07, _) => "v0.7",
            (Form::V06, true) => "v0.6",
            (Form::V06, false) => "v0.5",
        }
    }
}
