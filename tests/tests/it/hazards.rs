//! Hazards of the prover, by their number in `kubectl zero doctor`: first the harm without a gateway,
//! then its absence with one. Others of them have their tests where the cure is tested: H2 and H5 in
//! `gateway/repair.rs`, H18 in `host/circuits.rs`.

mod aborts;
mod leases;
mod readers;
mod readiness;

use std::path::Path;

use rustix::process::Signal;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use crate::host::{Host, first};
use crate::stand_in::{LIMIT, Program, Reached, V07, VERIFIED};
use crate::wire::Wire;

/// A block of four transactions: two segments.
const BLOCK: u64 = 5;
const COMMANDS: &str = "command-ipc-routing-key";
const ABORT_ALL: &[u8] = b"\x00\x0dabort-all-key";
const FAST: [&str; 2] = ["--stand-in-ms-per-txn", "10"];
const SLOW: [&str; 2] = ["--stand-in-ms-per-txn", "600"];

fn host(name: &str, uri: &str, args: &[&str], home: &Path) -> Host {
    let program = V07.path("worker");
    let command = [&[program.to_str().unwrap(), "--runtime=amqp"], args].concat();
    Host::start(name, uri, &[], &command, home)
}

/// Ready messages and messages in workers' hands, together.
fn tasks(vhost: &Vhost) -> Result<(u64, u64), String> {
    let path = format!(
        "/api/queues/{}?disable_stats=true&enable_queue_totals=true",
        tests::access::segment(vhost.name())
    );
    let queues = vhost.access().management().get(&path).map_err(|error| error.to_string())?;
    let all = queues.as_array().unwrap();
    let queue = all.iter().find(|queue| queue["name"] == V07.task_queue).ok_or("no queue yet")?;
    let count = |name: &str| queue[name].as_u64().ok_or_else(|| queue.to_string());
    Ok((count("messages_ready")?, count("messages_unacknowledged")?))
}

async fn tasks_are(vhost: &Vhost, ready: u64, unacked: u64) {
    let what = format!("{ready} ready and {unacked} unacked");
    let looked = poll::until(&what, LIMIT, async || {
        let told = tasks(vhost)?;
        if told == (ready, unacked) { Ok(()) } else { Err(format!("{told:?}")) }
    });
    looked.await.unwrap();
}

async fn proves(leader: &mut Program, home: &Path) {
    assert!(leader.ended().await.success(), "{}", leader.errors());
    let words = V07.verified(BLOCK, home);
    assert!(words.contains(VERIFIED), "{words}");
}

async fn leaves_an_abort(vhost: &Vhost) {
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    amqp.paladin_queue(COMMANDS).await.unwrap();
    let sent = amqp.channel().basic_publish(
        "".into(),
        COMMANDS.into(),
        lapin::options::BasicPublishOptions::default(),
        ABORT_ALL,
        lapin::BasicProperties::default(),
    );
    sent.await.unwrap().await.unwrap();
    amqp.close().await.unwrap();
}

#[tokio::test]
async fn h4_a_stale_abort_takes_the_next_workers_first_task_unless_a_gateway_is_there() {
    let Some(vhost) = harness::vhost("h4_without") else { return };
    let home = tempfile::tempdir().unwrap();
    leaves_an_abort(&vhost).await;
    let mut leader = V07.leader(BLOCK, &["--test-only"], &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    let mut worker = V07.worker(0, &FAST, &vhost, home.path());
    assert!(worker.ended().await.success(), "it takes the abort for its own and ends");
    let second = V07.worker(1, &FAST, &vhost, home.path());
    tasks_are(&vhost, 0, 0).await;
    assert_eq!(leader.end(), None, "nothing is left to do, and it waits for the lost task");
    drop((leader, second));

    let Some(vhost) = harness::vhost("h4_with") else { return };
    leaves_an_abort(&vhost).await;
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    let _host = host("host", &vhost.amqp_uri(), &FAST, home.path());
    proves(&mut leader, home.path()).await;
}

#[tokio::test]
async fn h11_a_worker_that_is_told_to_go_throws_its_task_away_unless_a_gateway_is_there() {
    let Some(vhost) = harness::vhost("h11") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let mut worker = V07.worker(0, &SLOW, &vhost, home.path());
    tasks_are(&vhost, 1, 1).await;
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().await.code(), None, "the signal ended it");
    tasks_are(&vhost, 2, 0).await;

    let mut first = host("first", &vhost.amqp_uri(), &SLOW, home.path());
    tasks_are(&vhost, 1, 1).await;
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await, Some(0));
    tasks_are(&vhost, 1, 0).await;
    let _second = host("second", &vhost.amqp_uri(), &FAST, home.path());
    proves(&mut leader, home.path()).await;
}

