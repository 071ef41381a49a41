//! I/O: proofs in SQLite. Each change is one transaction, synced to disk before it is told, so that
//! after a `kill -9` at any moment the ledger says what is true.

mod rows;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use thiserror::Error;

use crate::progress::History;
use crate::proof::{Kind, Proof, ProofFile, State, Subject, Verdict, Wish};
use rows::{COLUMNS, proof_of, text_of};

/// Grows with each change of the tables.
const VERSION: i64 = 1;
/// Finished proofs that an ETA is told from.
const HISTORY: i64 = 50;
/// Between a change of ours and another's there is no waiting: there is one process.
const BUSY: Duration = Duration::from_secs(5);

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
    prover TEXT
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
        "the ledger is of version {0}, and this program knows {VERSION}: use the newer program again, or another --data-dir"
    )]
    Newer(i64),
    /// The thread that worked on it has gone.
    #[error("the ledger's thread ended")]
    Gone,
}

/// How an attempt came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where the proof stands now.
    pub state: State,
    /// Why, unless all is well.
    pub reason: Option<String>,
    /// Its file.
    pub file: Option<ProofFile>,
    /// What the verifier said.
    pub verdict: Option<Verdict>,
    /// Not tried again before.
    pub not_before: Option<i64>,
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

/// Which proofs are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'a> {
    /// In this state.
    pub state: Option<State>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
        match version {
            0 => {
                connection.execute_batch(&format!(
                    "BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"
                ))?;
            }
            VERSION => {}
            newer => return Err(LedgerError::Newer(newer)),
        }
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
}

/// Enters a proof, unless its witness has one. A chain's next must follow its last, block by block.
pub fn enter(
    connection: &mut Connection,
    subject: &Subject,
    wish: &Wish,
    now: i64,
) -> Result<Entered, LedgerError> {
    let change = connection.transaction()?;
    let of_witness = "SELECT count(*) FROM proofs WHERE digest = ?1";
    let copies: i64 = change.query_row(of_witness, [&subject.digest], |row| row.get(0))?;
    if !wish.force {
        let sql = format!(
            "SELECT {COLUMNS} FROM proofs WHERE digest = ?1 AND kind = ?2 AND chain IS ?3 AND state NOT IN ('cancelled') ORDER BY number DESC LIMIT 1"
        );
        let args = params![subject.digest, wish.kind.word(), wish.chain];
        if let Some(there) = change.query_row(&sql, args, proof_of).optional()? {
            return Ok(Entered::There(Box::new(there)));
        }
    }
    if let Some(chain) = &wish.chain
        && let Some(fault) = breaks(&change, chain, subject)?
    {
        return Ok(Entered::Refused(fault));
    }
    let id = subject.name(copies.unsigned_abs());
    change.execute(
        "INSERT INTO proofs (id, digest, bytes, blocks, first_block, last_block, transactions, chain_id,
            kind, chain, priority, deadline_ms, state, created)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'queued', ?13)",
        params![
            id,
            subject.digest,
            whole(subject.bytes),
            text_of(&subject.blocks)?,
            whole(subject.first()),
            whole(subject.last()),
            whole(subject.transactions()),
            whole(subject.chain_id),
            wish.kind.word(),
            wish.chain,
            wish.priority,
            wish.deadline.map(|limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX)),
            now,
        ],
    )?;
    let entered = by_id(&change, &id)?;
    change.commit()?;
    let entered = entered.ok_or_else(|| LedgerError::Unreadable(format!("`{id}` is not there")))?;
    Ok(Entered::New(Box::new(entered)))
}

/// Why these blocks cannot be the next of a chain.
fn breaks(
    connection: &Connection,
    chain: &str,
    subject: &Subject,
) -> Result<Option<String>, LedgerError> {
    let Some(last) = last_of_chain(connection, chain, i64::MAX)? else { return Ok(None) };
    let (before, first) = (last.subject.last(), subject.first());
    if before.checked_add(1) != Some(first) {
        let wanted = before.saturating_add(1);
        return Ok(Some(format!(
            "chain `{chain}` ends with block {before} (proof {}), so its next witness begins with {wanted}, and this one with {first}",
            last.id
        )));
    }
    let (known, new) = (last.subject.chain_id, subject.chain_id);
    Ok((known != new)
        .then(|| format!("chain `{chain}` is of chain id {known}, and this witness of {new}")))
}

/// The last proof of a chain before a number, called off ones left out.
pub fn last_of_chain(
    connection: &Connection,
    chain: &str,
    before: i64,
) -> Result<Option<Proof>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs WHERE chain = ?1 AND number < ?2 AND state != 'cancelled' ORDER BY number DESC LIMIT 1"
    );
    Ok(connection.query_row(&sql, params![chain, before], proof_of).optional()?)
}

