//! From a witness to a verified proof, and what is refused on the way.

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::harness;

use super::service::Setting;
use crate::stand_in::{Generation, V06, V07};

async fn a_proof_is_made(generation: &Generation) {
    let Some(vhost) = harness::vhost("a_proof_is_made") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let entered = service.submit(generation, 6, "").await;
    let id = entered["id"].as_str().unwrap();
    assert!(id.starts_with("6-"), "{entered}");
    assert_eq!(entered["transactions"], 12);
    let _workers = setting.workers("20", &[]);
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    assert_eq!(proof["attempts"], 1);

    let file = service.get(&format!("/v1/proofs/{id}/proof")).await;
    assert_eq!(file.json(200)[0]["b_height"], 6);
    assert_eq!(proof["proof"]["bytes"], file.body.len());
    let log = service.get(&format!("/v1/proofs/{id}/log")).await;
    assert!(log.text().contains("Proving block 6") && !log.text().contains("b_height"));
    let again = service.post("/v1/proofs", std::fs::read(generation.witness(6)).unwrap()).await;
    assert_eq!(again.json(200)["id"], id);
    let listed = service.get("/v1/proofs?state=verified&block=6").await.json(200);
    assert_eq!(listed["proofs"].as_array().unwrap().len(), 1);
    let beside = home.path().join(format!("data/proofs/{id}.json"));
    let beside: Value = serde_json::from_slice(&std::fs::read(beside).unwrap()).unwrap();
    assert_eq!(beside["sha256"], proof["proof"]["digest"]);
    let log = service.log();
    assert!(log.contains("txs_proved=12 total_txs=12 time_spent="), "{log}");
}

#[tokio::test]
async fn a_v0_7_proof_is_made_and_verified() {
    Box::pin(a_proof_is_made(&V07)).await;
}

#[tokio::test]
async fn a_v0_6_proof_is_made_and_verified() {
    Box::pin(a_proof_is_made(&V06)).await;
}

#[tokio::test]
async fn what_is_no_witness_is_refused_with_its_place_and_nothing_is_left_of_it() {
    let Some(vhost) = harness::vhost("no_witness") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--witness-max-mib", "1"]).await;
    let good = std::fs::read_to_string(V07.witness(3)).unwrap();
    let wrong_number = good.replace("\"block_number\": \"0x3\"", "\"block_number\": 3");
    assert_ne!(wrong_number, good);
    let of_v06 = std::fs::read(V06.witness(3)).unwrap();
    let too_long = [b"[".to_vec(), vec![b' '; 2 << 20]].concat();
    for (body, code, words) in [
        (b"".to_vec(), 422, "empty"),
        (b"[]".to_vec(), 422, "wait for ever"),
        (b"hello".to_vec(), 422, "JSON"),
        (good.as_bytes()[..good.len() / 2].to_vec(), 422, "cut off"),
        (wrong_number.into_bytes(), 422, "block_number"),
        (of_v06, 422, "the leader here is of v0.7"),
        (too_long, 413, "limit"),
    ] {
        let answer = service.post("/v1/proofs", body).await.json(code);
        let told = format!("{} {}", answer["error"], answer["path"]);
        assert!(told.contains(words), "{words}: {answer}");
    }
    let listed = service.get("/v1/proofs").await.json(200);
    assert_eq!(listed["proofs"], json!([]));
    for folder in ["uploads", "witnesses"] {
        let left = std::fs::read_dir(home.path().join("data").join(folder)).unwrap().count();
        assert_eq!(left, 0, "{folder}");
    }
    for (path, code) in [("/v1/proofs/7-abc", 404), ("/v1/nothing", 404)] {
        assert!(service.get(path).await.json(code)["error"].is_string());
    }
}

/// Names of the witnesses that are kept.
fn witnesses(home: &std::path::Path) -> Vec<String> {
    let kept = std::fs::read_dir(home.join("data/witnesses")).unwrap();
    kept.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_witness_that_no_proof_has_is_not_kept() {
    let Some(vhost) = harness::vhost("not_kept") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&[]).await;
    super::chains::entered(&service, &V07, [3]).await;
    let known = witnesses(home.path());
    assert_eq!(known.len(), 1);
    let gap = std::fs::read(V07.witness(6)).unwrap();
    service.post("/v1/proofs?chain=tip", gap).await.json(409);
    assert_eq!(witnesses(home.path()), known);
    service.signal(Signal::KILL);
    service.ended().await;
    let stray = home.path().join("data/witnesses").join(format!("{}.json", "ab".repeat(32)));
    std::fs::write(&stray, "[]").unwrap();
    let service = setting.start(&[]).await;
    assert_eq!(witnesses(home.path()), known, "{}", service.log());
}
