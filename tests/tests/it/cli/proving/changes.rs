//! Proofs are called off and tried again; status and completion know them.

use super::site::{Site, lay_out_ours};

/// Nobody proves them: three proofs that run.
async fn running(test: &str) -> Option<(Site, Vec<String>)> {
    let site = Site::build(test, &[]).await?;
    lay_out_ours(&site.desk, &[6, 7, 8]);
    let ids = site.names(&["prove", "witnesses", "--detach"]);
    for id in &ids {
        site.service.becomes(id, &["running"]).await;
    }
    Some((site, ids))
}

#[tokio::test]
async fn one_of_several_is_called_off_and_tried_again() {
    let Some((mut site, ids)) = running("cancel").await else { return };
    let [six, seven, eight] = [&ids[0], &ids[1], &ids[2]];
    site.run(0, &["proof", "cancel", seven, "--dry-run"]);
    site.run(7, &["proof", "cancel", seven]);
    site.run(0, &["proof", "cancel", seven, "--yes"]);
    for id in [six, eight] {
        assert_eq!(site.service.proof(id).await["state"], "running");
    }
    site.run(0, &["proof", "cancel", seven, "--yes"]);
    site.run(0, &["proof", "retry", six, seven, "--yes"]);
    let workers = site.workers("5");
    site.prove(0, &["prove", "witnesses"]).await;
    drop(workers);
    site.run(0, &["proof", "cancel", seven, "--yes"]);
    site.run(4, &["proof", "cancel", "7-none", "--yes"]);
    site.run(4, &["proof", "show", "7-none"]);
    site.run(2, &["proof", "cancel"]);
    insta::assert_snapshot!("cancel_and_retry", site.record());
}

#[tokio::test]
async fn status_and_version_tell_of_the_proof_service() {
    let Some((site, ids)) = running("status").await else { return };
    let told = site.desk.try_as(&site.zero(), &["status"]).stdout;
    let (_, proofs) = told.split_at(told.find("\nProofs ").unwrap());
    assert!(proofs.contains("3 running"), "{told}");
    assert!(ids.iter().all(|id| proofs.contains(id.as_str())), "{told}");
    let versions = site.desk.try_as(&site.zero(), &["version"]);
    assert_eq!(versions.code, Some(3), "{versions:?}");
    let versions = versions.stdout;
    for part in ["client", "proof service", "prover", "not known: no scaler is named", "RabbitMQ"] {
        assert!(versions.contains(part), "{part}: {versions}");
    }
    let nowhere = site.desk.zero().env("ZERO_LEADER_URL", "http://127.0.0.1:1");
    let told = site.desk.try_as(&nowhere, &["status"]);
    assert_eq!(told.code, Some(6), "{told:?}");
    assert!(told.stdout.contains("! how the proofs stand is not known"), "{told:?}");
}

/// kubectl asks for candidates under a name of its own.
#[tokio::test]
async fn ids_of_proofs_are_completed() {
    let Some((site, ids)) = running("completed").await else { return };
    let zero = site.zero().called("kubectl_complete-zero");
    for command in [["proof", "show", "7-"], ["proof", "log", "7-"]] {
        let answer = site.desk.try_as(&zero, &command);
        let wanted = format!("{}\trunning\n:4\n", ids[1]);
        assert_eq!((answer.code, answer.stdout), (Some(0), wanted), "{command:?}");
    }
    let all = site.desk.try_as(&zero, &["verify", ""]).stdout;
    assert!(ids.iter().all(|id| all.contains(id.as_str())), "{all}");
}
