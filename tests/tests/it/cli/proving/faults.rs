//! What stops before anything is sent, and a service that is not there.

use std::io::Write as _;
use std::process::Stdio;

use tests::zero::Answer;

use super::site::{Site, lay_out_other, lay_out_ours};
use crate::cli::desk::Desk;
use crate::stand_in::V07;

#[tokio::test]
async fn a_fault_in_one_witness_stops_before_anything_is_sent() {
    let Some(mut site) = Site::build("faults", &[]).await else { return };
    lay_out_ours(&site.desk, &[6, 7, 8, 10]);
    lay_out_other(&site.desk, 6);
    let good = std::fs::read_to_string(V07.witness(9)).unwrap();
    let wrong = good.replace("\"block_number\": \"0x9\"", "\"block_number\": 9");
    assert_ne!(wrong, good);
    let bad = site.desk.file("bad");
    std::fs::create_dir(&bad).unwrap();
    std::fs::create_dir(site.desk.file("empty")).unwrap();
    std::fs::write(bad.join("9.witness.json"), wrong).unwrap();
    std::fs::write(bad.join("empty.json"), "[]").unwrap();
    std::fs::write(bad.join("notes.txt"), "no witness").unwrap();
    site.run(1, &["prove", "witnesses", "bad"]);
    site.run(2, &["prove", "witnesses", "--chain", "tip"]);
    site.run(2, &["prove", "witnesses", "witnesses/7.witness.json", "--chain", "tip"]);
    site.run(4, &["prove", "witnesses", "--from", "11"]);
    site.run(1, &["prove", "nowhere.json"]);
    site.run(4, &["prove", "empty"]);
    site.run(1, &["prove", "other"]);
    site.run(2, &["prove", "witnesses", "--detach", "--out", "proofs"]);
    site.run(2, &["prove"]);
    assert_eq!(site.names(&["proofs"]), [""; 0], "nothing was sent");
    insta::assert_snapshot!("faults", site.record());
}

#[tokio::test]
async fn a_block_that_does_not_follow_in_its_chain_is_refused_by_the_service() {
    let Some(mut site) = Site::build("conflict", &[]).await else { return };
    lay_out_ours(&site.desk, &[6, 7, 8]);
    let six = ["prove", "witnesses/6.witness.json", "--chain", "tip", "--detach"];
    let id = &site.names(&six)[0];
    site.run(1, &["prove", "witnesses/8.witness.json", "--chain", "tip", "--detach"]);
    site.service.becomes(id, &["running"]).await;
    site.run(1, &["proof", "download", id]);
    insta::assert_snapshot!("conflict", site.record());
}

#[tokio::test]
async fn a_service_that_is_not_there_or_not_named_is_told_with_the_next_step() {
    let Some(mut desk) = Desk::set("proving_nowhere").await else { return };
    lay_out_ours(&desk, &[6]);
    let nowhere = desk.zero().env("ZERO_LEADER_URL", "http://127.0.0.1:1");
    for args in [["prove", "witnesses"].as_slice(), &["proofs"], &["proof", "show", "7-a"]] {
        desk.run_as(&nowhere, 1, args);
    }
    let management = desk.vhost.access().management_url.clone();
    let broker = desk.zero().env("ZERO_LEADER_URL", management);
    desk.run_as(&broker, 1, &["proofs"]);
    desk.run(2, &["proofs"]);
    insta::assert_snapshot!("nowhere", desk.record());
}

#[tokio::test]
async fn a_witness_from_the_standard_input_is_proved_too() {
    let Some(site) = Site::build("stdin", &[]).await else { return };
    let mut command = site.zero().command(&["prove", "-", "--detach", "-o", "name"]).unwrap();
    let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap();
    let packed = std::fs::read(V07.witness(3)).unwrap();
    child.stdin.take().unwrap().write_all(&packed).unwrap();
    let answer = Answer::try_from(child.wait_with_output().unwrap()).unwrap();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let id = answer.stdout.trim();
    assert_eq!(site.service.proof(id).await["firstBlock"], 3);
}