/// One proof.
pub fn by_id(connection: &Connection, id: &str) -> Result<Option<Proof>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM proofs WHERE id = ?1");
    Ok(connection.query_row(&sql, [id], proof_of).optional()?)
}

/// The proofs that were asked for, newest first.
pub fn list(connection: &Connection, query: &Query<'_>) -> Result<Vec<Proof>, LedgerError> {
    let mut terms = vec!["number < ?1"];
    if query.state.is_some() {
        terms.push("state = ?2");
    }
    if query.block.is_some() {
        terms.push("first_block <= ?3 AND last_block >= ?3");
    }
    if query.chain.is_some() {
        terms.push("chain = ?4");
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs WHERE {} ORDER BY number DESC LIMIT ?5",
        terms.join(" AND ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let args = params![
        query.before.unwrap_or(i64::MAX),
        query.state.map_or("", State::word),
        whole(query.block.unwrap_or_default()),
        query.chain.unwrap_or_default(),
        query.limit,
    ];
    let found = statement.query_map(args, proof_of)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// How many proofs are in each state.
pub fn census(connection: &Connection) -> Result<Vec<(State, u64)>, LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT state, count(*) FROM proofs GROUP BY state")?;
    let rows =
        statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut counted: Vec<_> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    for row in rows {
        let (word, count) = row?;
        let entry = counted.iter_mut().find(|(state, _)| state.word() == word);
        let entry = entry.ok_or(LedgerError::Unreadable(word))?;
        entry.1 = count.unsigned_abs();
    }
    Ok(counted)
}

/// Queued proofs whose time has come, in the order in which they are to run. Each comes with the
/// proof before it in its chain, if it has one. No time that is to come is further away than `pause`.
pub fn queued(
    connection: &Connection,
    (now, pause): (i64, i64),
) -> Result<Vec<(Proof, Option<Proof>)>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs WHERE state = 'queued' AND coalesce(not_before, 0) NOT BETWEEN ?1 + 1 AND ?1 + ?2 ORDER BY priority DESC, number"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([now, pause], proof_of)?.collect::<Result<Vec<_>, _>>()?;
    let with_before = |proof: Proof| {
        let before = match &proof.wish.chain {
            Some(chain) => last_of_chain(connection, chain, proof.number)?,
            None => None,
        };
        Ok((proof, before))
    };
    found.into_iter().map(with_before).collect()
}

/// A leader is about to be started: the attempt, counted.
pub fn begin(connection: &mut Connection, proof: &Proof, now: i64) -> Result<Attempt, LedgerError> {
    let change = connection.transaction()?;
    let number = proof.attempts + 1;
    let tag = proof.tag(number);
    change.execute(
        "UPDATE proofs SET state = 'running', attempts = ?2, started = coalesce(started, ?3), reason = NULL, not_before = NULL
         WHERE number = ?1",
        params![proof.number, number, now],
    )?;
    change.execute(
        "INSERT INTO attempts (proof, number, tag, started) VALUES (?1, ?2, ?3, ?4)",
        params![proof.number, number, tag, now],
    )?;
    change.commit()?;
    Ok(Attempt { number, tag, queues: Vec::new() })
}

/// Result queues that an attempt has made: what is left of it if we are killed.
pub fn remember_queues(
    connection: &Connection,
    proof: i64,
    attempt: u32,
    queues: &[String],
) -> Result<(), LedgerError> {
    let sql = "UPDATE attempts SET queues = ?3 WHERE proof = ?1 AND number = ?2";
    connection.execute(sql, params![proof, attempt, text_of(&queues)?])?;
    Ok(())
}

/// An attempt has come to its end.
pub fn finish(
    connection: &mut Connection,
    proof: i64,
    attempt: Option<u32>,
    finished: &Finished,
    now: i64,
) -> Result<(), LedgerError> {
    let change = connection.transaction()?;
    let ended = finished.state.is_final().then_some(now);
    let file = finished.file.as_ref().map(text_of).transpose()?;
    let verdict = finished.verdict.as_ref().map(text_of).transpose()?;
    change.execute(
        "UPDATE proofs SET state = ?2, reason = ?3, ended = ?4, file = ?5, verdict = ?6, not_before = ?7 WHERE number = ?1",
        params![proof, finished.state.word(), finished.reason, ended, file, verdict, finished.not_before],
    )?;
    if let Some(attempt) = attempt {
        change.execute(
            "UPDATE attempts SET ended = ?3, outcome = ?4 WHERE proof = ?1 AND number = ?2",
            params![
                proof,
                attempt,
                now,
                finished.reason.as_deref().unwrap_or(finished.state.word())
            ],
        )?;
    }
    change.commit()?;
    Ok(())
}

/// Puts a finished proof back into the queue. Its attempts go on being counted.
pub fn requeue(connection: &Connection, proof: i64) -> Result<(), LedgerError> {
    connection.execute(
        "UPDATE proofs SET state = 'queued', reason = NULL, ended = NULL, not_before = NULL, file = NULL, verdict = NULL
         WHERE number = ?1",
        [proof],
    )?;
    Ok(())
}

