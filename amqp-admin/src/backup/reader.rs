//! Reads a backup: every record is checked, and nothing is believed before that.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{
    BODY_LIMIT, Backed, BackupError, CLOSING, CUT_SHORT, Closing, DIGEST, HEADER_LIMIT, Header,
    MAGIC, MESSAGE, OPENING, Opening, PREFIX, io,
};
use crate::broker::{Message, Properties};
use crate::name::QueueName;

/// A backup being read.
#[derive(Debug)]
pub struct BackupReader<R = BufReader<File>> {
    path: PathBuf,
    source: R,
    opening: Opening,
    offset: u64,
    read: Closing,
    closed: bool,
}

/// A record's kind, header and body.
type Record = (u8, Vec<u8>, Vec<u8>);

/// The next thing in a backup.
#[derive(Debug)]
pub enum Restorable {
    /// A message.
    Message(Box<Backed>),
    /// The end. `whole`: every message was removed from its queue; else the last ones may be in
    /// both places.
    End {
        /// Whether the closing record was there.
        whole: bool,
    },
}

impl BackupReader {
    /// Opens a file and reads what it is of.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let file = File::open(path).map_err(io("open", path))?;
        Self::from_source(path, BufReader::new(file))
    }
}

impl<R: Read> BackupReader<R> {
    pub(super) fn from_source(path: &Path, source: R) -> Result<Self, BackupError> {
        let opening = Opening {
            made_by: String::new(),
            made_at: String::new(),
            vhost: String::new(),
            reason: String::new(),
        };
        let (path, read) = (path.to_owned(), Closing::default());
        let mut reader = Self { path, source, opening, offset: 0, read, closed: false };
        let mut magic = [0; MAGIC.len()];
        if !reader.fill(&mut magic)? || magic != *MAGIC {
            return Err(reader.damaged("it does not begin as a backup of this version"));
        }
        reader.offset = MAGIC.len() as u64;
        match reader.record()? {
            Some((OPENING, header, _)) => reader.opening = reader.json(&header)?,
            Some(_) | None => return Err(reader.damaged("it has no opening record")),
        }
        Ok(reader)
    }

    /// What the backup is of.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// What was read so far.
    #[must_use]
    pub fn read(&self) -> Closing {
        self.read
    }

    /// Reads on. After the end it gives the end again.
    pub fn next_message(&mut self) -> Result<Restorable, BackupError> {
        let whole = Restorable::End { whole: self.closed };
        if self.closed {
            return Ok(whole);
        }
        match self.record()? {
            None => Ok(Restorable::End { whole: false }),
            Some((MESSAGE, header, body)) => self.message(&header, body),
            Some((CLOSING, header, _)) => {
                if self.json::<Closing>(&header)? != self.read {
                    return Err(self.damaged("it closes with other counts than it holds"));
                }
                self.closed = true;
                Ok(Restorable::End { whole: true })
            }
            Some(_) => Err(self.damaged("a record of an unknown kind")),
        }
    }

    fn message(&mut self, header: &[u8], body: Vec<u8>) -> Result<Restorable, BackupError> {
        let Header { queue, exchange, routing_key, redelivered, properties } = self.json(header)?;
        let queue = QueueName::new(&queue).map_err(|_| self.damaged("the queue has no name"))?;
        let properties = STANDARD.decode(properties).ok();
        let properties = properties.and_then(|bytes| Properties::decode(&bytes).ok());
        let properties = properties.ok_or_else(|| self.damaged("its properties"))?;
        self.read.messages += 1;
        self.read.bytes += body.len() as u64;
        let message = Message { exchange, routing_key, properties, body };
        Ok(Restorable::Message(Box::new(Backed { queue, redelivered, message })))
    }

    /// The next record, its checksum proven; `None` at the end of the file.
    fn record(&mut self) -> Result<Option<Record>, BackupError> {
        let mut prefix = [0; PREFIX];
        if !self.fill(&mut prefix)? {
            return Ok(None);
        }
        let [kind, h0, h1, h2, h3, body @ ..] = prefix;
        let header = u32::from_be_bytes([h0, h1, h2, h3]) as usize;
        let body = usize::try_from(u64::from_be_bytes(body)).unwrap_or(usize::MAX);
        if header > HEADER_LIMIT || body > BODY_LIMIT {
            return Err(self.damaged("its lengths are impossible"));
        }
        let (header, body) = (self.bytes(header)?, self.bytes(body)?);
        let mut digest = Sha256::new();
        for part in [prefix.as_slice(), &header, &body] {
            digest.update(part);
        }
        if self.bytes(DIGEST)? != digest.finalize().as_slice() {
            return Err(self.damaged("its checksum is wrong"));
        }
        self.offset += (PREFIX + header.len() + body.len() + DIGEST) as u64;
        Ok(Some((kind, header, body)))
    }

    /// `false`: the source is at its end. In the middle of the buffer that is damage.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, BackupError> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest).map_err(io("read", &self.path))? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(self.damaged(CUT_SHORT)),
                read => filled += read,
            }
        }
        Ok(true)
    }

    /// Memory grows with what is there, not with what a damaged length promises.
    fn bytes(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::new();
        let limit = length as u64;
        self.source.by_ref().take(limit).read_to_end(&mut bytes).map_err(io("read", &self.path))?;
        if bytes.len() < length {
            return Err(self.damaged(CUT_SHORT));
        }
        Ok(bytes)
    }

    fn json<T: DeserializeOwned>(&self, header: &[u8]) -> Result<T, BackupError> {
        serde_json::from_slice(header).map_err(|_| self.damaged("its header"))
    }

    fn damaged(&self, problem: &'static str) -> BackupError {
        let intact = self.read.messages;
        BackupError::Damaged { path: self.path.clone(), offset: self.offset, problem, intact }
    }
}
