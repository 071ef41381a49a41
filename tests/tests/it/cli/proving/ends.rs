//! Ends of waiting that are no proof: Ctrl-C, a proof that fails, a service that goes away.

use rustix::process::{Pid, Signal, kill_process};
use tests::poll;

use super::site::{Site, lay_out_ours};
use crate::cli::desk::LIMIT;

#[tokio::test]
async fn ctrl_c_leaves_the_proofs_running_and_says_so() {
    let Some(site) = Site::build("interrupted", &[]).await else { return };
    lay_out_ours(&site.desk, &[6]);
    let at_work = site.begin(&["prove", "witnesses", "--out", "proofs"]);
    at_work.says("state=running").await;
    at_work.signal(Signal::INT);
    let answer = at_work.ended().await;
    assert_eq!(answer.code, Some(130), "{answer:?}");
    assert!(answer.stderr.contains("interrupted: the proofs go on without us"), "{answer:?}");
    let ids = site.names(&["proofs", "--state", "running"]);
    assert_eq!(ids.len(), 1);
    assert!(answer.stderr.contains(&format!("zero proof show {}", ids[0])), "{answer:?}");
    assert!(answer.stdout.contains(&ids[0]), "{answer:?}");
}

#[tokio::test]
async fn what_waits_behind_a_failed_proof_is_not_waited_for() {
    let Some(mut site) = Site::build("stopped", &["--proof-attempts", "1"]).await else { return };
    lay_out_ours(&site.desk, &[6, 7]);
    let at_work = site.begin(&["prove", "witnesses", "--chain", "tip"]);
    at_work.says("state=running").await;
    let leaders = poll::until("a leader", LIMIT, async || {
        let leaders = site.service.leaders();
        if leaders.is_empty() { Err("none yet") } else { Ok(leaders) }
    });
    for leader in leaders.await.unwrap() {
        kill_process(Pid::from_raw(leader).unwrap(), Signal::KILL).unwrap();
    }
    let answer = at_work.ended().await;
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let first = &site.names(&["proofs", "--state", "failed"])[0];
    let words = format!("its chain stopped at {first}, which failed; `zero proof retry {first}`");
    assert!(answer.stdout.contains(&words), "{answer:?}");
    assert!(answer.stderr.contains("state=failed"), "{answer:?}");
    site.run(0, &["proof", "retry", first, "--yes"]);
    let workers = site.workers("5");
    site.prove(0, &["prove", "witnesses", "--chain", "tip"]).await;
    drop(workers);
}

#[tokio::test]
async fn a_service_that_does_not_answer_for_a_while_is_asked_again() {
    let Some(site) = Site::build("lost", &[]).await else { return };
    lay_out_ours(&site.desk, &[6]);
    let args = ["prove", "witnesses", "--request-timeout", "1s"];
    let at_work = site.begin(&args);
    at_work.says("state=running").await;
    site.service.signal(Signal::STOP);
    at_work.says("and the proofs go on meanwhile").await;
    let _workers = site.workers("5");
    site.service.signal(Signal::CONT);
    let answer = at_work.ended().await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.stderr.contains("the proof service answers again"), "{answer:?}");
    assert!(answer.stderr.contains("state=verified"), "{answer:?}");
}
