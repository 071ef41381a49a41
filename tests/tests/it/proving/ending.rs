//! Ends that nobody wished for, and those that somebody did.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use amqp_admin::PROOF_HEADER;
use lapin::options::BasicGetOptions;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use super::service::{Service, Setting};
use crate::gateway::tags::header;
use crate::stand_in::{LIMIT, V07};
use crate::wire::{Way, Wire, internal_error};

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// Ready tasks by the proof they are of; they go back to their places.
async fn tasks(vhost: &Vhost) -> BTreeMap<String, usize> {
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let mut found = BTreeMap::new();
    loop {
        let got = amqp.channel().basic_get(V07.task_queue.into(), BasicGetOptions::default());
        let Some(got) = got.await.unwrap() else { break };
        let proof = header(&got.properties, PROOF_HEADER).unwrap_or_default();
        *found.entry(proof).or_default() += 1;
    }
    amqp.close().await.unwrap();
    found
}

/// Names of all queues that are there.
fn queues(vhost: &Vhost) -> Vec<String> {
    let told = vhost.access().management().get(&format!("/api/queues/{}", vhost.name())).unwrap();
    let named = told.as_array().unwrap().iter().filter_map(|queue| queue["name"].as_str());
    named.map(ToOwned::to_owned).collect()
}

