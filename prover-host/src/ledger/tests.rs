//! What the ledger keeps, lets happen, and lets go.

use tempfile::TempDir;

use super::*;
use crate::proof::{BlockOf, Kind, Subject, Verdict, Wish};

/// A ledger of its own; the folder lives as long as the value.
fn opened() -> (TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    (folder, ledger)
}

/// Enters a proof of a block; its number.
fn entered(connection: &mut Connection, block: u64, chain: Option<&str>) -> i64 {
    let of = BlockOf { number: block, transactions: 1, gas_used: 21_000, hash: None };
    let digest = format!("{block:06}");
    let subject = Subject { digest, bytes: 9, blocks: vec![of], chain_id: 1 };
    let (kind, chain, deadline) = (Kind::Proof, chain.map(ToOwned::to_owned), None);
    let wish = Wish { kind, chain, priority: 0, deadline, force: true };
    let became = enter(connection, &subject, &wish, 1, || Ok(())).unwrap();
    let Entered::New(proof) = became else { panic!("{became:?}") };
    proof.number
}

/// An end in this state, with a file if it is a good one.
fn end(state: State) -> Finished {
    let file = state.is_good().then(|| ProofFile { digest: "cd".into(), bytes: 1 });
    Finished { state, reason: None, file, not_before: None, progress: None }
}

fn row(connection: &Connection, number: i64) -> Proof {
    by_number(connection, number).unwrap().unwrap()
}

/// The attempt that has begun, if the proof waited.
fn begun(connection: &mut Connection, number: i64, at: i64) -> Option<u32> {
    let proof = row(connection, number);
    begin(connection, &proof, at).unwrap().map(|attempt| attempt.number)
}

/// An attempt that began and ended so, with nothing left at the broker.
fn tried(connection: &mut Connection, number: i64, (state, at): (State, i64)) {
    let attempt = begun(connection, number, at).unwrap();
    finish(connection, number, attempt, &end(state), at).unwrap();
    swept(connection, number, attempt).unwrap();
}

fn let_go(connection: &Connection, keep: Option<u32>, since: Option<i64>) -> Vec<i64> {
    outdated(connection, keep, since).unwrap().iter().map(|proof| proof.number).collect()
}

#[tokio::test]
async fn a_chains_proof_is_kept_until_the_one_after_it_is_good() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let [seven, eight] = [7, 8].map(|block| entered(connection, block, Some("tip")));
        tried(connection, seven, (State::Proved, 10));
        let alone = let_go(connection, None, Some(1_000));
        tried(connection, eight, (State::Failed, 20));
        let failed = let_go(connection, None, Some(1_000));
        requeue(connection, eight)?;
        let again = let_go(connection, Some(0), None);
        tried(connection, eight, (State::Proved, 30));
        Ok([alone, failed, again, let_go(connection, None, Some(1_000))])
    });
    assert_eq!(told.await.unwrap(), [vec![], vec![], vec![], vec![1]]);
}

#[tokio::test]
async fn those_that_ended_last_are_kept_and_those_that_left_something_in_the_broker() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let [one, two, three] = [7, 8, 9].map(|block| entered(connection, block, None));
        tried(connection, two, (State::Proved, 10));
        tried(connection, one, (State::Proved, 20));
        let by_end = let_go(connection, Some(1), None);
        let attempt = begun(connection, three, 5).unwrap();
        finish(connection, three, attempt, &end(State::Failed), 5)?;
        let unswept = [let_go(connection, Some(2), None), let_go(connection, None, Some(6))];
        swept(connection, three, attempt)?;
        let all = [let_go(connection, Some(2), None), let_go(connection, None, None)];
        Ok((by_end, unswept, all))
    });
    let (by_end, unswept, all) = told.await.unwrap();
    assert_eq!((by_end, unswept), (vec![2], [vec![], vec![]]));
    assert_eq!(all, [vec![3], vec![]]);
}