#[tokio::test]
async fn h14_as_the_first_process_a_worker_does_not_hear_sigterm_unless_zero_worker_is_it() {
    let Some(vhost) = harness::vhost("h14") else { return };
    let home = tempfile::tempdir().unwrap();
    let Some(mut alone) = first::unshared() else { return };
    alone.arg(V07.path("worker")).args(["--runtime=amqp"]).args(FAST).current_dir(home.path());
    let worker = Host::spawned(
        "alone",
        {
            alone.env(V07.uri_variable, vhost.uri());
            alone
        },
        home.path(),
    );
    first::tell(&worker, Signal::TERM).await;
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    // It goes on taking tasks as if nobody had said anything.
    proves(&mut leader, home.path()).await;
    drop(worker);

    let Some(mut hosted) = first::unshared() else { return };
    hosted.arg(crate::host::binary()).arg("--").arg(V07.path("worker"));
    hosted.args(["--runtime=amqp"]).args(FAST).current_dir(home.path());
    hosted.env("ZERO_WORKER_AMQP_URI", vhost.uri());
    let mut host = Host::spawned("host", hosted, home.path());
    host.runs(1).await;
    first::tell(&host, Signal::TERM).await;
    assert_eq!(host.ended().await, Some(0));
}

#[tokio::test]
async fn h15_a_worker_that_lost_the_broker_lives_on_for_nobody_unless_a_gateway_is_there() {
    let Some(vhost) = harness::vhost("h15") else { return };
    let home = tempfile::tempdir().unwrap();
    let wire = Wire::to(&vhost.access().amqp).await;
    let uri = wire.through(&vhost.amqp_uri());
    let mut worker = V07.worker(0, &FAST, &By(&uri), home.path());
    consumed(&vhost, 1).await;
    wire.cut();
    consumed(&vhost, 0).await;
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    assert_eq!(worker.end(), None, "its process runs, and takes nothing");

    let _host = host("host", &uri, &SLOW, home.path());
    consumed(&vhost, 1).await;
    wire.cut();
    proves(&mut leader, home.path()).await;
}

/// A broker by another way.
struct By<'a>(&'a str);

impl Reached for By<'_> {
    fn uri(&self) -> String {
        self.0.to_owned()
    }
}

/// Until the task queue has so many consumers.
async fn consumed(vhost: &Vhost, consumers: usize) {
    consumers_are(vhost, consumers, |queue| queue == V07.task_queue).await;
}

/// Until the queues of these names have so many consumers.
async fn consumers_are(vhost: &Vhost, consumers: usize, named: impl Fn(&str) -> bool) {
    let path = format!("/api/consumers/{}", tests::access::segment(vhost.name()));
    let looked = poll::until("consumers to come or go", LIMIT, async || {
        let told = vhost.access().management().get(&path).map_err(|error| error.to_string())?;
        let all = told.as_array().unwrap().iter();
        let ours = all.filter(|consumer| consumer["queue"]["name"].as_str().is_some_and(&named));
        let ours = ours.count();
        if ours == consumers { Ok(()) } else { Err(told.to_string()) }
    });
    looked.await.unwrap();
}
