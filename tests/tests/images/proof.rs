//! A proof from end to end by our images alone: service, worker and command line. The prover in them is the stand-in.

use std::os::unix::fs::chown;
use std::path::Path;

use tests::harness::{self, Vhost};
use tests::images::{Container, Launch};
use tests::poll;
use tests::ports;
use tests::repository;
use tests::scaler::http_get;

use crate::scaler::LIMIT;
use crate::shape::image;

/// One of the shipped witnesses.
const BLOCK: &str = "3.witness.json";

/// What the chart gives to leader and worker alike; credentials in files, as there.
fn on(vhost: &Vhost, secrets: &Path) -> Vec<String> {
    let access = vhost.access();
    for (name, value) in [("username", &access.user), ("password", &access.password)] {
        std::fs::write(secrets.join(name), value).unwrap();
    }
    vec![
        format!("--amqp-uri=amqp://{}/{}", access.amqp, vhost.name()),
        "--username-file=/secrets/broker/username".to_owned(),
        "--password-file=/secrets/broker/password".to_owned(),
        "--queue-policy=durable".to_owned(),
    ]
}

/// The proof service, on a port.
fn leader(broker: &[String], secrets: &Path, port: u16) -> Container {
    let own = [
        "--data-dir=/data".to_owned(),
        format!("--listen=127.0.0.1:{port}"),
        "--leader=leader".to_owned(),
        "--verifier=verifier".to_owned(),
        "--min-free-mib=1".to_owned(),
    ];
    let launch = Launch::of(&image("leader")).volume(secrets, "/secrets/broker");
    let launch = launch.empty("/data").empty("/tmp").args(broker.iter().cloned().chain(own));
    launch.start().unwrap()
}

/// A worker, its probes on a port.
fn worker(broker: &[String], secrets: &Path, port: u16) -> Container {
    let listen = format!("--listen=127.0.0.1:{port}");
    let own = [&*listen, "--", "worker", "--runtime=amqp"].map(ToOwned::to_owned);
    let launch = Launch::of(&image("worker")).volume(secrets, "/secrets/broker");
    launch.empty("/tmp").args(broker.iter().cloned().chain(own)).start().unwrap()
}

/// `prove`: what it said, when it went well.
fn prove(home: &Path, port: u16) -> String {
    let [witness, proofs] = ["witness", "proofs"].map(|name| home.join(name));
    for folder in [&witness, &proofs] {
        std::fs::create_dir(folder).unwrap();
    }
    let shipped = repository::root().join("witnesses/devnet/v0.7").join(BLOCK);
    std::fs::copy(shipped, witness.join(BLOCK)).unwrap();
    chown(&proofs, Some(65_532), Some(65_532)).unwrap();
    let file = format!("/files/{BLOCK}");
    let service = format!("--leader-url=http://127.0.0.1:{port}");
    let output = Launch::of(&image("kubectl-zero"))
        .volume(&witness, "/files")
        .volume(&proofs, "/proofs")
        .args(["prove", &file, &service, "--wait", "--out=/proofs"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{words}");
    assert_eq!(std::fs::read_dir(&proofs).unwrap().count(), 1, "{words}");
    words.into_owned()
}

async fn lives(container: &Container, port: u16) {
    let lives = poll::until("a container to live", LIMIT, async || {
        match http_get(&format!("http://127.0.0.1:{port}/livez")) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}; {}", container.log())),
        }
    });
    lives.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_is_proved_and_verified_by_containers_alone() {
    let vhost = harness::vhost("a_block_is_proved_by_containers").unwrap();
    let home = tempfile::tempdir().unwrap();
    let secrets = home.path().join("secrets");
    std::fs::create_dir(&secrets).unwrap();
    let broker = on(&vhost, &secrets);
    let [service, metrics] = ports::free().unwrap();
    let leader = leader(&broker, &secrets, service);
    let mut worker = worker(&broker, &secrets, metrics);
    lives(&leader, service).await;
    lives(&worker, metrics).await;
    let words = prove(home.path(), service);
    assert!(words.contains("verified"), "{words}\n{}\n{}", leader.log(), worker.log());
    worker.terminate().unwrap();
    let status = worker.ended(LIMIT).unwrap();
    assert!(status.success(), "{status}: {}", worker.log());
}
