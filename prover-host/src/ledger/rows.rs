//! Rows of the ledger ↔ proofs.

use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Error, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Attempt, LedgerError};
use crate::proof::{Kind, Proof, State, Subject, Wish};

/// What [`proof_of`] reads.
pub(super) const COLUMNS: &str = "number, id, digest, bytes, blocks, chain_id, kind, chain, priority, \
    deadline_ms, state, reason, attempts, created, started, ended, not_before, file, verdict, prover, progress, follows, base";

pub(super) fn proof_of(row: &Row<'_>) -> Result<Proof, Error> {
    let subject = Subject {
        digest: row.get("digest")?,
        bytes: row.get::<_, i64>("bytes")?.unsigned_abs(),
        blocks: json(row, "blocks")?.unwrap_or_default(),
        chain_id: row.get::<_, i64>("chain_id")?.unsigned_abs(),
    };
    let deadline: Option<i64> = row.get("deadline_ms")?;
    let wish = Wish {
        kind: word(row, "kind", Kind::of)?,
        chain: row.get("chain")?,
        priority: row.get("priority")?,
        deadline: deadline.map(|limit| Duration::from_millis(limit.unsigned_abs())),
        force: false,
    };
    Ok(Proof {
        number: row.get("number")?,
        id: row.get("id")?,
        subject,
        wish,
        state: word(row, "state", State::of)?,
        reason: row.get("reason")?,
        attempts: row.get("attempts")?,
        created: row.get("created")?,
        started: row.get("started")?,
        ended: row.get("ended")?,
        not_before: row.get("not_before")?,
        file: json(row, "file")?,
        verdict: json(row, "verdict")?,
        prover: row.get("prover")?,
        progress: json(row, "progress")?,
        follows: row.get("follows")?,
        base: row.get("base")?,
    })
}

pub(super) fn attempt_of(row: &Row<'_>) -> Result<Attempt, Error> {
    let queues = json(row, "queues")?.unwrap_or_default();
    Ok(Attempt { number: row.get("number")?, tag: row.get("tag")?, queues })
}

/// As it stands in a column.
pub(super) fn text_of(value: &impl Serialize) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|error| LedgerError::Unreadable(error.to_string()))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>, Error> {
    let text: Option<String> = row.get(column)?;
    let read = text.map(|text| serde_json::from_str(&text)).transpose();
    read.map_err(|error| Error::FromSqlConversionFailure(0, Type::Text, Box::new(error)))
}

fn word<T>(row: &Row<'_>, column: &str, read: fn(&str) -> Option<T>) -> Result<T, Error> {
    let text: String = row.get(column)?;
    let unknown =
        || Error::FromSqlConversionFailure(0, Type::Text, format!("{column} `{text}`").into());
    read(&text).ok_or_else(unknown)
}
