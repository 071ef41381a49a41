//! Verifiers that take their time: cut off with the service, or never at an end.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::json;
use tests::harness;

use super::service::Setting;
use crate::stand_in::V07;

/// A verifier that says yes, but not while the file is there that is told with it.
fn slow_verifier(home: &Path) -> (PathBuf, PathBuf) {
    let (verifier, hold) = (home.join("slow-verifier"), home.join("hold"));
    let gate = hold.display();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --help ] && exit 0\nwhile [ -e '{gate}' ]; do sleep 0.1; done\necho 'INFO verifier: All proofs verified successfully!'\n"
    );
    std::fs::write(&verifier, script).unwrap();
    std::fs::set_permissions(&verifier, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&hold, "").unwrap();
    (verifier, hold)
}

#[tokio::test]
async fn a_verification_that_ended_with_the_service_is_made_up_at_its_next_start() {
    let Some(vhost) = harness::vhost("made_up") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let (verifier, hold) = slow_verifier(home.path());
    let options = ["--verifier", verifier.to_str().unwrap()];
    let _workers = setting.workers("2", &[]);
    for (block, signal) in [(3, Signal::KILL), (4, Signal::TERM)] {
        std::fs::write(&hold, "").unwrap();
        let mut service = setting.start(&options).await;
        let id = super::chains::entered(&service, &V07, [block]).await.remove(0);
        let proved = service.becomes(&id, &["proved", "failed", "verified"]).await;
        assert_eq!((&proved["state"], &proved["settled"]), (&json!("proved"), &json!(false)));
        service.signal(signal);
        service.ended().await;
        let mut service = setting.start(&options).await;
        assert_eq!(service.proof(&id).await["settled"], false, "{}", service.log());
        std::fs::remove_file(&hold).unwrap();
        let told = service.becomes(&id, &["verified", "failed"]).await;
        assert_eq!(
            (&told["state"], &told["attempts"]),
            (&json!("verified"), &json!(1)),
            "{told:#}"
        );
        service.settles(&id).await;
        service.signal(Signal::TERM);
        service.ended().await;
    }
}

#[tokio::test]
async fn a_verifier_that_does_not_end_is_given_up_and_the_next_proof_has_its_turn() {
    let Some(vhost) = harness::vhost("does_not_end") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let (verifier, _hold) = slow_verifier(home.path());
    let verifier = verifier.to_str().unwrap();
    let options = ["--parallel", "1", "--verify-limit", "300ms", "--verifier", verifier];
    let service = setting.start(&options).await;
    let _workers = setting.workers("2", &[]);
    for id in super::chains::entered(&service, &V07, [3, 4]).await {
        service.becomes(&id, &["proved", "failed"]).await;
        let told = service.settles(&id).await;
        assert_eq!(
            (&told["state"], &told["verdict"]["word"]),
            (&json!("proved"), &json!("unknown"))
        );
        let words = told["reason"].as_str().unwrap();
        assert!(words.contains("did not end within 300ms"), "{words}");
    }
}
