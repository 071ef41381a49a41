//! With real paladin and a real broker: no task is lost, and no finished work.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tests::harness::{self, Vhost};

use super::{Host, gone, is_alive};
use crate::stand_in::{Generation, V06, V07, VERIFIED};
use crate::wire::{Way, Wire, internal_error};

/// The block of every test here: 12 transactions.
const BLOCK: u64 = 6;
const LISTEN: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn worker(
    name: &str,
    generation: &Generation,
    (options, args): (&[&str], &[&str]),
    vhost: &Vhost,
    home: &Path,
) -> Host {
    let path = generation.path("worker");
    let options = [&LISTEN, options].concat();
    let command = [&[path.to_str().unwrap(), "--runtime=amqp"], args].concat();
    Host::start(name, &vhost.amqp_uri(), &options, &command, home)
}

const SLOW: [&str; 2] = ["--stand-in-ms-per-txn", "500"];
const FAST: [&str; 2] = ["--stand-in-ms-per-txn", "10"];

async fn drains(generation: &Generation) {
    let test = format!("{}_host_drained", generation.name());
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = generation.leader(BLOCK, &[], &vhost, home.path());
    let mut first = worker("first", generation, (&[], &SLOW), &vhost, home.path());
    first.measures("zero_worker_busy 1.0").await;
    assert_eq!(first.get("/readyz").unwrap().0, 200);
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await, Some(0));
    let log = first.log();
    assert!(log.contains("draining: no further task, 1 in hand"), "{log}");
    assert_eq!(log.matches("outcome=\"done\"").count(), 1, "{log}");
    let second = worker("second", generation, (&[], &FAST), &vhost, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(second);
    let words = generation.verified(BLOCK, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn a_v0_7_worker_told_to_end_finishes_its_task_first() {
    drains(&V07).await;
}

#[tokio::test]
async fn a_v0_6_worker_told_to_end_finishes_its_task_first() {
    drains(&V06).await;
}

/// A busy worker that is ended at once, and another that does what is left.
async fn ends_at_once(test: &str, options: &[&str], signals: usize) {
    let Some(vhost) = harness::vhost(test) else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let slow = ["--stand-in-ms-per-txn", "3600000"];
    let mut first = worker("first", &V07, (options, &slow), &vhost, home.path());
    first.measures("zero_worker_busy 1.0").await;
    first.signal(Signal::TERM);
    for _ in 1..signals {
        first.says("draining").await;
        first.signal(Signal::TERM);
    }
    assert_eq!(first.ended().await, Some(3));
    assert!(first.log().contains("its task goes back to the queue"), "{}", first.log());
    let second = worker("second", &V07, (&[], &FAST), &vhost, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    drop(second);
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_the_task_goes_back() {
    ends_at_once("host_second_signal", &[], 2).await;
}

#[tokio::test]
async fn no_drain_is_longer_than_it_may_be() {
    ends_at_once("host_drain_timeout", &["--drain-timeout", "200ms"], 1).await;
}

#[tokio::test]
async fn a_worker_killed_in_its_task_is_started_again_and_the_task_is_tried_once_more() {
    let Some(vhost) = harness::vhost("host_killed") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let options = ["--restart-pause", "10ms"];
    let host =
        worker("host", &V07, (&options, &["--stand-in-ms-per-txn", "100"]), &vhost, home.path());
    host.measures("zero_worker_busy 1.0").await;
    let pid = host.runs(1).await;
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    assert!(leader.ended().await.success(), "{}", leader.errors());
    host.measures("zero_worker_child_ends_total{cause=\"killed\"} 1.0").await;
    host.measures("zero_worker_retries_total 1.0").await;
    // Six segments, five joins and the block, and one of them twice.
    host.measures("zero_worker_deliveries_total 13.0").await;
    host.measures("zero_worker_tasks_total{operation=\"BlockProof\",outcome=\"done\"} 1.0").await;
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

/// Nobody is left to say why: the broker hears that the connection is gone, and nothing else.
#[tokio::test]
async fn a_host_killed_in_a_task_takes_its_worker_along_and_the_task_goes_to_another() {
    let Some(vhost) = harness::vhost("host_itself_killed") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let slow = ["--stand-in-ms-per-txn", "3600000"];
    let mut first = worker("first", &V07, (&[], &slow), &vhost, home.path());
    first.measures("zero_worker_busy 1.0").await;
    let pid = first.runs(1).await;
    first.signal(Signal::KILL);
    assert_eq!(first.ended().await, None);
    gone(pid).await;
    let second = worker("second", &V07, (&[], &FAST), &vhost, home.path());
    assert!(leader.ended().await.success(), "{}", leader.errors());
    // Six segments, five joins and the block.
    second.measures("zero_worker_deliveries_total 12.0").await;
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

#[tokio::test]
async fn a_task_that_kills_every_worker_is_put_aside() {
    let Some(vhost) = harness::vhost("host_poison") else { return };
    let home = tempfile::tempdir().unwrap();
    let _leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let options = ["--attempts", "2", "--restart-pause", "10ms"];
    let args = [FAST.as_slice(), &["--stand-in-crash-txn", "6:0"]].concat();
    let host = worker("host", &V07, (&options, &args), &vhost, home.path());
    host.measures("zero_worker_dead_letters_total 1.0").await;
    host.measures("zero_worker_retries_total 1.0").await;
    host.measures("zero_worker_child_ends_total{cause=\"signal\"} 2.0").await;
    host.runs(3).await;
}

#[tokio::test]
async fn a_worker_that_lost_its_connection_and_does_not_end_is_replaced() {
    let Some(vhost) = harness::vhost("host_deaf") else { return };
    let home = tempfile::tempdir().unwrap();
    let options = ["--reconnect-for", "0s", "--kill-after", "100ms"];
    let host = worker("host", &V07, (&options, &FAST), &vhost, home.path());
    host.measures("zero_worker_consuming 1.0").await;
    let first = host.runs(1).await;
    // It neither hears that its connection is gone nor ends.
    kill_process(Pid::from_raw(first).unwrap(), Signal::STOP).unwrap();
    let management = vhost.access().management();
    management.delete_vhost(vhost.name()).unwrap();
    host.measures("zero_worker_child_ends_total{cause=\"disconnected\"} 1.0").await;
    management.add_vhost(vhost.name(), &vhost.access().user).unwrap();
    host.measures("zero_worker_consuming 1.0").await;
    assert!(!is_alive(first));
}

/// The broker has closed its connection for a fault, which is not made anew: nothing is waited for.
#[tokio::test]
async fn an_idle_worker_that_is_cut_off_is_replaced_soon() {
    let Some(vhost) = harness::vhost("host_cut_off") else { return };
    let home = tempfile::tempdir().unwrap();
    let way = Wire::to(&vhost.access().amqp).await;
    let path = V07.path("worker");
    let options = [&LISTEN[..], &["--queue-policy", "durable", "--restart-pause", "10ms"]].concat();
    let command = [path.to_str().unwrap(), "--runtime=amqp"];
    let uri = way.through(&vhost.amqp_uri());
    let host = Host::start("host", &uri, &options, &command, home.path());
    host.measures("zero_worker_consuming 1.0").await;
    let first = host.runs(1).await;
    way.say(Way::FromServer, internal_error());
    host.measures("zero_worker_child_ends_total{cause=\"disconnected\"} 1.0").await;
    host.measures("zero_worker_consuming 1.0").await;
    assert!(!is_alive(first));
    let log = host.log();
    assert!(log.contains("has closed the child's connection: INTERNAL_ERROR (541)"), "{log}");
}
