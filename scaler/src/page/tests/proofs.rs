//! What is said of proofs.

use crate::status::{EtaStatus, ProgressStatus, ProofStatus, ProofsAnswer, ProofsStatus, Status};

use super::{HOSTILE, fragment, status, words};

fn proof(id: &str, state: &str) -> ProofStatus {
    ProofStatus {
        id: id.into(),
        state: state.into(),
        kind: "proof".into(),
        first_block: 20_362_226,
        last_block: 20_362_226,
        transactions: 166,
        chain: None,
        attempts: 1,
        age_seconds: 1_800,
        ended_seconds_ago: None,
        waits: None,
        reason: None,
        progress: None,
    }
}

fn running() -> ProofStatus {
    let eta = Some(EtaStatus { seconds: 300.9, low: 240.0, high: 7_800.0 });
    let progress = ProgressStatus {
        done: 0.429,
        published: 40,
        answered: 1_030,
        expected: 2_071,
        elapsed_seconds: 1_700.0,
        eta,
    };
    ProofStatus { progress: Some(progress), ..proof("20362226-3f9a1c", "running") }
}

fn proofs(running: Vec<ProofStatus>, queued: Vec<ProofStatus>, ended: Vec<ProofStatus>) -> Status {
    let answer = ProofsAnswer::Known { age_ms: 900, running, queued, more_queued: false, ended };
    let proofs = ProofsStatus { address: "http://leader:8080/".into(), answer };
    Status { proofs: Some(proofs), ..status() }
}

#[test]
fn a_running_proof_shows_how_far_it_is_and_how_long_it_may_take() {
    let status = proofs(vec![running()], vec![], vec![]);
    let said = words(&status);
    let words = "20362226-3f9a1c block 20362226 · 166 transactions running 42 % · 1,030 of 2,071 \
                 tasks answered about 5 min left, 4 min to 2 h 10 min 30 min";
    assert!(
        said.contains("Proofs Proof service http://leader:8080/ 1 running, 0 queued"),
        "{said}"
    );
    assert!(said.contains("told 0.9 s ago"), "{said}");
    assert!(said.contains(words), "{said}");
    let html = fragment(&status);
    assert!(html.contains(r#"aria-label="42 % done""#), "{html}");
    assert!(html.contains(r#"<rect class="fill" width="42" height="1">"#), "{html}");
}

#[test]
fn proofs_that_wait_and_that_ended_say_why() {
    let mut waits = proof("20362228-aaaaaa", "queued");
    (waits.last_block, waits.chain) = (20_362_230, Some("tip".into()));
    waits.waits = Some("waits for 20362227-bbbbbb before it, which is running".into());
    let mut failed = proof("20362225-cccccc", "failed");
    (failed.attempts, failed.ended_seconds_ago) = (3, Some(61));
    failed.reason = Some("the leader was killed".into());
    let started = proof("20362227-bbbbbb", "running");
    let said = words(&proofs(vec![started], vec![waits], vec![failed]));
    for words in [
        "1 running, 1 queued",
        "running its leader starts",
        "blocks 20362226 to 20362230 · 166 transactions chain tip queued waits for 20362227-bbbbbb \
         before it, which is running",
        "failed attempt 3 the leader was killed 30 min ended 61 s ago",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_proof_service_that_cannot_be_asked_is_unknown_and_not_empty() {
    let mut status = proofs(vec![], vec![], vec![]);
    assert!(words(&status).contains("The service has no proofs yet."));
    let reason = "no answer from `http://leader:8080/`: connection refused".to_owned();
    let answer = ProofsAnswer::Unknown { since_seconds: 34, reason };
    status.proofs.as_mut().unwrap().answer = answer;
    let said = words(&status);
    let why = "not known What it proves has not been known for 34 s: no answer from";
    assert!(said.contains(why) && said.contains("connection refused"), "{said}");
    assert!(!said.contains("no proofs yet") && !said.contains("0 running"), "{said}");
}

#[test]
fn all_is_done_only_when_it_is_and_ended_proofs_are_few() {
    let mut last = running();
    last.progress.as_mut().unwrap().done = 0.9999;
    let ended = (0..9).map(|n| proof(&format!("ended-{n}"), "verified")).collect();
    let mut status = proofs(vec![last], vec![], ended);
    let said = words(&status);
    assert!(said.contains("99 % ·") && !said.contains("100 %"), "{said}");
    assert!(said.contains("ended-4") && !said.contains("ended-5"), "{said}");
    if let Some(ProofsAnswer::Known { more_queued, running, .. }) =
        status.proofs.as_mut().map(|proofs| &mut proofs.answer)
    {
        *more_queued = true;
        running[0].progress.as_mut().unwrap().eta = None;
    }
    let said = words(&status);
    assert!(said.contains("More proofs wait than the 20 newest"), "{said}");
    assert!(said.contains("how long it will still take is not known yet"), "{said}");
}

#[test]
fn without_a_proof_service_nothing_is_said_of_proofs() {
    let status = status();
    assert!(!words(&status).contains("Proofs"));
    let json = serde_json::to_value(&status).unwrap();
    assert!(json.get("proofs").is_none() && json.get("brokers").is_some(), "{json}");
}

#[test]
fn words_of_the_proof_service_are_text_too() {
    let mut hostile = running();
    hostile.id = HOSTILE.into();
    hostile.state = HOSTILE.into();
    hostile.chain = Some(HOSTILE.into());
    hostile.waits = Some(HOSTILE.into());
    hostile.reason = Some(HOSTILE.into());
    let mut status = proofs(vec![hostile], vec![], vec![]);
    assert!(!fragment(&status).contains("<script>"));
    let shown = status.proofs.as_mut().unwrap();
    shown.address = HOSTILE.into();
    shown.answer = ProofsAnswer::Unknown { since_seconds: 0, reason: HOSTILE.into() };
    assert!(!fragment(&status).contains("<script>"));
}
