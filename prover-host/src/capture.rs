//! I/O: what a leader writes: into the attempt's log, but for the proofs that v0.5 and v0.6 write to
//! standard output among their log lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::logs::{Piece, Pieces, What, read};

/// Bytes asked for at once.
const CHUNK: usize = 16 << 10;
/// How the line begins that holds the proofs.
const PROOFS: &[u8] = b"[{\"b_height\"";
/// Proofs that are longer are no proofs.
const PROOFS_MAX: usize = 256 << 20;
/// A log is cut off here: a leader in a loop must not fill the disk.
const LOG_MAX: u64 = 64 << 20;
/// So much of the end of its errors is kept.
const ERRORS_MAX: usize = 8 << 10;

/// What was heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The line with the proofs.
    pub proofs: Vec<u8>,
    /// The end of what it wrote to its standard error.
    pub errors: String,
    /// Its words on the first block that failed.
    pub failure: Option<String>,
    logged: u64,
}

/// The ear at both of a leader's streams. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Capture {
    log: Arc<File>,
    heard: Arc<Mutex<Heard>>,
}

impl Capture {
    /// Writes what is heard to this file.
    pub fn to(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let log = options.create(true).append(true).mode(0o600).open(path)?;
        Ok(Self { log: Arc::new(log), heard: Arc::default() })
    }

    /// What was heard so far; the next call begins anew.
    #[must_use]
    pub fn take(&self) -> Heard {
        std::mem::take(&mut *self.lock())
    }

    /// Listens to standard output until its end.
    pub async fn output(self, from: impl AsyncRead + Unpin) {
        let mut in_proofs = false;
        each_piece(from, |piece| {
            let mut heard = self.lock();
            if in_proofs || piece.bytes.starts_with(PROOFS) {
                in_proofs = !piece.bytes.ends_with(b"\n");
                let room = PROOFS_MAX.saturating_sub(heard.proofs.len());
                heard.proofs.extend(piece.bytes.iter().take(room));
                return;
            }
            if heard.failure.is_none() {
                heard.failure = failure(&piece);
            }
            self.write(&mut heard, &piece.bytes);
        })
        .await;
    }

    /// Listens to standard error until its end.
    pub async fn errors(self, from: impl AsyncRead + Unpin) {
        each_piece(from, |piece| {
            let mut heard = self.lock();
            heard.errors.push_str(&String::from_utf8_lossy(&piece.bytes));
            let surplus = heard.errors.len().saturating_sub(ERRORS_MAX);
            let from = (surplus..=heard.errors.len()).find(|at| heard.errors.is_char_boundary(*at));
            heard.errors.drain(..from.unwrap_or(surplus));
            self.write(&mut heard, &piece.bytes);
        })
        .await;
    }

    fn write(&self, heard: &mut Heard, bytes: &[u8]) {
        heard.logged += bytes.len() as u64;
        if heard.logged <= LOG_MAX {
            // A full disk must not end the leader: its result is worth more than its log.
            let _ = (&*self.log).write_all(bytes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn each_piece(mut from: impl AsyncRead + Unpin, mut take: impl FnMut(Piece)) {
    let mut pieces = Pieces::default();
    let mut chunk = vec![0; CHUNK];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        pieces.add(chunk.get(..count).unwrap_or_default()).into_iter().for_each(&mut take);
    }
    pieces.end().into_iter().for_each(take);
}

/// What a leader says of a block that failed.
fn failure(piece: &Piece) -> Option<String> {
    let line = std::str::from_utf8(&piece.bytes).ok()?;
    let event = read(line.trim_end())?;
    matches!(event.what, What::BlockFailed { .. }).then(|| event.message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn proofs_are_told_from_the_log_around_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let capture = Capture::to(&path).unwrap();
        let proofs = format!("[{{\"b_height\":7,\"intern\":\"{}\"}}]", "x".repeat(200_000));
        let before = "2026-05-04T10:02:07.1Z  INFO prover: Proving block 7\n";
        let glued = "2026-05-04T10:02:08.1Z ERROR lapin::io_loop: error doing IO\n";
        let written = format!("{before}{proofs}{glued}and more\n");
        capture.clone().output(written.as_bytes()).await;
        let heard = capture.take();
        assert_eq!(String::from_utf8(heard.proofs).unwrap(), format!("{proofs}{glued}"));
        assert_eq!(std::fs::read_to_string(path).unwrap(), format!("{before}and more\n"));
    }

    #[tokio::test]
    async fn errors_are_kept_from_their_end_and_failures_in_their_words() {
        let folder = tempfile::tempdir().unwrap();
        let capture = Capture::to(&folder.path().join("log")).unwrap();
        let long = format!("{}\nError: é {}\n", "y".repeat(9_000), "z".repeat(8_100));
        capture.clone().errors(long.as_bytes()).await;
        let failed = "2026-05-04T10:02:07.1Z ERROR zero::prover: failed to generate proof for block 5, error Fatal\n";
        capture.clone().output(failed.as_bytes()).await;
        let heard = capture.take();
        assert!(heard.errors.len() <= ERRORS_MAX && heard.errors.ends_with("z\n"));
        assert_eq!(
            heard.failure.as_deref(),
            Some("failed to generate proof for block 5, error Fatal")
        );
    }
}
