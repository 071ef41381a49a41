//! Answers of the proof service, in its words, and what becomes of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::clock;

/// The proof service's own clock in these tests.
const NOW: &str = "2026-08-21T08:00:00Z";

fn proof(id: &str, state: &str, created: &str) -> Value {
    json!({
        "id": id, "state": state, "kind": "proof", "firstBlock": 20_362_226, "lastBlock": 20_362_227,
        "blocks": [{"number": 20_362_226, "transactions": 3, "gasUsed": 1, "hash": null}],
        "transactions": 166, "chainId": 1, "witnessSha256": "ab", "witnessBytes": 9, "priority": 0,
        "attempts": 1, "createdAt": created,
    })
}

fn running(id: &str) -> Value {
    let mut running = proof(id, "running", "2026-08-21T07:30:00Z");
    running["progress"] = json!({
        "published": 40, "answered": 30, "expected": 71, "byOperation": [],
        "transactionsProved": null, "segmentsProved": 4, "done": 0.42, "elapsedSeconds": 1_700.5,
        "eta": {"seconds": 300.0, "low": 240.0, "high": 420.0, "from": "rate"},
    });
    running
}

fn page(proofs: &[Value], before: Option<i64>) -> Page {
    read(json!({"proofs": proofs, "before": before}).to_string().as_bytes()).unwrap()
}

fn listing() -> Listing {
    let queued = page(&[proof("q", "queued", NOW)], None);
    Listing::of(queued, page(&[running("r")], None), page(&[], None))
}

fn ids(proofs: &[ProofStatus]) -> Vec<&str> {
    proofs.iter().map(|proof| proof.id.as_str()).collect()
}

fn status(known: &ProofsKnown, now: Instant) -> ProofsAnswer {
    known.status(now, NOW.parse().unwrap()).answer
}

#[test]
fn a_running_proof_is_told_with_all_its_numbers() {
    let start = clock::now();
    let mut known = ProofsKnown::nothing("http://leader:8080/".into(), start);
    assert!(known.take(Ok(listing()), start));
    let told = known.status(start + Duration::from_millis(1_500), NOW.parse().unwrap());
    let told = serde_json::to_value(&told).unwrap();
    let answer = &told["answer"]["known"];
    assert_eq!(
        (&told["address"], &answer["age_ms"]),
        (&json!("http://leader:8080/"), &json!(1_500))
    );
    assert_eq!(
        answer["running"][0],
        json!({
            "id": "r", "state": "running", "kind": "proof", "first_block": 20_362_226,
            "last_block": 20_362_227, "transactions": 166, "chain": null, "attempts": 1,
            "age_seconds": 1_800, "ended_seconds_ago": null, "waits": null, "reason": null,
            "progress": {
                "done": 0.42, "published": 40, "answered": 30, "expected": 71,
                "elapsed_seconds": 1_700.5, "eta": {"seconds": 300.0, "low": 240.0, "high": 420.0},
            },
        })
    );
    assert_eq!(answer["queued"][0]["progress"], Value::Null);
}

#[test]
fn a_proof_that_moved_on_between_two_questions_is_in_one_place() {
    let queued = [proof("began", "queued", NOW), proof("waits", "queued", NOW)];
    let was_running = [running("began"), running("ended"), running("again")];
    let newest = [proof("ended", "verified", NOW), running("began"), proof("again", "queued", NOW)];
    let listing =
        Listing::of(page(&queued, Some(7)), page(&was_running, None), page(&newest, None));
    let mut known = ProofsKnown::nothing(String::new(), clock::now());
    known.take(Ok(listing), clock::now());
    let ProofsAnswer::Known { running, queued, more_queued, ended, .. } =
        status(&known, clock::now())
    else {
        panic!("not known")
    };
    assert_eq!(ids(&running), ["began"]);
    assert_eq!(ids(&queued), ["again", "waits"]);
    assert_eq!(ids(&ended), ["ended"]);
    assert!(more_queued);
}

#[test]
fn those_that_wait_are_in_the_order_of_their_turns() {
    let mut urgent = proof("urgent", "queued", "2026-08-21T07:59:00Z");
    urgent["priority"] = json!(5);
    let newest_first =
        [urgent, proof("second", "queued", NOW), proof("first", "queued", "2026-08-21T06:00:00Z")];
    let listing = Listing::of(page(&newest_first, None), page(&[], None), page(&[], None));
    let order: Vec<_> = listing.queued.iter().map(|proof| proof.id.as_str()).collect();
    assert_eq!(order, ["urgent", "first", "second"]);
}

#[test]
fn what_cannot_be_asked_is_unknown_since_the_first_failure_and_never_empty() {
    let start = clock::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let unknown = |since_seconds, reason: &str| ProofsAnswer::Unknown {
        since_seconds,
        reason: reason.to_owned(),
    };
    let mut known = ProofsKnown::nothing(String::new(), start);
    assert_eq!(status(&known, after(1)), unknown(1, FIRST));
    known.take(Ok(listing()), after(2));
    assert!(known.take(Err("refused".into()), after(4)));
    assert!(!known.take(Err("refused".into()), after(6)), "the same again is no news");
    assert!(known.take(Err("too late".into()), after(8)));
    assert_eq!(status(&known, after(10)), unknown(6, "too late"));
    assert!(known.take(Ok(listing()), after(11)));
    assert!(matches!(status(&known, after(12)), ProofsAnswer::Known { age_ms: 1_000, .. }));
    assert!(!known.take(Ok(listing()), after(13)));
}

#[test]
fn a_clock_that_is_ahead_of_ours_makes_no_age_below_zero() {
    let queued = page(&[proof("q", "queued", "2026-08-21T09:00:00Z")], None);
    let listing = Listing::of(queued, page(&[], None), page(&[], None));
    assert_eq!(listing.queued[0].status(NOW.parse().unwrap()).age_seconds, 0);
}

#[test]
fn an_answer_that_is_something_else_is_refused_with_the_place() {
    for (body, words) in [
        ("<html>", "expected value at line 1"),
        ("{}", "missing field `proofs`"),
        (r#"{"proofs": [{"id": "a"}], "before": null}"#, "missing field `state`"),
    ] {
        let why = read(body.as_bytes()).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
    let mut undated = proof("a", "queued", "yesterday");
    let why = read(json!({"proofs": [&undated], "before": null}).to_string().as_bytes());
    assert!(why.unwrap_err().contains("yesterday"));
    undated["createdAt"] = json!(NOW);
    undated["somethingNew"] = json!({"added": "later"});
    assert_eq!(page(&[undated], None).proofs.len(), 1);
}
