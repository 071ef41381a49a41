//! PURE: whose turn it is: a chain's proof waits for the one before it.

use crate::proof::{Kind, Proof, State};

/// Whether a queued proof can be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Go,
    /// Not yet, and why.
    Wait(String),
}

/// Judges a queued proof by the one before it in its chain; there may be none any more.
#[must_use]
pub fn turn(proof: &Proof, before: Option<&Proof>) -> Turn {
    let Some(before) = before else { return without(proof) };
    let id = &before.id;
    let (last, first) = (before.subject.last(), proof.subject.first());
    if last.checked_add(1) != Some(first) {
        let missing = last.saturating_add(1);
        return Turn::Wait(format!(
            "its chain has no block {missing} any more, for a proof was called off: `retry` that one"
        ));
    }
    match before.state {
        State::Queued | State::Running => {
            Turn::Wait(format!("waits for {id} before it, which is {}", before.state.word()))
        }
        State::Failed => Turn::Wait(format!(
            "its chain stopped at {id}, which failed: `retry` that one and the chain goes on"
        )),
        State::Proved | State::Verified => {
            if proof.wish.kind == Kind::Proof && before.file.is_none() {
                Turn::Wait(format!("needs the proof of {id} before it, which has none"))
            } else {
                Turn::Go
            }
        }
        // Nothing else is left of the chain before it.
        State::Cancelled => Turn::Wait(format!(
            "its chain begins with {id}, which was called off: `retry` that one, or cancel this one and submit it again as the chain's first"
        )),
    }
}

/// The first of its chain may begin. One that was entered behind another needs that one's file, and
/// without it would begin a chain of its own.
fn without(proof: &Proof) -> Turn {
    if proof.follows.is_none() || proof.wish.kind == Kind::TestOnly {
        return Turn::Go;
    }
    Turn::Wait(
        "the proof before it in its chain was let go (--keep, --keep-for), so there is nothing to continue from: cancel this one and submit it again as the chain's first".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::proof::{BlockOf, ProofFile, Subject, Wish};

    fn proof(block: u64, state: State, file: bool) -> Proof {
        let blocks = vec![BlockOf { number: block, transactions: 0, gas_used: 0, hash: None }];
        let subject = Subject { digest: "ab".into(), bytes: 1, blocks, chain_id: 1 };
        let (chain, deadline) = (Some("tip".to_owned()), None);
        Proof {
            number: 1,
            id: "7-ab".into(),
            subject,
            wish: Wish { kind: Kind::Proof, chain, priority: 0, deadline, force: false },
            state,
            reason: None,
            attempts: 0,
            created: 0,
            started: None,
            ended: None,
            not_before: None,
            file: file.then(|| ProofFile { digest: "cd".into(), bytes: 1 }),
            verdict: None,
            prover: None,
            progress: None,
            follows: None,
            base: 0,
        }
    }

    #[test]
    fn a_clock_that_jumps_takes_no_time_that_did_not_go_by_and_never_more_than_all() {
        let hour = Duration::from_secs(3600);
        let mut running = proof(8, State::Running, false);
        assert_eq!(running.left(i64::MAX), None);
        running.wish.deadline = Some(hour);
        assert_eq!(running.left(i64::MAX), Some(hour));
        running.started = Some(1_000_000);
        let left = |now| running.left(now).unwrap();
        assert_eq!(left(1_000_000 + 60_000), Duration::from_secs(3540));
        assert_eq!([left(0), left(i64::MIN)], [hour, hour]);
        assert_eq!(left(i64::MAX), Duration::ZERO);
    }

    #[test]
    fn without_the_proof_before_it_no_proof_begins_a_chain_anew() {
        let mut next = proof(8, State::Queued, false);
        next.follows = Some(1);
        let Turn::Wait(why) = turn(&next, None) else { panic!("the proof of block 7 is gone") };
        assert!(why.contains("was let go") && why.contains("submit it again"), "{why}");
        next.wish.kind = Kind::TestOnly;
        assert_eq!(turn(&next, None), Turn::Go);
    }

    #[test]
    fn a_chain_goes_on_from_a_good_proof_only() {
        let next = proof(8, State::Queued, false);
        assert_eq!(turn(&next, None), Turn::Go);
        for state in [State::Proved, State::Verified] {
            assert_eq!(turn(&next, Some(&proof(7, state, true))), Turn::Go);
            assert!(matches!(turn(&next, Some(&proof(7, state, false))), Turn::Wait(_)));
        }
        for state in [State::Queued, State::Running, State::Failed] {
            let Turn::Wait(why) = turn(&next, Some(&proof(7, state, true))) else {
                panic!("{state:?}")
            };
            assert!(why.contains("7-ab"), "{why}");
        }
        let off = turn(&next, Some(&proof(7, State::Cancelled, false)));
        let Turn::Wait(why) = off else { panic!("the first was called off") };
        assert!(why.contains("7-ab, which was called off"), "{why}");
        let gap = turn(&next, Some(&proof(6, State::Verified, true)));
        let Turn::Wait(why) = gap else { panic!("block 7 is missing") };
        assert!(why.contains("no block 7 any more"), "{why}");
    }
}
