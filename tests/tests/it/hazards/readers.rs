//! H10: a worker that cannot read what the leader writes.

use tests::harness;

use super::{BLOCK, FAST, host, proves, tasks_are};
use crate::host::Host;
use crate::stand_in::{LIMIT, V07};

const CBOR: [&str; 4] = ["--serializer", "cbor", FAST[0], FAST[1]];

#[tokio::test]
async fn h10_a_worker_of_another_serializer_keeps_a_task_for_ever_unless_a_gateway_is_there() {
    let Some(vhost) = harness::vhost("h10") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    let mut worker = V07.worker(0, &CBOR, &vhost, home.path());
    let log = home.path().join("worker-0.log");
    let looked = tests::poll::until("its only word", LIMIT, async || {
        let told = std::fs::read_to_string(&log).unwrap();
        if told.contains("Error deserializing message") { Ok(()) } else { Err(told) }
    });
    looked.await.unwrap();
    tasks_are(&vhost, 1, 1).await;
    assert_eq!((worker.end(), leader.end()), (None, None), "both run, and nothing is done");
    drop(worker);
    tasks_are(&vhost, 2, 0).await;

    let program = V07.path("worker");
    let command = [&[program.to_str().unwrap(), "--runtime=amqp"], CBOR.as_slice()].concat();
    let listen = ["--listen", "127.0.0.1:0"];
    let wrong = Host::start("wrong", &vhost.amqp_uri(), &listen, &command, home.path());
    wrong.says("writes postcard, and this worker reads cbor: start both with the same").await;
    wrong.measures("zero_worker_deliveries_total 0.0").await;
    let looked = tests::poll::until("a second look at it", LIMIT, async || {
        let told = wrong.log();
        if told.matches("is not shown to the worker").count() > 1 { Ok(()) } else { Err(told) }
    });
    looked.await.unwrap();
    // The task is there for who can read it, with all its attempts.
    let _right = host("right", &vhost.amqp_uri(), &FAST, home.path());
    proves(&mut leader, home.path()).await;
    wrong.measures("zero_worker_deliveries_total 0.0").await;
}
