//! Chains: each proof starts from the one before it.

use serde_json::Value;
use tests::harness;

use super::service::{Service, Setting};
use crate::stand_in::{Generation, V06, V07};

/// Proofs of these blocks, entered as one chain.
pub(super) async fn entered(
    service: &Service,
    generation: &Generation,
    blocks: impl IntoIterator<Item = u64>,
) -> Vec<String> {
    let mut ids = Vec::new();
    for block in blocks {
        let proof = service.submit(generation, block, "?chain=tip").await;
        ids.push(proof["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// The files of a chain as one, and the verifier's words about it.
fn together(generation: &Generation, files: &[Value], home: &std::path::Path) -> String {
    let proofs: Vec<&Value> = files.iter().flat_map(|file| file.as_array().unwrap()).collect();
    let path = home.join("together.json");
    std::fs::write(&path, serde_json::to_vec(&proofs).unwrap()).unwrap();
    let mut verifier = std::process::Command::new(generation.path("verifier"));
    let output = verifier.arg("-f").arg(path).env("RUST_LOG", "info").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn a_chain_is_proved(generation: &Generation) {
    let Some(vhost) = harness::vhost("a_chain_is_proved") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let ids = entered(&service, generation, 3..=6).await;
    let waiting = service.proof(&ids[1]).await;
    assert!(waiting["waits"].as_str().unwrap().contains(&ids[0]), "{waiting:#}");
    let _workers = setting.workers("5", &[]);
    let mut files = Vec::new();
    for id in &ids {
        let proof = service.becomes(id, &["verified", "failed"]).await;
        assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
        files.push(service.get(&format!("/v1/proofs/{id}/proof")).await.json(200));
    }
    // The stand-in's verifier sees whether each follows the one before it.
    assert_ne!(files[1][0]["intern"]["previous"], Value::Null, "{:#}", files[1]);
    let words = together(generation, &files, home.path());
    assert!(words.contains(crate::stand_in::VERIFIED), "{words}");
    let chained = service.get("/v1/proofs?chain=tip&limit=3").await.json(200);
    let told: Vec<_> = chained["proofs"].as_array().unwrap().iter().map(|p| &p["id"]).collect();
    assert_eq!(told, [&ids[3], &ids[2], &ids[1]]);
    let rest = service.get(&format!("/v1/proofs?limit=3&before={}", chained["before"])).await;
    assert_eq!(rest.json(200)["proofs"][0]["id"], ids[0]);
}

#[tokio::test]
async fn a_v0_7_chain_is_proved_in_order() {
    Box::pin(a_chain_is_proved(&V07)).await;
}

#[tokio::test]
async fn a_v0_6_chain_is_proved_in_order() {
    Box::pin(a_chain_is_proved(&V06)).await;
}

#[tokio::test]
async fn what_does_not_follow_its_chain_is_refused_with_both_numbers() {
    let Some(vhost) = harness::vhost("does_not_follow") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    entered(&service, &V07, [3]).await;
    let witness = |block| std::fs::read(V07.witness(block)).unwrap();
    for (block, query, words) in [
        (5, "?chain=tip", "begins with 4, and this one with 5"),
        (4, "?chain=tip&kind=test-only", "a test-only cannot continue it"),
    ] {
        let answer = service.post(&format!("/v1/proofs{query}"), witness(block)).await.json(409);
        assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
    }
    let answer = service.post("/v1/proofs?chain=a/b", witness(4)).await.json(400);
    assert!(answer["error"].as_str().unwrap().contains("letters, digits"), "{answer}");
}

#[tokio::test]
async fn a_chain_whose_first_block_is_called_off_waits_for_it_and_nothing_of_an_old_try_is_told() {
    let Some(vhost) = harness::vhost("first_called_off") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let ids = entered(&service, &V07, 3..=4).await;
    service.runs(&ids[0]).await;
    let first = format!("/v1/proofs/{}", ids[0]);
    let called_off = service.ask("DELETE", &first, Vec::new()).await.json(200);
    assert!(called_off["progress"]["published"].as_u64() > Some(0), "{called_off:#}");
    let second = service.proof(&ids[1]).await;
    let waits = second["waits"].as_str().unwrap_or_else(|| panic!("{second:#}"));
    assert!(waits.contains(&format!("{}, which was called off", ids[0])), "{waits}");
    assert_eq!((&second["state"], &second["attempts"]), (&"queued".into(), &0.into()));
    // One that comes after that begins the chain anew.
    let other = service.ask("DELETE", &format!("/v1/proofs/{}", ids[1]), Vec::new()).await;
    other.json(200);
    let anew = service.submit(&V07, 7, "?chain=tip").await;
    service.runs(anew["id"].as_str().unwrap()).await;
    let again = service.post(&format!("{first}/retry"), Vec::new()).await.json(200);
    assert_eq!(again["progress"], Value::Null, "{again:#}");
}

#[tokio::test]
async fn a_block_that_fails_stops_its_chain_until_it_is_tried_again() {
    let Some(vhost) = harness::vhost("stops_its_chain") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let ids = entered(&service, &V07, 3..=5).await;
    let bad = setting.workers("5", &["--stand-in-fail-txn", "4"]);
    let failed = service.becomes(&ids[1], &["failed", "verified"]).await;
    // The leader of v0.7 hides the worker's words.
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.starts_with("a task (") && reason.contains("failed on worker"), "{reason}");
    assert_eq!(failed["attempts"], 1, "{failed:#}");
    let stopped = service.proof(&ids[2]).await;
    assert!(stopped["waits"].as_str().unwrap().contains("chain stopped"), "{stopped:#}");
    drop(bad);
    let _good = setting.workers("5", &[]);
    service.post(&format!("/v1/proofs/{}/retry", ids[1]), Vec::new()).await.json(200);
    let last = service.becomes(&ids[2], &["failed", "verified"]).await;
    assert_eq!(last["state"], "verified", "{last:#}\n{}", service.log());
    let again = service.proof(&ids[1]).await;
    assert_eq!(again["attempts"], 2, "{again:#}\n{}", service.log());
}