/// Notes what a verifier said later.
pub fn judge(
    connection: &Connection,
    proof: i64,
    verdict: &Verdict,
    state: State,
) -> Result<(), LedgerError> {
    let sql = "UPDATE proofs SET verdict = ?2, state = ?3 WHERE number = ?1";
    connection.execute(sql, params![proof, text_of(verdict)?, state.word()])?;
    Ok(())
}

/// What the leader of a proof calls itself.
pub fn name_prover(connection: &Connection, proof: i64, prover: &str) -> Result<(), LedgerError> {
    connection
        .execute("UPDATE proofs SET prover = ?2 WHERE number = ?1", params![proof, prover])?;
    Ok(())
}

/// Nothing of an attempt is left in the broker.
pub fn swept(connection: &Connection, proof: i64, attempt: u32) -> Result<(), LedgerError> {
    let sql = "UPDATE attempts SET swept = 1 WHERE proof = ?1 AND number = ?2";
    connection.execute(sql, params![proof, attempt])?;
    Ok(())
}

/// Attempts that have ended and may have left something in the broker.
pub fn unswept(connection: &Connection) -> Result<Vec<(i64, String, Attempt)>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT a.proof, p.id, a.number, a.tag, a.queues FROM attempts a JOIN proofs p ON p.number = a.proof
         WHERE a.swept = 0 AND a.ended IS NOT NULL",
    )?;
    let rows = statement
        .query_map([], |row| Ok((row.get("proof")?, row.get("id")?, rows::attempt_of(row)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Ends attempts that have no end: of a service that was killed. Their proofs wait again.
pub fn recover(connection: &mut Connection, now: i64) -> Result<usize, LedgerError> {
    let change = connection.transaction()?;
    change.execute(
        "UPDATE attempts SET ended = ?1, outcome = 'the service ended' WHERE ended IS NULL",
        [now],
    )?;
    let recovered = change.execute(
        "UPDATE proofs SET state = 'queued', reason = 'the service ended while it was proved'
         WHERE state = 'running'",
        [],
    )?;
    change.commit()?;
    Ok(recovered)
}

/// Tells why a queued proof still waits.
pub fn explain(connection: &Connection, proof: i64, reason: &str) -> Result<(), LedgerError> {
    let sql =
        "UPDATE proofs SET reason = ?2 WHERE number = ?1 AND state = 'queued' AND reason IS NOT ?2";
    connection.execute(sql, params![proof, reason])?;
    Ok(())
}

/// Finished proofs beyond the newest `keep`, or older than `since`; the last of a chain stays, for
/// the next continues from it.
pub fn outdated(
    connection: &Connection,
    keep: Option<u32>,
    since: Option<i64>,
) -> Result<Vec<Proof>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs p WHERE ended IS NOT NULL
           AND (ended < ?1 OR number <= (
             SELECT coalesce(min(number), 0) - 1 FROM (SELECT number FROM proofs WHERE ended IS NOT NULL ORDER BY number DESC LIMIT ?2)))
           AND (chain IS NULL OR EXISTS (SELECT 1 FROM proofs n WHERE n.chain = p.chain AND n.number > p.number AND n.ended IS NOT NULL))"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let args = params![since.unwrap_or(i64::MIN), keep.map_or(-1, i64::from)];
    let found = statement.query_map(args, proof_of)?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Removes a row; whether another proof has the same witness.
pub fn remove(connection: &mut Connection, proof: &Proof) -> Result<bool, LedgerError> {
    let change = connection.transaction()?;
    change.execute("DELETE FROM proofs WHERE number = ?1", [proof.number])?;
    let others = "SELECT EXISTS (SELECT 1 FROM proofs WHERE digest = ?1)";
    let shared = change.query_row(others, [&proof.subject.digest], |row| row.get(0))?;
    change.commit()?;
    Ok(shared)
}

/// How long the last good ones took.
pub fn history(connection: &Connection, kind: Kind) -> Result<History, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT p.transactions, p.last_block - p.first_block + 1, a.ended - a.started
         FROM proofs p JOIN attempts a ON a.proof = p.number AND a.number = p.attempts
         WHERE p.state IN ('proved', 'verified') AND p.kind = ?1 AND a.ended IS NOT NULL
         ORDER BY p.number DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![kind.word(), HISTORY], |row| {
        let [transactions, blocks, took] = [row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?];
        Ok((
            transactions.unsigned_abs(),
            blocks.unsigned_abs(),
            Duration::from_millis(took.max(0).unsigned_abs()),
        ))
    })?;
    Ok(History::of(rows.collect::<Result<Vec<_>, _>>()?))
}

/// `SQLite` has signed numbers; none of ours is so large.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
