//! A proof from end to end by our images alone: service, worker and command line. The prover in them is the stand-in.

use std::os::unix::fs::chown;
use std::path::Path;

use tests::harness::{self, Vhost};
use tests::images::{Container, Launch};
use tests::poll;
use tests::ports;
use tests::scaler::http_get;

use crate::scaler::LIMIT;
use crate::shape::image;

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
    let folders = ["secrets", "witness", "proofs"].map(|name| home.path().join(name));
    folders.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    let [secrets, witness, proofs] = folders;
    let broker = on(&vhost, &secrets);
    let [service, metrics] = ports::free().unwrap();

    let leader = Launch::of(&image("leader"))
        .volume(&secrets, "/secrets/broker")
        .empty("/data")
        .empty("/tmp")
        .args(broker.iter().cloned().chain([
            "--data-dir=/data".to_owned(),
            format!("--listen=127.0.0.1:{service}"),
            "--leader=leader".to_owned(),
            "--verifier=verifier".to_owned(),
            "--min-free-mib=1".to_owned(),
        ]))
        .start()
        .unwrap();
    let mut worker = Launch::of(&image("worker"))
        .volume(&secrets, "/secrets/broker")
        .empty("/tmp")
        .args(
            broker.iter().cloned().chain(
                [&format!("--listen=127.0.0.1:{metrics}"), "--", "worker", "--runtime=amqp"]
                    .map(ToOwned::to_owned),
            ),
        )
        .start()
        .unwrap();
    lives(&leader, service).await;
    lives(&worker, metrics).await;

    let block = "3.witness.json";
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let shipped = repository.join("witnesses/devnet/v0.7").join(block);
    std::fs::copy(shipped, witness.join(block)).unwrap();
    chown(&proofs, Some(65_532), Some(65_532)).unwrap();
    let told = Launch::of(&image("kubectl-zero"))
        .volume(&witness, "/files")
        .volume(&proofs, "/proofs")
        .args([
            "prove".to_owned(),
            format!("/files/{block}"),
            format!("--leader-url=http://127.0.0.1:{service}"),
            "--wait".to_owned(),
            "--out=/proofs".to_owned(),
        ])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&told.stderr) + String::from_utf8_lossy(&told.stdout);
    assert!(told.status.success(), "{words}\n{}\n{}", leader.log(), worker.log());
    assert!(words.contains("verified"), "{words}");
    let files = std::fs::read_dir(&proofs).unwrap().count();
    assert_eq!(files, 1, "{words}");

    worker.terminate().unwrap();
    let status = worker.ended(LIMIT).unwrap();
    assert!(status.success(), "{status}: {}", worker.log());
}
