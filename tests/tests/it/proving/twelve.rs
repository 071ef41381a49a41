//! Twelve blocks of mainnet's sizes as one chain, while whatever can be killed is killed.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::harness::{self, Vhost};
use tests::poll;
use tests::zero::Zero;
use tokio::process::Child;

use super::service::{Service, Setting};
use crate::stand_in::{LIMIT, V06};

/// The first block, and the transactions of each: 2 181 in all. Blocks 20362226 to 20362237 of
/// mainnet have as many.
const FIRST: u64 = 20_362_226;
const SIZES: [u64; 12] = [166, 174, 120, 279, 177, 164, 167, 238, 216, 200, 92, 188];

fn witnesses(folder: &Path) {
    let program = harness::stand_in("stand-in-witness-gen").unwrap();
    let sizes = SIZES.map(|size| size.to_string()).join(",");
    let mut making = Command::new(program);
    making.arg(folder).args(["--form", "v0.6", "--first", &FIRST.to_string(), "--sizes", &sizes]);
    assert!(making.status().unwrap().success());
}

/// The command line at this service.
fn zero(home: &Path, vhost: &Vhost, address: &str) -> Zero {
    let zero = Zero::at(home).broker(vhost.access(), vhost.name());
    zero.env("ZERO_LEADER_URL", format!("http://{address}"))
}

fn proving(zero: &Zero) -> Child {
    let args = ["prove", "witnesses", "--chain", "tip", "--wait", "--out", "proofs"];
    let mut command = tokio::process::Command::from(zero.command(&args).unwrap());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}

/// Until so many blocks of the chain are verified.
async fn verified(service: &Service, count: usize) {
    let what = format!("{count} blocks to be verified");
    let looked = poll::until(&what, LIMIT * 2, async || {
        let told = service.get("/v1/proofs?state=verified").await.json(200);
        let there = told["proofs"].as_array().unwrap().len();
        if there >= count { Ok(()) } else { Err(format!("{there}\n{}", service.log())) }
    });
    looked.await.unwrap();
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// A leader that runs now.
async fn leader(service: &Service) -> i32 {
    let looked = poll::until("a leader", LIMIT, async || {
        service.leaders().first().copied().ok_or_else(|| service.log())
    });
    looked.await.unwrap()
}

#[tokio::test]
async fn a_chain_of_twelve_blocks_outlives_its_service_a_leader_and_two_workers() {
    let Some(vhost) = harness::vhost("twelve") else { return };
    let home = tempfile::tempdir().unwrap();
    witnesses(&home.path().join("witnesses"));
    let setting = Setting { generation: &V06, vhost: &vhost, home: home.path() };
    // The next service is to be found where this one was.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let there = ["--listen", &free.to_string()];
    let mut service = setting.start(&there).await;
    let workers = setting.workers("1", &[]);
    let zero = zero(home.path(), &vhost, service.address());
    let proving = proving(&zero);

    verified(&service, 2).await;
    service.signal(Signal::KILL);
    service.ended().await;
    let service = setting.start(&there).await;
    verified(&service, 4).await;
    kill(leader(&service).await);
    verified(&service, 6).await;
    for host in &workers {
        kill(*host.workers().last().unwrap());
    }

    let ended = proving.wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(0), "{said}\n{errors}\n{}", service.log());
    println!("{said}\n{errors}");
    all_is_there(&zero, home.path());
}

/// All blocks are listed, downloaded and verified.
fn all_is_there(zero: &Zero, home: &Path) {
    let run = |args: &[&str]| zero.run(args).unwrap();
    let listed: Value = serde_json::from_str(&run(&["proofs", "-o", "json"]).stdout).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), SIZES.len());
    assert!(listed.iter().all(|proof| proof["state"] == "verified"), "{listed:#?}");
    let txns: u64 = listed.iter().filter_map(|proof| proof["transactions"].as_u64()).sum();
    assert_eq!(txns, 2_181);
    let attempts: u64 = listed.iter().filter_map(|proof| proof["attempts"].as_u64()).sum();
    assert!(attempts >= 14, "a killed service and a killed leader are attempts: {attempts}");
    let ids: Vec<&str> = listed.iter().filter_map(|proof| proof["id"].as_str()).collect();
    for id in &ids {
        assert!(home.join(format!("proofs/{id}.zkproof")).is_file(), "{id}");
    }
    let told = run(&[&["verify"], ids.as_slice()].concat());
    assert_eq!(told.code, Some(0), "{told:?}");
    println!("{}\n{}", run(&["proofs"]).stdout, told.stdout);
}
