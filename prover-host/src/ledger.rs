//! I/O: proofs in `SQLite`. Each change is one transaction, synced to disk before it is told, so that
//! after a `kill -9` at any moment the ledger says what is true.

mod asking;
mod changing;
mod courses;
mod entering;
mod rows;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use thiserror::Error;

use crate::progress::Progress;
use crate::proof::{Proof, ProofFile, State};

pub use asking::{
    before_in_chain, by_id, by_number, census, digests, history, last_of_chain, list, outdated,
    queued, unjudged, unswept,
};
pub use changing::{
    begin, call_off, explain, finish, judge, name_prover, recover, remember_queues, remove,
    requeue, swept,
};
pub use courses::{Past, attempts, keep_course, tasks};
pub use entering::enter;

/// Between a change of ours and another's there is no waiting: there is one process.
const BUSY: Duration = Duration::from_secs(5);
/// Between two tries to write on a full disk.
const FULL: Duration = Duration::from_secs(2);

const TABLES: &str = "
CREATE TABLE proofs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    blocks TEXT NOT NULL,
    first_block INTEGER NOT NULL,
    last_block INTEGER NOT NULL,
    transactions INTEGER NOT NULL,
    chain_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    chain TEXT,
    priority INTEGER NOT NULL,
    deadline_ms INTEGER,
    state TEXT NOT NULL,
    reason TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    not_before INTEGER,
    file TEXT,
    verdict TEXT,
    prover TEXT,
    progress TEXT
) STRICT;
CREATE INDEX proofs_by_digest ON proofs (digest);
CREATE INDEX proofs_by_state ON proofs (state, priority DESC, number);
CREATE INDEX proofs_by_chain ON proofs (chain, number) WHERE chain IS NOT NULL;
CREATE INDEX proofs_by_block ON proofs (last_block, first_block);
CREATE TABLE attempts (
    proof INTEGER NOT NULL REFERENCES proofs (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    tag TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT,
    queues TEXT NOT NULL DEFAULT '[]',
    swept INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (proof, number)
) STRICT, WITHOUT ROWID;
";
/// What came with version 2.
const COURSES: &str = "
ALTER TABLE proofs ADD COLUMN follows INTEGER;
ALTER TABLE attempts ADD COLUMN course TEXT;
CREATE TABLE tasks (
    proof INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    number INTEGER NOT NULL,
    operation TEXT NOT NULL,
    published INTEGER,
    answered INTEGER,
    failed INTEGER NOT NULL,
    worker TEXT,
    try INTEGER,
    took INTEGER,
    cpu INTEGER,
    memory_peak INTEGER,
    read INTEGER,
    written INTEGER,
    PRIMARY KEY (proof, attempt, number),
    FOREIGN KEY (proof, attempt) REFERENCES attempts (proof, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
";

/// What came with version 3: attempts before somebody put the proof back.
const BASE: &str = "ALTER TABLE proofs ADD COLUMN base INTEGER NOT NULL DEFAULT 0;";
/// What leads from each version to the next one.
const STEPS: [&str; 3] = [TABLES, COURSES, BASE];

/// Why the ledger could not be read or written.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// `SQLite`'s own words.
    #[error("the ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// Something in it that is not ours.
    #[error("the ledger holds what this version cannot read: {0}")]
    Unreadable(String),
    /// It was written by a newer version.
    #[error(
        "the ledger is of version {0}, and this program knows {known}: use the newer program again, or another --data-dir", known = STEPS.len()
    )]
    Newer(i64),
    /// The witness of a proof that was to be entered could not be put in its place.
    #[error("cannot write the witness: {0}")]
    Witness(std::io::Error),
    /// The thread that worked on it has gone.
    #[error("the ledger's thread ended")]
    Gone,
}

/// How an attempt came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Where the proof stands now.
    pub state: State,
    /// Why, unless all is well.
    pub reason: Option<String>,
    /// Its file.
    pub file: Option<ProofFile>,
    /// Not tried again before.
    pub not_before: Option<i64>,
    /// How far it had come.
    pub progress: Option<Progress>,
}

/// An attempt that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which of the proof's.
    pub number: u32,
    /// What its tasks are tagged with.
    pub tag: String,
    /// Result queues that were its own.
    pub queues: Vec<String>,
}

/// An attempt that has ended and may have left something in the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unswept {
    /// The proof's number.
    pub proof: i64,
    /// Its name.
    pub id: String,
    /// The attempt.
    pub attempt: Attempt,
    /// It ended well: every one of its tasks was answered.
    pub good: bool,
    /// It is the proof's last.
    pub last: bool,
}

/// Which proofs are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// In this state.
    pub state: Option<State>,
    /// Only those that have come to their end.
    pub ended: bool,
    /// Of this block.
    pub block: Option<u64>,
    /// Of this chain.
    pub chain: Option<&'a str>,
    /// Older than this number.
    pub before: Option<i64>,
    /// At most so many, newest first.
    pub limit: u32,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Entered {
    /// A new proof.
    New(Box<Proof>),
    /// There is one of this witness already.
    There(Box<Proof>),
    /// It does not follow the last of its chain.
    Refused(String),
}

/// Proofs in `SQLite`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Mutex<Connection>>);

impl Ledger {
    /// Opens it, or makes a new one.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What was told is on the disk, also after a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let missing = usize::try_from(version).ok().and_then(|version| STEPS.get(version..));
        let missing = missing.ok_or(LedgerError::Newer(version))?.concat();
        let version = STEPS.len();
        connection
            .execute_batch(&format!("BEGIN; {missing} PRAGMA user_version = {version}; COMMIT;"))?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Works on it on a thread that may wait for the disk.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let connection = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || {
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        });
        worked.await.map_err(|_| LedgerError::Gone)?
    }

    /// The same for what must not be lost for want of room on the disk: tried until there is some.
    pub async fn patiently<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, LedgerError> + Clone + Send + 'static,
    ) -> Result<T, LedgerError> {
        loop {
            match self.with(work.clone()).await {
                Err(error) if error.is_full() => {
                    tracing::error!(
                        "{error}: make room on the disk of --data-dir; it is tried again in {} s",
                        FULL.as_secs()
                    );
                    tokio::time::sleep(FULL).await;
                }
                outcome => return outcome,
            }
        }
    }
}

impl LedgerError {
    /// There is no room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let code = match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Unreadable(_) | Self::Newer(_) | Self::Witness(_) | Self::Gone => None,
        };
        code == Some(rusqlite::ErrorCode::DiskFull)
    }
}

/// `SQLite` has signed numbers; none of ours is so large.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
