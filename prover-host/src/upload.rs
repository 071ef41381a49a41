//! I/O: a witness that is being sent → checked and on disk, or nothing left of it. Memory is bounded by
//! a few chunks, whatever comes.

use std::io::{self, BufWriter, Read};
use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::sync::mpsc;
use witness::{Checked, Fault, Form, copy_checked};

use crate::generation::Generation;
use crate::proof::{BlockOf, Subject};
use crate::proofs::Proofs;

/// Chunks between the network and the disk.
const CHUNKS: usize = 4;

/// Why a witness was not taken.
#[derive(Debug, Error)]
pub enum UploadError {
    /// It is wrong.
    #[error("{0}")]
    Fault(Fault),
    /// It is right, and of another generation than the leader.
    #[error(
        "the witness is of the form of {0}, and the leader here is of {1}: fetch it with that version's `rpc`"
    )]
    Form(Form, &'static str),
    /// It could not be written.
    #[error("cannot write the witness: {0}")]
    Write(io::Error),
    /// It did not all come.
    #[error("the upload was cut off after {0} bytes; nothing of it is kept: send it again")]
    CutOff(u64),
}

/// A witness that is checked and on disk. It is gone with the value, unless a proof wants it.
#[derive(Debug)]
pub struct Received {
    /// What it is of.
    pub subject: Subject,
    /// Where it is.
    pub file: NamedTempFile,
}

/// Takes a witness.
pub async fn receive(
    proofs: &Arc<Proofs>,
    body: Body,
    limit: u64,
) -> Result<Received, UploadError> {
    let (chunks, from) = mpsc::channel(CHUNKS);
    let store = Arc::clone(proofs);
    let written = tokio::task::spawn_blocking(move || written(&store, from, limit));
    let sent = send(body.into_data_stream(), chunks).await;
    let written = written.await.map_err(|error| UploadError::Write(io::Error::other(error)))?;
    // A body that was cut off looks to its reader like a broken pipe.
    if let Err(bytes) = sent {
        return Err(UploadError::CutOff(bytes));
    }
    written
}

/// One part of the body; nothing: all has come.
type Chunk = Option<Bytes>;

/// Hands on what comes; how much had come when it was cut off.
async fn send(mut body: BodyDataStream, chunks: mpsc::Sender<Chunk>) -> Result<(), u64> {
    let mut sent = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| sent)?;
        sent += chunk.len() as u64;
        if chunks.send(Some(chunk)).await.is_err() {
            // The reader has found a fault: the rest is not wanted.
            return Ok(());
        }
    }
    let _ = chunks.send(None).await;
    Ok(())
}

fn written(
    proofs: &Proofs,
    chunks: mpsc::Receiver<Chunk>,
    limit: u64,
) -> Result<Received, UploadError> {
    let upload = proofs.store().upload().map_err(UploadError::Write)?;
    let Checked { witness, bytes, sha256_hex, packing: _ } = copied(&upload, chunks, limit)?;
    let generation = proofs.prover().generation;
    let fits = match witness.form {
        Form::V06 => generation == Generation::V06,
        Form::V07 => generation == Generation::V07,
    };
    if !fits {
        return Err(UploadError::Form(witness.form, generation.word()));
    }
    let block = |block: &witness::Block| BlockOf {
        number: block.number,
        transactions: block.transactions,
        gas_used: block.gas_used,
        hash: Some(block.hash.clone()),
    };
    let chain_id = witness.chain_id().unwrap_or_default();
    let blocks = witness.blocks.iter().map(block).collect();
    let subject = Subject { digest: sha256_hex, bytes, blocks, chain_id };
    // Here, where nobody waits for the disk but this one.
    upload.as_file().sync_all().map_err(UploadError::Write)?;
    Ok(Received { subject, file: upload })
}

fn copied(
    upload: &NamedTempFile,
    chunks: mpsc::Receiver<Chunk>,
    limit: u64,
) -> Result<Checked, UploadError> {
    let incoming = Incoming { chunks, rest: Bytes::new(), ended: false };
    let writer = BufWriter::with_capacity(1 << 20, upload.as_file());
    copy_checked(incoming, writer, limit).map_err(UploadError::Fault)
}

/// The body as a reader, on a thread that may wait.
struct Incoming {
    chunks: mpsc::Receiver<Chunk>,
    rest: Bytes,
    ended: bool,
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Some(chunk)) => self.rest = chunk,
                Some(None) => self.ended = true,
                // An end that nobody has declared is none.
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.rest.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..count), self.rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.rest.advance(count);
        Ok(count)
    }
}
