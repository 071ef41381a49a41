//! Writes a backup. Nothing counts as saved before [`BackupWriter::sync`] has returned.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    BODY_LIMIT, BackupError, CLOSING, Closing, HEADER_LIMIT, Header, MAGIC, MESSAGE, OPENING,
    Opening, io,
};
use crate::broker::Message;
use crate::name::QueueName;

/// A backup being written. Readable by its owner alone: it holds whole messages.
#[derive(Debug)]
pub struct BackupWriter {
    path: PathBuf,
    file: BufWriter<File>,
    written: Closing,
}

impl BackupWriter {
    /// Begins a new file; one that is there already is an error, never overwritten.
    pub fn create(path: &Path, opening: &Opening) -> Result<Self, BackupError> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = BufWriter::new(file.map_err(io("create", path))?);
        let mut writer = Self { path: path.to_owned(), file, written: Closing::default() };
        writer.file.write_all(MAGIC).map_err(io("write", path))?;
        writer.record(OPENING, opening, &[])?;
        writer.sync()?;
        sync_folder(path)?;
        Ok(writer)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it holds so far.
    #[must_use]
    pub fn written(&self) -> Closing {
        self.written
    }

    /// Adds a message of a queue.
    pub fn add(
        &mut self,
        queue: &QueueName,
        message: &Message,
        redelivered: bool,
    ) -> Result<(), BackupError> {
        let properties =
            message.properties.encoded().map_err(|error| self.unwritable(error.to_string()))?;
        let header = Header {
            queue: queue.to_string(),
            exchange: message.exchange.clone(),
            routing_key: message.routing_key.clone(),
            redelivered,
            properties: STANDARD.encode(properties),
        };
        self.record(MESSAGE, &header, &message.body)?;
        self.written.messages += 1;
        self.written.bytes += message.body.len() as u64;
        Ok(())
    }

    /// Brings everything to the disk.
    pub fn sync(&mut self) -> Result<(), BackupError> {
        self.file.flush().map_err(io("write", &self.path))?;
        self.file.get_ref().sync_data().map_err(io("sync", &self.path))
    }

    /// Ends the file: every message in it has been removed from its queue.
    pub fn close(mut self) -> Result<Closing, BackupError> {
        self.record(CLOSING, &self.written.clone(), &[])?;
        self.sync()?;
        Ok(self.written)
    }

    fn record(
        &mut self,
        kind: u8,
        header: &impl Serialize,
        body: &[u8],
    ) -> Result<(), BackupError> {
        let header =
            serde_json::to_vec(header).map_err(|error| self.unwritable(error.to_string()))?;
        if header.len() > HEADER_LIMIT || body.len() > BODY_LIMIT {
            return Err(self.unwritable("it is larger than a backup can hold".into()));
        }
        let mut prefix = vec![kind];
        prefix.extend(u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes());
        prefix.extend((body.len() as u64).to_be_bytes());
        let mut digest = Sha256::new();
        for part in [prefix.as_slice(), &header, body] {
            digest.update(part);
            self.file.write_all(part).map_err(io("write", &self.path))?;
        }
        self.file.write_all(&digest.finalize()).map_err(io("write", &self.path))
    }

    fn unwritable(&self, problem: String) -> BackupError {
        BackupError::Unwritable { path: self.path.clone(), problem }
    }
}

/// A new file is there after a crash only when its folder was synced too.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).map_err(io("sync", path))?;
    folder.sync_all().map_err(io("sync", path))
}
