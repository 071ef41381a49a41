//! A full disk, a broker that is killed, an upload without end, files and witnesses that are not what
//! they should be.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::{Value, json};
use tests::harness;
use tests::rabbitmq::RabbitConfig;

use super::service::{Service, Setting};
use crate::stand_in::V07;

/// Bytes that are offered.
const ENDLESS: u64 = 2 << 30;
/// What the service may need at its highest, in KiB. It is measured at 18 MiB in a release build.
const MEMORY_KIB: u64 = 60 << 10;

/// A file system of its own, unmounted with the value.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// Of this size; `None`: we may not mount, or cannot.
    fn mounted(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "zero"]).arg(at).output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(Self(at))
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("ballast")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_in_mid_run_loses_no_proof() {
    let Some(vhost) = harness::vhost("fills_up") else { return };
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("data");
    let test = "a_disk_that_fills_up_in_mid_run_loses_no_proof";
    let Some(disk) = Small::mounted(&data, "16m") else {
        return harness::spared(test, "no file system can be mounted here; it needs root");
    };
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--proof-attempts", "9"]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    service.runs(id).await;
    disk.fill();
    let _workers = setting.workers("5", &[]);
    service.says("No space left on device").await;
    let witness = std::fs::read(V07.witness(3)).unwrap();
    let refused = service.post("/v1/proofs", witness).await.json(507);
    assert!(refused["error"].as_str().unwrap().contains("--min-free"), "{refused}");
    disk.make_room();
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    assert_eq!(service.settles(id).await["state"], "verified");
    drop(service);
}

#[tokio::test]
async fn a_broker_that_swallows_all_it_is_sent_holds_up_no_proof_and_no_end() {
    let Some(vhost) = harness::vhost("swallows") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&["--parallel", "1"]).await;
    let first = service.submit(&V07, 3, "").await;
    service.runs(first["id"].as_str().unwrap()).await;
    service.signal(Signal::KILL);
    service.ended().await;
    // Connections are taken, and nothing is ever read or said.
    let silence = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("amqp://guest:guest@{}/{}", silence.local_addr().unwrap(), vhost.name());
    let mut service = setting.start(&["--parallel", "2", "--amqp-uri", &uri]).await;
    // The first one's old attempt cannot be cleared away by now.
    service.begins_attempt(first["id"].as_str().unwrap(), 2).await;
    let second = service.submit(&V07, 4, "").await;
    service.begins_attempt(second["id"].as_str().unwrap(), 1).await;
    service.signal(Signal::TERM);
    assert_eq!(service.ended().await.code(), Some(0), "{}", service.log());
}

#[tokio::test]
async fn a_broker_that_is_killed_under_a_running_proof_costs_it_nothing() {
    let config = RabbitConfig::default();
    let Some(mut broker) = harness::private_broker("killed_under", &config) else { return };
    let home = tempfile::tempdir().unwrap();
    let vhost = harness::vhost_on(&broker);
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    service.runs(id).await;
    broker.kill().unwrap();
    assert_eq!(service.proof(id).await["state"], "running");
    broker.start().unwrap();
    let _workers = setting.workers("20", &[]);
    service.reports(id, |report| report["attempts"][0]["kinds"][0]["answered"] != 0).await;
    broker.kill().unwrap();
    broker.start().unwrap();
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    assert_eq!(proof["attempts"], 1, "{proof:#}");
    // Each task was answered once, whatever the broker delivered again.
    service.settles(id).await;
    let report = service.get(&format!("/v1/proofs/{id}/report")).await.json(200);
    let kinds = report["attempts"][0]["kinds"].as_array().unwrap();
    assert!(kinds.iter().all(|kind| kind["published"] == kind["answered"]), "{report:#}");
    drop(service);
    drop(vhost);
}

/// A witness's beginning up to its code, then code without end.
fn begun() -> Vec<u8> {
    let witness = std::fs::read_to_string(V07.witness(3)).unwrap();
    let (begun, _) = witness.split_once("\"code_db\": [").unwrap();
    format!("{begun}\"code_db\": [").into_bytes()
}

