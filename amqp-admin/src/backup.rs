//! Backup files: a message that a command removes is in one first, and can be put back from it.
//!
//! A file is the eight bytes `ZEROBAK1` and then records. Numbers are big-endian.
//!
//! | bytes | what |
//! | --: | --- |
//! | 1 | kind: 0 opening (the first record), 1 message, 2 closing (the last) |
//! | 4 | length of the header, at most 1 MiB |
//! | 8 | length of the body, at most 512 MiB; 0 unless it is a message |
//! | … | header, JSON |
//! | … | body, as it was in the queue |
//! | 32 | SHA-256 over all bytes of the record before it |
//!
//! The closing record stands only where every message of the file was removed from its queue. In a
//! file without it the last messages may be in their queue still.

mod reader;
mod writer;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::name::QueueName;
use crate::words::{agree, plural};

pub use reader::{BackupReader, Restorable};
pub use writer::BackupWriter;

/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"ZEROBAK1";
/// Bytes of a record before its header.
const PREFIX: usize = 13;
/// Bytes of a record's checksum.
const DIGEST: usize = 32;
/// A header holds two names, properties and headers.
const HEADER_LIMIT: usize = 1 << 20;
/// RabbitMQ's own limit for a message.
const BODY_LIMIT: usize = 512 << 20;

const OPENING: u8 = 0;
const MESSAGE: u8 = 1;
const CLOSING: u8 = 2;

/// What a backup is of, told in its first record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// The program and its version.
    pub made_by: String,
    /// When, RFC 3339.
    pub made_at: String,
    /// The vhost of all queues in it.
    pub vhost: String,
    /// What was done, and why if somebody said so.
    pub reason: String,
}

/// A message's record without its body.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    queue: String,
    exchange: String,
    routing_key: String,
    redelivered: bool,
    /// As AMQP encodes them, in base64.
    properties: String,
}

/// The last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    /// Messages in the file.
    pub messages: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

/// What a message was, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Backed {
    /// The queue it was in.
    pub queue: QueueName,
    /// It was in somebody's hands before.
    pub redelivered: bool,
    /// The message.
    pub message: crate::broker::Message,
}

/// Why a backup could not be written or read.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The disk, the folder, the permissions.
    #[error("cannot {act} the backup `{}`", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error(
        "the backup `{}` is damaged at byte {offset}: {problem}; {} before it {} intact",
        path.display(), plural(*intact, "message"), agree(*intact, "is", "are")
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the record begins that cannot be used.
        offset: u64,
        /// What is wrong with it.
        problem: &'static str,
        /// Messages read before it.
        intact: u64,
    },
    /// A message that cannot be written down.
    #[error("a message cannot be written to the backup `{}`: {problem}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// What is wrong with a file that ends in the middle of a record.
const CUT_SHORT: &str = "it is cut short";

impl BackupError {
    /// The file ends in the middle of a record, as when its writer was killed. What was removed
    /// from a queue stands before that: it was synced first.
    #[must_use]
    pub fn is_cut_short(&self) -> bool {
        matches!(self, Self::Damaged { problem: CUT_SHORT, offset: 1.., .. })
    }
}

fn io(act: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::Io { act, path, source }
}

#[cfg(test)]
mod tests;