async fn five(service: &Service) -> Vec<String> {
    let mut ids = Vec::new();
    for block in [4, 5, 6, 7, 8] {
        let proof = service.submit(&V07, block, "").await;
        ids.push(proof["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[tokio::test]
async fn of_five_proofs_one_is_called_off_and_only_what_is_its_goes() {
    let Some(vhost) = harness::vhost("called_off") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--parallel", "5"]).await;
    let ids = five(&service).await;
    for id in &ids {
        service.runs(id).await;
    }
    let looked = poll::until("all tasks to be there", LIMIT, async || {
        let told = tasks(&vhost).await;
        if told.len() == 5 { Ok(told) } else { Err(format!("{told:?}")) }
    });
    let before = looked.await.unwrap();
    let waiting = queues(&vhost).len();
    let cancelled = service.ask("DELETE", &format!("/v1/proofs/{}", ids[2]), Vec::new()).await;
    assert_eq!(cancelled.json(200)["state"], "cancelled");
    let after = tasks(&vhost).await;
    let expected: BTreeMap<_, _> =
        before.clone().into_iter().filter(|(proof, _)| *proof != ids[2]).collect();
    assert_eq!(after, expected, "{}", service.log());
    // A result queue for each segment, and one for the fold over them.
    assert_eq!(queues(&vhost).len(), waiting - before[&ids[2]] - 1);
    let backup = home.path().join(format!("data/removed/{}.1.backup", ids[2]));
    assert!(backup.is_file(), "{}", service.log());
    let _workers = setting.workers("2", &[]);
    for id in ids.iter().filter(|id| **id != ids[2]) {
        let proof = service.becomes(id, &["verified", "failed"]).await;
        assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    }
    let again = service.ask("DELETE", &format!("/v1/proofs/{}", ids[0]), Vec::new()).await;
    assert!(again.json(409)["error"].as_str().unwrap().contains("already"));
}

#[tokio::test]
async fn a_killed_leader_and_a_killed_service_are_made_good() {
    let Some(vhost) = harness::vhost("killed") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&[]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    kill(service.runs(id).await);
    let looked = poll::until("the second attempt", LIMIT, async || {
        let told = service.proof(id).await;
        if told["attempts"] == 2 { Ok(()) } else { Err(format!("{told:#}")) }
    });
    looked.await.unwrap();
    let leader = service.runs(id).await;
    service.signal(Signal::KILL);
    service.ended().await;
    let gone = poll::until("the leader to end with its service", LIMIT, async || {
        let stat = format!("/proc/{leader}/stat");
        let stat = std::fs::read_to_string(stat).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") { Ok(()) } else { Err(stat) }
    });
    gone.await.unwrap();

    let service = setting.start(&[]).await;
    service.runs(id).await;
    let third = format!("{id}.3");
    let looked = poll::until("only the third attempt's tasks", LIMIT, async || {
        let told = tasks(&vhost).await;
        if told.keys().eq([&third]) { Ok(()) } else { Err(format!("{told:?}\n{}", service.log())) }
    });
    looked.await.unwrap();
    let _workers = setting.workers("2", &[]);
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!((&proof["state"], &proof["attempts"]), (&json!("verified"), &json!(3)));
}

/// Its leader would wait for ever.
#[tokio::test]
async fn an_attempt_whose_leader_is_cut_off_by_the_broker_ends_and_another_is_made() {
    let Some(vhost) = harness::vhost("leader_cut_off") else { return };
    let home = tempfile::tempdir().unwrap();
    let way = Wire::to(&vhost.access().amqp).await;
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--amqp-uri", &way.through(&vhost.amqp_uri())]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    service.runs(id).await;
    let looked = poll::until("its tasks", LIMIT, async || {
        let told = tasks(&vhost).await;
        if told.is_empty() { Err(service.log()) } else { Ok(()) }
    });
    looked.await.unwrap();
    way.say(Way::FromServer, internal_error());
    let looked = poll::until("the second attempt", LIMIT, async || {
        let told = service.proof(id).await;
        if told["attempts"] == 2 { Ok(()) } else { Err(format!("{told:#}\n{}", service.log())) }
    });
    looked.await.unwrap();
    service.says("INTERNAL_ERROR (541)").await;
    let _workers = setting.workers("2", &[]);
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!((&proof["state"], &proof["attempts"]), (&json!("verified"), &json!(2)));
}

#[tokio::test]
async fn a_service_that_is_told_to_go_ends_its_leaders_and_goes_on_later() {
    let Some(vhost) = harness::vhost("told_to_go") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&[]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    service.runs(id).await;
    let mut second = setting.command(&[]);
    let second = second.output().unwrap();
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && words.contains("another zero-leader works on"), "{words}");
    service.signal(Signal::TERM);
    let status = service.ended().await;
    assert_eq!(status.code(), Some(0), "{}", service.log());
    assert_eq!(tasks(&vhost).await, BTreeMap::new(), "{}", service.log());
    let service = setting.start(&[]).await;
    let _workers = setting.workers("2", &[]);
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
}

#[tokio::test]
async fn an_upload_that_is_cut_off_leaves_nothing() {
    let Some(vhost) = harness::vhost("cut_off") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let witness = std::fs::read(V07.witness(6)).unwrap();
    let head = format!(
        "POST /v1/proofs HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n",
        witness.len()
    );
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&witness[..witness.len() / 2]).unwrap();
    let uploads = home.path().join("data/uploads");
    let count = || std::fs::read_dir(&uploads).unwrap().count();
    let begun =
        poll::until(
            "the upload to begin",
            LIMIT,
            async || {
                if count() == 1 { Ok(()) } else { Err(count()) }
            },
        );
    begun.await.unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    // The service may answer, or hang up as it was hung up on.
    let _ = stream.read_to_string(&mut answer);
    let gone = poll::until("the upload to be gone", LIMIT, async || {
        if count() == 0 { Ok(()) } else { Err(count()) }
    });
    gone.await.unwrap();
    assert_eq!(service.get("/v1/proofs").await.json(200)["proofs"], json!([]));
}

#[tokio::test]
async fn without_room_nothing_is_taken_and_nothing_is_begun() {
    let Some(vhost) = harness::vhost("no_room") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&[]).await;
    let ids = super::chains::entered(&service, &V07, [3]).await;
    service.signal(Signal::KILL);
    service.ended().await;
    // More than any disk has.
    let service = setting.start(&["--min-free-mib", "1000000000"]).await;
    let witness = std::fs::read(V07.witness(4)).unwrap();
    let refused = service.post("/v1/proofs", witness).await.json(507);
    assert!(refused["error"].as_str().unwrap().contains("--min-free"), "{refused}");
    let looked = poll::until("the reason", LIMIT, async || {
        let told = service.proof(&ids[0]).await;
        let reason = told["reason"].as_str().unwrap_or_default();
        if reason.contains("waits for room") { Ok(()) } else { Err(format!("{told:#}")) }
    });
    looked.await.unwrap();
}

#[tokio::test]
async fn what_the_verifier_refuses_has_failed_and_what_it_does_not_say_is_unknown() {
    let Some(vhost) = harness::vhost("verdicts") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let verifier = home.path().join("verifier");
    let says = |words: &str| {
        std::fs::write(&verifier, format!("#!/bin/sh\necho '{words}'\n")).unwrap();
        std::fs::set_permissions(&verifier, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    says("Proof verification failed with error: wrong root");
    let _workers = setting.workers("2", &[]);
    let service = setting.start(&["--verifier", verifier.to_str().unwrap()]).await;
    let id = super::chains::entered(&service, &V07, [3]).await.remove(0);
    let refused = service.becomes(&id, &["failed", "verified"]).await;
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("the verifier refuses the proof: wrong root"), "{refused:#}");
    let verify = format!("/v1/proofs/{id}/verify");
    says("");
    let unknown = service.post(&verify, Vec::new()).await.json(200);
    assert_eq!(
        (&unknown["state"], &unknown["verdict"]["word"]),
        (&json!("proved"), &json!("unknown"))
    );
    says("INFO verifier: All proofs verified successfully!");
    assert_eq!(service.post(&verify, Vec::new()).await.json(200)["state"], "verified");
}

#[tokio::test]
async fn programs_that_are_none_are_named_before_anything_is_taken() {
    let Some(vhost) = harness::vhost("no_programs") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    for (options, words) in [
        (["--leader", "/nowhere/leader"], "no leader `/nowhere/leader`"),
        (["--leader", "true"], "shows no leader"),
        (["--verifier", "false"], "the verifier `false`"),
    ] {
        let told = setting.command(&options).output().unwrap();
        let said = String::from_utf8_lossy(&told.stderr).into_owned();
        assert_eq!(told.status.code(), Some(1));
        assert!(said.contains(words), "{words}: {said}");
    }
}
