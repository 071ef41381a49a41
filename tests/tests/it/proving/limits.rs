//! Runs that are given up, runs that only simulate, and what is kept of those that have ended.

use serde_json::json;
use tests::harness;
use tests::poll;

use super::service::Setting;
use crate::stand_in::{LIMIT, V06, V07};

#[tokio::test]
async fn a_proof_that_nobody_works_on_is_given_up_with_the_question_that_helps() {
    let Some(vhost) = harness::vhost("given_up") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--stall-after", "2s", "--proof-attempts", "2"]).await;
    let stalled = service.submit(&V07, 3, "").await;
    let late = service.submit(&V07, 4, "?deadline=1s").await;
    for (proof, attempts, words) in
        [(&stalled, 2, "are there workers?"), (&late, 1, "its deadline is over")]
    {
        let id = proof["id"].as_str().unwrap();
        let told = service.becomes(id, &["failed", "verified"]).await;
        assert!(told["reason"].as_str().unwrap().contains(words), "{told:#}");
        assert_eq!(told["attempts"], attempts, "{told:#}");
    }
    // Put back by hand it may fail as often as before.
    let id = stalled["id"].as_str().unwrap();
    service.post(&format!("/v1/proofs/{id}/retry"), Vec::new()).await.json(200);
    service.begins_attempt(id, 4).await;
}

#[tokio::test]
async fn a_simulation_is_a_proof_without_a_file() {
    let Some(vhost) = harness::vhost("simulated") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let _workers = setting.workers("5", &[]);
    let proof = service.submit(&V07, 6, "?kind=test-only").await;
    let id = proof["id"].as_str().unwrap();
    let told = service.becomes(id, &["failed", "proved"]).await;
    assert_eq!(told["state"], "proved", "{told:#}");
    assert_eq!((&told["kind"], &told["proof"]), (&json!("test-only"), &json!(null)));
    let refused = service.get(&format!("/v1/proofs/{id}/proof")).await.json(409);
    assert!(refused["error"].as_str().unwrap().contains("no proof file"), "{refused}");
    let real = service.submit(&V07, 6, "").await;
    assert_ne!(real["id"], id);
}

#[tokio::test]
async fn a_v0_6_leader_that_cannot_simulate_is_not_asked_to() {
    let Some(vhost) = harness::vhost("cannot_simulate") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V06, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let witness = std::fs::read(V06.witness(3)).unwrap();
    let refused = service.post("/v1/proofs?kind=test-only", witness).await.json(409);
    assert!(refused["error"].as_str().unwrap().contains("--test-only-leader"), "{refused}");
}

#[tokio::test]
async fn only_as_many_proofs_are_kept_as_asked_for() {
    let Some(vhost) = harness::vhost("kept") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--keep", "1"]).await;
    let _workers = setting.workers("2", &[]);
    let mut ids = Vec::new();
    for block in [3, 4, 5] {
        let proof = service.submit(&V07, block, "").await;
        ids.push(proof["id"].as_str().unwrap().to_owned());
    }
    let looked = poll::until("only the last to be left", LIMIT, async || {
        let told = service.get("/v1/proofs").await.json(200);
        let ids_left = |told: &serde_json::Value| {
            let proofs = told["proofs"].as_array().unwrap();
            proofs.iter().map(|proof| proof["id"].clone()).collect::<Vec<_>>()
        };
        let ended = told["proofs"][0]["endedAt"].is_string();
        if ended && ids_left(&told).len() == 1 { Ok(ids_left(&told)) } else { Err(told) }
    });
    let left = looked.await.unwrap();
    assert!(ids.iter().any(|id| left == [json!(id)]), "{left:?}");
    let files = |folder: &str| {
        let read = std::fs::read_dir(home.path().join("data").join(folder)).unwrap();
        read.count()
    };
    // The file and what stands beside it.
    assert_eq!((files("proofs"), files("witnesses"), files("logs")), (2, 1, 1));
}

#[tokio::test]
async fn with_a_token_file_only_who_sends_the_token_may_ask() {
    let Some(vhost) = harness::vhost("token") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let token = home.path().join("token");
    std::fs::write(&token, "one-word\n").unwrap();
    let path = token.to_str().unwrap();
    let service = setting.start(&["--token-file", path]).await;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(service.get(path).await.code, 200, "{path}");
    }
    for path in ["/v1/proofs", "/v1/openapi.json", "/elsewhere"] {
        let refused = service.get(path).await.json(401);
        assert!(refused["error"].as_str().unwrap().contains("wants a token"), "{refused}");
    }
    let url = format!("http://{}", service.address());
    let zero = tests::zero::Zero::at(home.path()).env("ZERO_LEADER_URL", &url);
    let stranger = zero.run(&["proofs"]).unwrap();
    assert_eq!(stranger.code, Some(1), "{stranger:?}");
    assert!(stranger.stderr.contains("--leader-token-file"), "{stranger:?}");
    let known = zero.run(&["proofs", "--leader-token-file", path, "-o", "json"]).unwrap();
    assert_eq!((known.code, known.stdout.trim()), (Some(0), "[]"), "{known:?}");
    std::fs::write(&token, "two words").unwrap();
    let told = setting.command(&["--token-file", path]).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.code() == Some(1) && said.contains("has to hold one word"), "{said}");
    assert!(!service.log().contains("one-word"));
}

#[tokio::test]
async fn metrics_tell_the_proofs_by_state() {
    let Some(vhost) = harness::vhost("counted") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    service.submit(&V07, 3, "").await;
    let told = service.get("/metrics").await.text();
    assert!(told.contains("zero_leader_proofs{state=\"verified\"} 0"), "{told}");
    assert!(told.contains("zero_leader_disk_free_bytes "), "{told}");
    for path in ["/livez", "/readyz", "/v1/openapi.json"] {
        assert_eq!(service.get(path).await.code, 200, "{path}");
    }
    let version = service.get("/v1/version").await.json(200);
    assert_eq!(version["generation"], "v0.7");
    assert!(version["prover"].as_str().unwrap().contains("stand-in"), "{version}");
}
