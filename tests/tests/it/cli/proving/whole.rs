//! From witnesses in a folder to proofs that are verified: the whole way.

use serde_json::Value;

use super::site::{Site, lay_out_ours};
use crate::stand_in::V07;

const CHAIN: [&str; 10] =
    ["prove", "witnesses", "--chain", "tip", "--from", "6", "--to", "8", "--out", "proofs"];

#[tokio::test]
async fn three_blocks_are_proved_as_a_chain_and_verified() {
    let Some(mut site) = Site::build("whole", &[]).await else { return };
    lay_out_ours(&site.desk, &[5, 6, 7, 8]);
    let workers = site.workers("5");
    site.prove(0, &CHAIN).await;
    drop(workers);
    let ids = site.names(&["proofs", "--chain", "tip", "--state", "verified"]);
    assert_eq!(ids.len(), 3, "{ids:?}");
    let [last, _, first] = [&ids[0], &ids[1], &ids[2]];
    for (id, block) in [(first, 6), (last, 8)] {
        let text = std::fs::read(site.desk.file(&format!("proofs/{id}.zkproof"))).unwrap();
        let proof: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(proof[0]["b_height"], block);
    }
    site.run(0, &["proofs"]);
    site.run(0, &["proofs", "--block", "7", "-o", "wide"]);
    site.run(0, &["proof", "show", first]);
    site.run(0, &["proof", "download", first, last, "--out", "again"]);
    let read = |folder: &str| std::fs::read(site.desk.file(&format!("{folder}/{first}.zkproof")));
    assert_eq!(read("again").unwrap(), read("proofs").unwrap());
    site.run(0, &["verify", first, last]);
    let log = site.desk.try_as(&site.zero(), &["proof", "log", first, "--follow"]);
    assert_eq!(log.code, Some(0), "{log:?}");
    assert!(log.stdout.contains("Proving block 6"), "{log:?}");
    assert_eq!(log.stderr, format!("{first} verified\n"));
    site.prove(0, &CHAIN[..8]).await;
    insta::assert_snapshot!("whole", site.record());
}

#[tokio::test]
async fn a_file_is_verified_here_by_the_verifiers_words() {
    let Some(mut site) = Site::build("verify_file", &[]).await else { return };
    lay_out_ours(&site.desk, &[3]);
    let workers = site.workers("5");
    let args = ["prove", "witnesses", "--out", ".", "-o", "name"];
    let id = site.begin(&args).ended().await.stdout;
    drop(workers);
    let good = format!("{}.zkproof", id.trim());
    site.desk.known.push((V07.path("verifier").display().to_string(), "[verifier]"));
    let text = std::fs::read_to_string(site.desk.file(&good)).unwrap();
    let mut bad: Value = serde_json::from_str(&text).unwrap();
    bad[0]["b_height"] = 4.into();
    std::fs::write(site.desk.file("bad.zkproof"), bad.to_string()).unwrap();
    std::fs::write(site.desk.file("none.zkproof"), "[]").unwrap();
    std::fs::write(site.desk.file("object.zkproof"), "{}").unwrap();
    let verifier = V07.path("verifier").display().to_string();
    site.run(0, &["verify", &good, "--verifier", &verifier]);
    site.run(1, &["verify", &good, "bad.zkproof", "--verifier", &verifier]);
    site.run(1, &["verify", "none.zkproof", "--verifier", &verifier]);
    site.run(1, &["verify", "object.zkproof", "--verifier", &verifier]);
    site.run(1, &["verify", "nowhere.zkproof", "--verifier", &verifier]);
    site.run(1, &["verify", &good, "--verifier", "true"]);
    site.run(1, &["verify", &good, "--verifier", "no-such-verifier"]);
    site.run(2, &["verify", &good]);
    site.run(4, &["verify", "7-none"]);
    site.json(1, &["verify", "bad.zkproof", "--verifier", &verifier]);
    insta::assert_snapshot!("verify", site.record());
}