fn code() -> Vec<u8> {
    format!("\"0x{}\",", "60".repeat(20_000)).into_bytes()
}

/// The answer to a body that is sent until nobody takes any more, and how much was taken.
fn offered(
    service: &Service,
    mut more: impl FnMut(&mut TcpStream) -> std::io::Result<u64>,
) -> (String, u64) {
    let mut stream = TcpStream::connect(service.address()).unwrap();
    let head = format!(
        "POST /v1/proofs HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {ENDLESS}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut sent = 0;
    while let Ok(some @ 1..) = more(&mut stream) {
        sent += some;
    }
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..count]);
    }
    (String::from_utf8_lossy(&answer).into_owned(), sent)
}

fn highest_memory(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gigabytes_are_refused_at_the_limit_in_bounded_memory() {
    let Some(vhost) = harness::vhost("two_gigabytes") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--witness-max-mib", "24"]).await;
    let (begun, code) = (begun(), code());
    let mut first = true;
    let (answer, sent) = offered(&service, |stream| {
        let part = if std::mem::take(&mut first) { &begun } else { &code };
        stream.write_all(part).map(|()| part.len() as u64)
    });
    assert!(answer.contains(" 413 "), "{answer}\n{}", service.log());
    assert!(sent < ENDLESS / 16, "{sent} bytes were taken");
    // Packed it is a few megabytes, and all of it comes.
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&begun).unwrap();
    for _ in 0..1_000 {
        packed.write_all(&code).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 2 << 20);
    let refused = service.post("/v1/proofs", packed).await;
    assert_eq!(refused.code, 413, "{}", refused.text());
    let memory = highest_memory(&service);
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    assert_eq!(std::fs::read_dir(home.path().join("data/uploads")).unwrap().count(), 0);
    assert_eq!(service.get("/v1/proofs").await.json(200)["proofs"], json!([]));
}

#[tokio::test]
async fn a_chain_does_not_go_on_from_a_file_that_is_not_the_proof_that_was_kept() {
    let Some(vhost) = harness::vhost("not_the_proof") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let _workers = setting.workers("5", &[]);
    let ids = super::chains::entered(&service, &V07, [3]).await;
    service.becomes(&ids[0], &["verified"]).await;
    let kept = home.path().join(format!("data/proofs/{}.zkproof", ids[0]));
    let mut other: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    other[0]["b_height"] = 4.into();
    std::fs::write(&kept, other.to_string()).unwrap();
    let next = super::chains::entered(&service, &V07, [4]).await.remove(0);
    let failed = service.becomes(&next, &["failed", "verified"]).await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("it is not as it was made: its SHA-256 is"), "{reason}");
    // What cannot be read is as little a beginning.
    std::fs::remove_file(&kept).unwrap();
    service.post(&format!("/v1/proofs/{next}/retry"), Vec::new()).await.json(200);
    let failed = service.becomes(&next, &["failed", "verified"]).await;
    assert!(
        failed["reason"].as_str().unwrap().contains("cannot read the proof before it"),
        "{failed:#}"
    );
}

#[tokio::test]
async fn a_witness_of_another_network_does_not_continue_a_chain() {
    let Some(vhost) = harness::vhost("another_network") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    super::chains::entered(&service, &V07, [3]).await;
    let witness = std::fs::read(V07.witness(4)).unwrap();
    let mut witness: Value = serde_json::from_slice(&witness).unwrap();
    let meta = &mut witness[0]["other_data"]["b_data"]["b_meta"];
    assert!(meta["block_chain_id"].is_string(), "{meta:#}");
    meta["block_chain_id"] = "0x5".into();
    let other = serde_json::to_vec(&witness).unwrap();
    let refused = service.post("/v1/proofs?chain=tip", other.clone()).await.json(409);
    let words = refused["error"].as_str().unwrap();
    assert!(words.contains("is of chain id ") && words.contains("this witness of 5"), "{words}");
    // By itself it is as good as any.
    service.post("/v1/proofs", other).await.json(201);
}
