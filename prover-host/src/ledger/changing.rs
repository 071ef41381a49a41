//! What becomes of proofs and their attempts.

use rusqlite::{Connection, params};

use super::rows::text_of;
use super::{Attempt, Finished, LedgerError};
use crate::proof::{Proof, State, Verdict};

/// A leader is about to be started: the attempt, counted. Nothing: the proof does not wait any more,
/// for it was called off a moment ago.
pub fn begin(
    connection: &mut Connection,
    proof: &Proof,
    now: i64,
) -> Result<Option<Attempt>, LedgerError> {
    let change = connection.transaction()?;
    let number = proof.attempts + 1;
    let tag = proof.tag(number);
    let begun = change.execute(
        "UPDATE proofs SET state = 'running', attempts = ?2, started = coalesce(started, ?3), reason = NULL, not_before = NULL, progress = NULL
         WHERE number = ?1 AND state = 'queued'",
        params![proof.number, number, now],
    )?;
    if begun == 0 {
        return Ok(None);
    }
    change.execute(
        "INSERT INTO attempts (proof, number, tag, started) VALUES (?1, ?2, ?3, ?4)",
        params![proof.number, number, tag, now],
    )?;
    change.commit()?;
    Ok(Some(Attempt { number, tag, queues: Vec::new() }))
}

/// Calls off a proof that waits. False: it does not, or not any more.
pub fn call_off(connection: &Connection, proof: i64, now: i64) -> Result<bool, LedgerError> {
    let called_off = connection.execute(
        "UPDATE proofs SET state = 'cancelled', reason = 'called off before it began', ended = ?2, not_before = NULL, progress = NULL
         WHERE number = ?1 AND state = 'queued'",
        params![proof, now],
    )?;
    Ok(called_off > 0)
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
    attempt: u32,
    finished: &Finished,
    now: i64,
) -> Result<(), LedgerError> {
    let change = connection.transaction()?;
    let ended = finished.state.is_final().then_some(now);
    let file = finished.file.as_ref().map(text_of).transpose()?;
    let progress = finished.progress.as_ref().map(text_of).transpose()?;
    change.execute(
        "UPDATE proofs SET state = ?2, reason = ?3, ended = ?4, file = ?5, verdict = NULL, not_before = ?6, progress = ?7 WHERE number = ?1",
        params![proof, finished.state.word(), finished.reason, ended, file, finished.not_before, progress],
    )?;
    let outcome = finished.reason.as_deref().unwrap_or(finished.state.word());
    change.execute(
        "UPDATE attempts SET ended = ?3, outcome = ?4 WHERE proof = ?1 AND number = ?2",
        params![proof, attempt, now, outcome],
    )?;
    change.commit()?;
    Ok(())
}

/// Puts a proof that failed or was called off back into the queue. It may take as many attempts as a
/// new one, and as long; nothing of the last one's progress is left. False: it is neither.
pub fn requeue(connection: &Connection, proof: i64) -> Result<bool, LedgerError> {
    let requeued = connection.execute(
        "UPDATE proofs SET state = 'queued', base = attempts, started = NULL, reason = NULL, ended = NULL, not_before = NULL, file = NULL, verdict = NULL, progress = NULL
         WHERE number = ?1 AND state IN ('failed', 'cancelled')",
        [proof],
    )?;
    Ok(requeued > 0)
}

/// Notes what the verifier said of the file that `proof` had when it was asked, and what follows from
/// it. False: it has another by now, or is to have one.
pub fn judge(
    connection: &Connection,
    proof: &Proof,
    verdict: &Verdict,
) -> Result<bool, LedgerError> {
    let (state, reason) = match verdict {
        Verdict::Verified => (State::Verified, None),
        Verdict::Unknown(words) => (State::Proved, Some(format!("not verified: {words}"))),
        Verdict::Refused(words) => {
            (State::Failed, Some(format!("the verifier refuses the proof: {words}")))
        }
    };
    let file = proof.file.as_ref().map(|file| &file.digest);
    let noted = connection.execute(
        "UPDATE proofs SET verdict = ?2, state = ?3, reason = ?4
         WHERE number = ?1 AND json_extract(file, '$.digest') = ?5 AND state IN ('proved', 'verified', 'failed')",
        params![proof.number, text_of(verdict)?, state.word(), reason, file],
    )?;
    Ok(noted > 0)
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

/// Removes the row of a proof that has ended. `drop_witness` is called when no other proof has the
/// same; nobody else works on the ledger meanwhile. False: it was put back a moment ago.
pub fn remove(
    connection: &mut Connection,
    proof: &Proof,
    drop_witness: impl FnOnce(),
) -> Result<bool, LedgerError> {
    let change = connection.transaction()?;
    let removed = change
        .execute("DELETE FROM proofs WHERE number = ?1 AND ended IS NOT NULL", [proof.number])?;
    let others = "SELECT EXISTS (SELECT 1 FROM proofs WHERE digest = ?1)";
    let shared: bool = change.query_row(others, [&proof.subject.digest], |row| row.get(0))?;
    change.commit()?;
    if !shared {
        drop_witness();
    }
    Ok(removed > 0)
}
