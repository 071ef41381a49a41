//! A client in another language, pika of Python, does its usual operations through the gateway as it
//! does them without.

use std::path::Path;
use std::process::{Command, Stdio};

use tests::harness;
use tests::provision;

use crate::gateway::Behind;
use crate::stand_in::Reached as _;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/usual_operations.py");

fn lines(python: &Path, uri: &str) -> String {
    let mut python = Command::new(python);
    let output = python.arg(SCRIPT).env("AMQP_URI", uri).stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pika_sees_no_difference() {
    let Some(vhost) = harness::vhost("pika") else { return };
    let Some(python) = provision::python_with_pika() else {
        let strict = std::env::var("CI").as_deref() == Ok("true");
        assert!(!strict, "pika is missing: `cargo xtask test` installs it");
        return;
    };
    let behind = Behind::stock(&vhost).await;
    let uris = (vhost.amqp_uri(), behind.uri());
    let both =
        tokio::task::spawn_blocking(move || (lines(&python, &uris.0), lines(&python, &uris.1)));
    let (direct, through) = both.await.unwrap();
    assert!(direct.ends_with("closed True\n"), "{direct}");
    assert_eq!(through, direct);
}
