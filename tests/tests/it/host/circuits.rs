//! Circuits are made once, by one, and never used for anything else than they were made for.
//!
//! The worker here is a script with the real one's habits: it writes its files, connects, and stays.

use std::path::Path;

use rustix::process::Signal;
use tests::poll;

use super::{Host, NOWHERE, command_in};
use crate::stand_in::LIMIT;

const CACHE: &str = "zk_evm_circuit_cache";
const WORKER: &str = "\
    echo filled >> ../fillings; \
    echo base > \"$ZK_EVM_CACHE_DIR/prover_state_base_0a0b0c0d_1\"; \
    address=${PALADIN_AMQP_URI#amqp://}; \
    exec 3<> \"/dev/tcp/${address%:*}/${address##*:}\"; \
    mkfifo \"wait.$$\"; read -r nothing <> \"wait.$$\"";

fn init(name: &str, script: &str, args: &[&str], home: &Path) -> Host {
    std::fs::create_dir_all(home.join(name)).unwrap();
    let cache = format!("../{CACHE}");
    let options = ["init-circuits", "--circuits-dir", &cache, "--", "bash", "-c", script, "worker"];
    let folder = home.join(name);
    Host::spawned("host", command_in(&folder, &[&options, args].concat()), &folder)
}

fn fillings(home: &Path) -> usize {
    std::fs::read_to_string(home.join("fillings")).unwrap_or_default().lines().count()
}

/// A worker that waits for the circuits, then says so.
fn waiting(args: &[&str], home: &Path) -> Host {
    let options = ["--circuits-dir", CACHE, "--wait-for-circuits"];
    let script = "echo started; mkfifo wait; read -r nothing <> wait";
    let command = [&["sh", "-c", script, "worker"], args].concat();
    Host::start("waiting", NOWHERE, &options, &command, home)
}

#[tokio::test]
async fn many_that_begin_together_make_them_once() {
    let home = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..4).map(|number| format!("init-{number}")).collect();
    let mut all: Vec<Host> =
        names.iter().map(|name| init(name, WORKER, &["--cpu=12..20"], home.path())).collect();
    for host in &mut all {
        assert_eq!(host.ended().await, Some(0), "{}", host.log());
    }
    assert_eq!(fillings(home.path()), 1);
    let marker = std::fs::read_to_string(home.path().join(CACHE).join(".complete")).unwrap();
    let marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
    assert_eq!(marker["configuration"]["cpu"], "12..20");
    assert!(marker["digest"].as_str().unwrap().starts_with("sha256:"));
}

#[tokio::test]
async fn a_worker_waits_for_them_and_starts_when_they_are_complete() {
    let home = tempfile::tempdir().unwrap();
    let mut host = waiting(&["--cpu=12..20"], home.path());
    host.says("waiting for the circuits").await;
    assert!(host.workers().is_empty());
    assert_eq!(init("init", WORKER, &["--cpu", "12..20"], home.path()).ended().await, Some(0));
    host.says("started").await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn circuits_of_a_test_configuration_are_refused_by_a_worker_without_it() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(init("init", WORKER, &["--use-test-config"], home.path()).ended().await, Some(0));
    let mut host = waiting(&[], home.path());
    assert_eq!(host.ended().await, Some(1));
    let words = "use-test-config is true there and default here";
    assert!(host.log().contains(words), "{}", host.log());
    let mut again = init("again", WORKER, &[], home.path());
    assert_eq!(again.ended().await, Some(1));
    assert!(again.log().contains(words), "{}", again.log());
    assert_eq!(fillings(home.path()), 1);
}

#[tokio::test]
async fn a_filling_that_was_killed_is_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    let half = "echo half > \"$ZK_EVM_CACHE_DIR/prover_state_half\"; echo half way; \
                mkfifo wait; read -r nothing <> wait";
    let mut first = init("first", half, &[], home.path());
    first.says("half way").await;
    first.signal(Signal::KILL);
    assert_eq!(first.ended().await, None);
    let mut second = init("second", WORKER, &[], home.path());
    assert_eq!(second.ended().await, Some(0), "{}", second.log());
    assert!(second.log().contains("removing `prover_state_half`"), "{}", second.log());
    assert!(!home.path().join(CACHE).join("prover_state_half").exists());
}

#[tokio::test]
async fn a_worker_that_fails_or_keeps_none_is_no_success() {
    for (script, words) in [
        ("exit 101", "panicked (exit code 101) before its circuits were complete"),
        (
            "address=${PALADIN_AMQP_URI#amqp://}; exec 3<> \"/dev/tcp/${address%:*}/${address##*:}\"; \
             mkfifo wait; read -r nothing <> wait",
            "is it started with --persistence=none?",
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut host = init("init", script, &[], home.path());
        assert_eq!(host.ended().await, Some(1));
        assert!(host.log().contains(words), "{}", host.log());
        assert!(!home.path().join(CACHE).join(".complete").exists());
    }
}

#[tokio::test]
async fn one_that_waits_ends_when_asked() {
    let home = tempfile::tempdir().unwrap();
    let mut host = waiting(&[], home.path());
    host.says("waiting for the circuits").await;
    host.signal(Signal::TERM);
    let looked = poll::until("its end", LIMIT, async || host.exited().ok_or("it runs"));
    assert_eq!(looked.await.unwrap().code(), Some(0));
}
