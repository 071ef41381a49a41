//! H12: a worker's process runs long before it takes tasks, and does not say when it begins.

use std::fs::File;
use std::io::Write as _;

use tests::harness;
use tests::poll;

use super::{BLOCK, FAST, consumed, proves, tasks_are};
use crate::host::Host;
use crate::stand_in::{LIMIT, V07};

#[tokio::test]
async fn h12_a_worker_that_runs_is_not_ready_and_only_its_gateway_can_tell() {
    let Some(vhost) = harness::vhost("h12") else { return };
    let home = tempfile::tempdir().unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let hour = ["--stand-in-start-delay-ms", "3600000"];
    let mut worker = V07.worker(0, &hour, &vhost, home.path());
    tasks_are(&vhost, 2, 0).await;
    let log = home.path().join("worker-0.log");
    let looked = poll::until("its last word", LIMIT, async || {
        let told = std::fs::read_to_string(&log).unwrap();
        if told.contains("circuits from disk...") { Ok(()) } else { Err(told) }
    });
    looked.await.unwrap();
    consumed(&vhost, 0).await;
    assert_eq!(worker.end(), None, "it runs, as far as anybody can see");
    drop(worker);

    // It loads its circuits until somebody writes into the pipe.
    let program = V07.path("worker");
    let worker = format!("{} --runtime=amqp {}", program.display(), FAST.join(" "));
    let script = format!("mkfifo circuits; read -r loaded < circuits; exec {worker}");
    let command = ["sh", "-c", script.as_str()];
    let listen = ["--listen", "127.0.0.1:0"];
    let host = Host::start("host", &vhost.amqp_uri(), &listen, &command, home.path());
    host.measures("zero_worker_child_running 1.0").await;
    let (code, words) = host.get("/readyz").unwrap();
    assert!(code == 503 && words.contains("it loads or makes its circuits first"), "{words}");
    let pipe = home.path().join("circuits");
    let there = poll::until("the worker at its circuits", LIMIT, async || pipe.metadata());
    there.await.unwrap();
    writeln!(File::options().write(true).open(&pipe).unwrap(), "loaded").unwrap();
    let looked = poll::until("a ready worker", LIMIT, async || match host.get("/readyz") {
        Ok((200, words)) => Ok(words),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(looked.await.unwrap(), "ready\n");
    consumed(&vhost, 1).await;
    proves(&mut leader, home.path()).await;
}
