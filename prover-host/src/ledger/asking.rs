//! What the ledger is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{self, COLUMNS, proof_of};
use super::{LedgerError, Query, Unswept, whole};
use crate::progress::History;
use crate::proof::{Kind, Proof, State};

/// Proofs of which one is begun next: all but the first of each chain wait for it.
const HEADS: usize = 256;
/// Finished proofs that an ETA is told from.
const HISTORY: i64 = 50;

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

/// The proof that a chain's next one waits for: the last one before it that was not called off. If
/// all of them were, the one that it was entered behind: it must not begin the chain by itself.
pub fn before_in_chain(
    connection: &Connection,
    proof: &Proof,
) -> Result<Option<Proof>, LedgerError> {
    let Some(chain) = &proof.wish.chain else { return Ok(None) };
    let last = last_of_chain(connection, chain, proof.number)?;
    if last.is_some() {
        return Ok(last);
    }
    proof.follows.map_or(Ok(None), |number| by_number(connection, number))
}

/// One proof.
pub fn by_id(connection: &Connection, id: &str) -> Result<Option<Proof>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM proofs WHERE id = ?1");
    Ok(connection.query_row(&sql, [id], proof_of).optional()?)
}

/// The proof of this number.
pub fn by_number(connection: &Connection, number: i64) -> Result<Option<Proof>, LedgerError> {
    let sql = format!("SELECT {COLUMNS} FROM proofs WHERE number = ?1");
    Ok(connection.query_row(&sql, [number], proof_of).optional()?)
}

/// The proofs that were asked for, newest first.
pub fn list(connection: &Connection, query: &Query<'_>) -> Result<Vec<Proof>, LedgerError> {
    let mut terms = vec!["number < ?1"];
    if query.state.is_some() {
        terms.push("state = ?2");
    }
    if query.ended {
        terms.push("ended IS NOT NULL");
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
        "SELECT {COLUMNS} FROM proofs p WHERE state = 'queued' AND (chain IS NULL OR number = (
             SELECT min(number) FROM proofs q WHERE q.chain = p.chain AND q.state = 'queued'))
           AND coalesce(not_before, 0) NOT BETWEEN ?1 + 1 AND ?1 + ?2
         ORDER BY priority DESC, number LIMIT {HEADS}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([now, pause], proof_of)?.collect::<Result<Vec<_>, _>>()?;
    let with_before = |proof: Proof| {
        let before = before_in_chain(connection, &proof)?;
        Ok((proof, before))
    };
    found.into_iter().map(with_before).collect()
}

/// Attempts that have ended and may have left something in the broker; all of them, or this one.
pub fn unswept(
    connection: &Connection,
    which: Option<(i64, u32)>,
) -> Result<Vec<Unswept>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT a.proof, p.id, a.number, a.tag, a.queues, a.outcome IN ('proved', 'verified') AS good, a.number = p.attempts AS last FROM attempts a JOIN proofs p ON p.number = a.proof
         WHERE a.swept = 0 AND a.ended IS NOT NULL AND (?1 IS NULL OR (a.proof = ?1 AND a.number = ?2))",
    )?;
    let rows = statement.query_map(params![which.map(|it| it.0), which.map(|it| it.1)], |row| {
        let (proof, id) = (row.get("proof")?, row.get("id")?);
        let (good, last) = (row.get("good")?, row.get("last")?);
        Ok(Unswept { proof, id, attempt: rows::attempt_of(row)?, good, last })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The digests of all witnesses that proofs have.
pub fn digests(connection: &Connection) -> Result<BTreeSet<String>, LedgerError> {
    let mut statement = connection.prepare("SELECT DISTINCT digest FROM proofs")?;
    let found = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found)
}

/// Proofs that were at the verifier when the service ended, the oldest first: what an attempt leaves
/// in the broker is cleared away after the verdict.
pub fn unjudged(connection: &Connection) -> Result<Vec<Proof>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs p WHERE state = 'proved' AND verdict IS NULL AND file IS NOT NULL
           AND EXISTS (SELECT 1 FROM attempts a WHERE a.proof = p.number AND a.number = p.attempts AND a.swept = 0)
         ORDER BY number"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_map([], proof_of)?.collect::<Result<_, _>>()?;
    Ok(found)
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

/// Finished proofs beyond the `keep` that ended last, or that ended before `since`. One of a chain
/// stays until the one after it is a good one: that one continues from it, also when it is tried
/// again. One that has left something in the broker stays until that is cleared away.
pub fn outdated(
    connection: &Connection,
    keep: Option<u32>,
    since: Option<i64>,
) -> Result<Vec<Proof>, LedgerError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM proofs p WHERE ended IS NOT NULL
           AND (ended < ?1 OR number NOT IN (
             SELECT number FROM proofs WHERE ended IS NOT NULL ORDER BY ended DESC, number DESC LIMIT ?2))
           AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.proof = p.number AND a.swept = 0)
           AND (chain IS NULL OR (
             SELECT n.state FROM proofs n WHERE n.chain = p.chain AND n.number > p.number AND n.state != 'cancelled'
             ORDER BY n.number LIMIT 1) IN ('proved', 'verified'))"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let args = params![since.unwrap_or(i64::MIN), keep.map_or(-1, i64::from)];
    let found = statement.query_map(args, proof_of)?.collect::<Result<_, _>>()?;
    Ok(found)
}