#[tokio::test]
async fn a_report_is_text_a_row_for_each_task_and_a_picture() {
    let Some(site) = Site::build("report", &[]).await else { return };
    lay_out_ours(&site.desk, &[6]);
    let _workers = site.workers("5");
    let id = site.begin(&["prove", "witnesses", "-o", "name"]).ended().await.stdout;
    let id = id.trim();
    site.service.settles(id).await;
    let run = |args: &[&str]| site.desk.try_as(&site.zero(), args);
    let text = run(&["report", id]);
    assert_eq!(text.code, Some(0), "{text:?}");
    let head = format!("{id}: verified, block 6, 12 transactions, 1 attempt\n\nATTEMPT ");
    assert!(text.stdout.starts_with(&head), "{text:?}");
    for part in ["proving", "verifying", "SegmentProof", "BlockProof", "attempt 1: proved"] {
        assert!(text.stdout.contains(part), "{part}: {text:?}");
    }
    let files = run(&["report", id, "--csv", "tasks.csv", "--svg", "-"]);
    assert!(files.stdout.starts_with("<svg ") && files.stdout.ends_with("</svg>\n"), "{files:?}");
    assert!(files.stderr.contains("`tasks.csv` is written"), "{files:?}");
    let rows = std::fs::read_to_string(site.desk.file("tasks.csv")).unwrap();
    let told = site.service.get(&format!("/v1/proofs/{id}/report")).await.json(200);
    let tasks = told["attempts"][0]["tasks"].as_array().unwrap();
    assert_eq!(rows.lines().count(), tasks.len() + 1, "{rows}");
    assert_eq!(run(&["report", id, "-o", "csv"]).stdout, rows);
    assert_eq!(run(&["report", id, "-o", "name"]).stdout, format!("{id}\n"));
    assert_eq!(run(&["report", id, "--csv", "-", "--svg", "-"]).code, Some(2));
    assert_eq!(run(&["report", "7-none"]).code, Some(4));
    let unwritten = run(&["report", id, "--svg", "tasks.csv/picture.svg"]);
    assert!(
        unwritten.code == Some(1) && unwritten.stderr.contains("cannot write"),
        "{unwritten:?}"
    );
}

#[tokio::test]
async fn the_data_of_every_command_is_as_its_schema_says() {
    let Some(site) = Site::build("json", &[]).await else { return };
    lay_out_ours(&site.desk, &[6, 7]);
    assert_eq!(site.json(0, &["proofs"]), Value::Array(Vec::new()));
    let planned = site.json(0, &["prove", "witnesses", "--dry-run"]);
    assert_eq!((&planned[0]["firstBlock"], &planned[1]["transactions"]), (&6.into(), &5.into()));
    let rows = site.json(0, &["prove", "witnesses", "--detach"]);
    let id = rows[0]["proof"]["id"].as_str().unwrap();
    site.service.becomes(id, &["running"]).await;
    site.json(0, &["proof", "show", id]);
    let told = site.json(0, &["report", id]);
    assert_eq!((&told["id"], &told["attempts"][0]["outcome"]), (&id.into(), &Value::Null));
    let status = site.either(&["status"]);
    let counts = status["proofs"]["counts"].as_array().unwrap();
    let running = counts.iter().find(|count| count["state"] == "running").unwrap();
    assert_eq!(running["proofs"], 2, "{status:#}");
    let versions = site.json(3, &["version"]);
    assert_eq!((&versions[0]["part"], &versions[1]["why"]), (&"client".into(), &Value::Null));
    site.json(0, &["proof", "cancel", id, "--dry-run"]);
    assert_eq!(site.json(0, &["proof", "cancel", id, "--yes"])[0]["now"], "cancelled");
    assert_eq!(site.json(0, &["proof", "cancel", id, "--yes"])[0]["outcome"], "nothing");
    assert_eq!(site.json(0, &["proof", "retry", id, "--yes"])[0]["outcome"], "done");
    let _workers = site.workers("5");
    let verified = site.service.becomes(id, &["verified"]).await;
    assert_eq!(site.json(0, &["proof", "show", id])[0]["witnessSha256"], verified["witnessSha256"]);
    assert_eq!(site.json(0, &["verify", id])[0]["verdict"], "verified");
    site.service.settles(id).await;
    let told = site.json(0, &["report", id]);
    let attempts = told["attempts"].as_array().unwrap();
    let outcomes: Vec<_> = attempts.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["called off", "proved"], "{told:#}");
    assert!(!attempts[1]["tasks"].as_array().unwrap().is_empty(), "{told:#}");
    assert_eq!(site.json(0, &["proof", "download", id])[0]["file"], format!("./{id}.zkproof"));
    assert_eq!(site.json(0, &["prove", "witnesses"])[0]["new"], false);
}
