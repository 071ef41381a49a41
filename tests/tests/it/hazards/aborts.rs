//! H3: an abort is sent to all workers, and reaches one.

use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use super::{ABORT_ALL, BLOCK, COMMANDS, consumers_are, host, tasks_are};
use crate::stand_in::{LIMIT, V07};

/// Both segments of the block are never done.
const STUCK: [&str; 4] = ["--stand-in-hang-txn", "5", "--stand-in-ms-per-txn", "10"];

/// To everybody who listens, as a worker whose task has failed does.
async fn abort(vhost: &Vhost) {
    let direct = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent =
        direct.channel().basic_publish(COMMANDS.into(), "".into(), options, ABORT_ALL, properties);
    sent.await.unwrap().await.unwrap();
    direct.close().await.unwrap();
}

#[tokio::test]
async fn h3_an_abort_reaches_one_of_two_busy_workers_unless_gateways_are_there() {
    let Some(vhost) = harness::vhost("h3_without") else { return };
    let home = tempfile::tempdir().unwrap();
    let leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let workers = [0, 1].map(|number| V07.worker(number, &STUCK, &vhost, home.path()));
    tasks_are(&vhost, 0, 2).await;
    consumers_are(&vhost, 2, |queue| queue == COMMANDS).await;
    abort(&vhost).await;
    tasks_are(&vhost, 0, 1).await;
    let heard = || {
        let logs = [0, 1].map(|number| {
            std::fs::read_to_string(home.path().join(format!("worker-{number}.log"))).unwrap()
        });
        logs.iter().filter(|log| log.contains("worker abort signal received")).count()
    };
    let looked = poll::until("a worker that heard it", LIMIT, async || match heard() {
        0 => Err("none"),
        some => Ok(some),
    });
    assert_eq!(looked.await.unwrap(), 1, "the other has heard nothing");
    tasks_are(&vhost, 0, 1).await;
    drop((leader, workers));

    let Some(vhost) = harness::vhost("h3_with") else { return };
    let _leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let uri = vhost.amqp_uri();
    let hosts = ["first", "second"].map(|name| host(name, &uri, &STUCK, home.path()));
    tasks_are(&vhost, 0, 2).await;
    consumers_are(&vhost, 2, |queue| queue.starts_with("zero-abort-")).await;
    abort(&vhost).await;
    tasks_are(&vhost, 0, 0).await;
    for host in &hosts {
        host.runs(2).await;
    }
}
