//! A new proof: once for each witness, and where it belongs in its chain.

use std::io;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{COLUMNS, proof_of, text_of};
use super::{Entered, LedgerError, by_id, last_of_chain, whole};
use crate::proof::{Kind, Subject, Wish};

/// Enters a proof, unless its witness has one. A chain's next must follow its last, block by block.
/// `keep` puts the witness in its place. Nobody else works on the ledger meanwhile, so a witness is
/// there if and only if a proof has it.
pub fn enter(
    connection: &mut Connection,
    subject: &Subject,
    wish: &Wish,
    now: i64,
    keep: impl FnOnce() -> io::Result<()>,
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
            keep().map_err(LedgerError::Witness)?;
            return Ok(Entered::There(Box::new(there)));
        }
    }
    if let Some(chain) = &wish.chain
        && let Some(fault) = breaks(&change, chain, (subject, wish.kind))?
    {
        return Ok(Entered::Refused(fault));
    }
    let id = free_name(&change, subject, copies.unsigned_abs())?;
    let last = match &wish.chain {
        Some(chain) => last_of_chain(&change, chain, i64::MAX)?,
        None => None,
    };
    insert(&change, (&id, now, last.map(|last| last.number)), subject, wish)?;
    let entered = by_id(&change, &id)?;
    let entered = entered.ok_or_else(|| LedgerError::Unreadable(format!("`{id}` is not there")))?;
    keep().map_err(LedgerError::Witness)?;
    change.commit()?;
    Ok(Entered::New(Box::new(entered)))
}

/// A name that no proof has. Two witnesses of one block may have digests that begin alike.
fn free_name(
    connection: &Connection,
    subject: &Subject,
    copies: u64,
) -> Result<String, LedgerError> {
    let mut copy = copies;
    loop {
        let id = subject.name(copy);
        if by_id(connection, &id)?.is_none() {
            return Ok(id);
        }
        copy += 1;
    }
}

/// Why these blocks cannot be the next of a chain.
fn breaks(
    connection: &Connection,
    chain: &str,
    (subject, kind): (&Subject, Kind),
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
    if known != new {
        let fault = format!("chain `{chain}` is of chain id {known}, and this witness of {new}");
        return Ok(Some(fault));
    }
    let (known, new) = (last.wish.kind, kind);
    Ok((known != new).then(|| {
        let (known, new) = (known.word(), new.word());
        format!("chain `{chain}` is of kind {known}, and a {new} cannot continue it")
    }))
}

fn insert(
    connection: &Connection,
    (id, now, follows): (&str, i64, Option<i64>),
    subject: &Subject,
    wish: &Wish,
) -> Result<(), LedgerError> {
    connection.execute(
        "INSERT INTO proofs (id, digest, bytes, blocks, first_block, last_block, transactions, chain_id,
            kind, chain, priority, deadline_ms, state, created, follows)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'queued', ?13, ?14)",
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
            follows,
        ],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Finished, Ledger, finish, list, queued};
    use super::*;
    use crate::ledger::Query;
    use crate::proof::{BlockOf, State};

    fn subject(digest: &str) -> Subject {
        let block = BlockOf { number: 7, transactions: 1, gas_used: 21_000, hash: None };
        Subject { digest: digest.into(), bytes: 9, blocks: vec![block], chain_id: 1 }
    }

    fn wish() -> Wish {
        let (chain, deadline) = (None, None);
        Wish { kind: Kind::Proof, chain, priority: 0, deadline, force: false }
    }

    #[tokio::test]
    async fn a_clock_that_jumped_back_holds_up_nothing_that_is_to_be_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
        let due = ledger.with(|connection| {
            let (now, pause) = (1_000_000, 600_000);
            enter(connection, &subject("abcdef01"), &wish(), now, || Ok(()))?;
            let again = Finished {
                state: State::Queued,
                reason: None,
                file: None,
                not_before: Some(now + pause),
                progress: None,
            };
            finish(connection, 1, 1, &again, now)?;
            let due = |now| Ok::<_, LedgerError>(queued(connection, (now, pause))?.len());
            // On time, a moment too soon, and before a jump of more than the longest pause.
            Ok([due(now + pause)?, due(now + pause - 1)?, due(now - 1)?])
        });
        assert_eq!(due.await.unwrap(), [1, 0, 1]);
    }

    #[tokio::test]
    async fn witnesses_whose_digests_begin_alike_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
        let entered = ledger.with(|connection| {
            for digest in ["abcdef01", "abcdef02", "abcdef01"] {
                enter(connection, &subject(digest), &wish(), 1, || Ok(()))?;
            }
            list(connection, &Query { limit: 9, ..Query::default() })
        });
        let names: Vec<String> = entered.await.unwrap().into_iter().map(|proof| proof.id).collect();
        assert_eq!(names, ["7-abcdef-1", "7-abcdef"]);
    }
}