#[tokio::test]
async fn what_was_put_back_is_not_let_go() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let number = entered(connection, 7, None);
        tried(connection, number, (State::Failed, 10));
        let (listed, mut dropped) = (row(connection, number), 0);
        requeue(connection, number)?;
        let back = remove(connection, &listed, || dropped += 1)?;
        tried(connection, number, (State::Failed, 20));
        let ended = remove(connection, &listed, || dropped += 1)?;
        Ok((back, ended, dropped, by_number(connection, number)?))
    });
    assert_eq!(told.await.unwrap(), (false, true, 1, None));
}

#[tokio::test]
async fn of_begin_and_call_off_only_the_first_one_happens() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let [one, two] = [7, 8].map(|block| entered(connection, block, None));
        let off = (call_off(connection, one, 5)?, begun(connection, one, 5));
        let begun = (begun(connection, two, 5), call_off(connection, two, 5)?);
        let states = [one, two].map(|number| row(connection, number).state);
        Ok((off, begun, states, attempts(connection, one)?.len()))
    });
    let (off, begun, states, tried) = told.await.unwrap();
    assert_eq!((off, begun), ((true, None), (Some(1), false)));
    assert_eq!((states, tried), ([State::Cancelled, State::Running], 0));
}

#[tokio::test]
async fn a_verdict_of_a_file_that_is_no_more_changes_nothing() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let number = entered(connection, 7, None);
        tried(connection, number, (State::Proved, 10));
        let asked = row(connection, number);
        let refused = Verdict::Refused("wrong root".into());
        assert!(judge(connection, &asked, &refused)?);
        requeue(connection, number)?;
        let noted = judge(connection, &asked, &Verdict::Verified)?;
        let queued = row(connection, number).state;
        begun(connection, number, 20).unwrap();
        let file = Some(ProofFile { digest: "ef".into(), bytes: 1 });
        finish(connection, number, 2, &Finished { file, ..end(State::Proved) }, 30)?;
        let later = judge(connection, &asked, &refused)?;
        Ok(([noted, later], [queued, row(connection, number).state]))
    });
    assert_eq!(told.await.unwrap(), ([false, false], [State::Queued, State::Proved]));
}

#[tokio::test]
async fn what_is_put_back_has_all_its_attempts_and_its_time_anew() {
    let (_folder, ledger) = opened();
    let told = ledger.with(|connection| {
        let number = entered(connection, 7, None);
        for at in [10, 20] {
            tried(connection, number, (State::Failed, at));
            requeue(connection, number)?;
        }
        let waiting = row(connection, number);
        let third = begun(connection, number, 30);
        Ok((waiting, third, row(connection, number)))
    });
    let (waiting, third, running) = told.await.unwrap();
    assert_eq!((waiting.base, waiting.started), (2, None));
    assert_eq!((third, running.base, running.started), (Some(3), 2, Some(30)));
}

#[tokio::test]
async fn a_ledger_of_the_first_version_is_read_and_one_of_a_newer_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(&format!("{TABLES} PRAGMA user_version = 1;")).unwrap();
    old.execute_batch("INSERT INTO proofs (id, digest, bytes, blocks, first_block, last_block, transactions, chain_id, kind, priority, state, created)
         VALUES ('7-ab', 'ab', 1, '[]', 7, 7, 0, 1, 'proof', 0, 'proved', 5);
         INSERT INTO attempts (proof, number, tag, started) VALUES (1, 1, '7-ab', 6);").unwrap();
    drop(old);
    for _ in 0..2 {
        let ledger = Ledger::open(&path).unwrap();
        let told = ledger.with(|c| Ok((attempts(c, 1)?, row(c, 1)))).await.unwrap();
        assert_eq!((told.0.len(), told.0[0].course.clone()), (1, None));
        assert_eq!((told.1.follows, told.1.base), (None, 0));
    }
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 4;").unwrap();
    assert!(matches!(Ledger::open(&path), Err(LedgerError::Newer(4))));
}
