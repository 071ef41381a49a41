//! The loop with real processes and answers given by hand.

use std::sync::Arc;

use amqp_admin::{Pool, Queue, QueueName, QueueRole, Reading, VhostName};

use super::*;
use crate::answers::Beside;
use crate::broker_state::BrokerState;
use crate::snapshot::{Orphans, SourceKind, VhostReading};
use crate::status::KeepAliveStatus;
use crate::triggers::Triggers;

const SOON: Duration = Duration::from_secs(20);

/// A management address where nobody listens.
fn nobody() -> Management {
    let endpoint = amqp_admin::Endpoint::management("http://127.0.0.1:1").unwrap();
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Management::new(endpoint, Duration::from_secs(1)).unwrap()
}

fn options(worker: &str, max: u32, grace: Duration) -> LocalOptions {
    LocalOptions {
        worker: worker.parse().unwrap(),
        min: 0,
        max,
        trigger: Vec::new(),
        grace,
        stabilization: Duration::ZERO,
        interval: Duration::from_secs(1),
        worker_log_dir: None,
    }
}

fn scaler(worker: &str, max: u32, grace: Duration) -> (Scaler, watch::Receiver<LocalStatus>) {
    let options = options(worker, max, grace);
    let (status, told) = watch::channel(LocalStatus::default());
    (Scaler::new(&options, status), told)
}

fn wanted(workers: u64, busy: u64) -> Wanted {
    Wanted { workers, busy, read_at: clock::now() }
}

/// Steps with the same answer until the status is as wanted.
async fn until(
    scaler: &mut Scaler,
    answer: impl Fn() -> Wanted,
    is_so: impl Fn(&LocalStatus) -> bool,
) -> LocalStatus {
    let mut ticks = interval(Duration::from_millis(20));
    let waiting = async {
        loop {
            ticks.tick().await;
            scaler.step(Ok(answer()));
            let status = scaler.status.borrow().clone();
            if is_so(&status) {
                return status;
            }
        }
    };
    timeout(SOON, waiting).await.expect("the children did not get there in time")
}

#[tokio::test]
async fn workers_follow_the_wanted_number_up_and_down_to_zero() {
    let (mut scaler, _told) = scaler("sleep 1000", 3, SOON);
    let up = until(&mut scaler, || wanted(7, 0), |status| status.running == 3).await;
    assert_eq!(up.children.iter().map(|child| child.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(up.children.iter().all(|child| child.pid.is_some() && child.state == "starting"));
    let down = until(
        &mut scaler,
        || wanted(0, 0),
        |status| status.children.iter().all(|child| child.pid.is_none()),
    );
    let down = down.await;
    for child in down.children {
        assert_eq!(child.last_exit.as_deref(), Some("signal 15 (SIGTERM), as told"));
        assert_eq!((child.state, child.restarts), ("ended", 0));
    }
}

#[tokio::test]
async fn without_an_answer_what_runs_keeps_running() {
    let (mut scaler, _told) = scaler("sleep 1000", 2, SOON);
    let before = until(&mut scaler, || wanted(2, 0), |status| status.running == 2).await;
    for _ in 0..5 {
        scaler.step(Err("the broker is away".to_owned()));
    }
    let after = scaler.status.borrow().clone();
    assert_eq!(after.children, before.children);
    assert_eq!(after.refused.as_deref(), Some("the broker is away"));
    assert_eq!((after.wanted, after.running), (None, 2));
}

#[tokio::test]
async fn a_crash_loop_is_told_and_never_hot() {
    let (mut scaler, _told) = scaler("sh -c 'exit 7'", 4, SOON);
    let status = until(
        &mut scaler,
        || wanted(1, 0),
        |status| status.children.iter().any(|child| child.crash_loop),
    );
    let status = status.await;
    assert_eq!(status.children.len(), 1, "the other places must not crash as well");
    let child = &status.children[0];
    assert_eq!((child.state, child.restarts), ("waiting", 3));
    assert_eq!(child.last_exit.as_deref(), Some("exit code 7"));
}

#[tokio::test]
async fn at_shutdown_children_get_sigterm_and_time_to_finish() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scaler, _told) = scaler(&finishing(&folder), 2, SOON);
    until(&mut scaler, || wanted(2, 2), |_| ready(&folder, 2)).await;
    timeout(SOON, scaler.drain(std::future::pending())).await.unwrap();
    for number in [1, 2] {
        assert!(folder.path().join(format!("finished-{number}")).exists());
    }
    assert!(scaler.children.is_empty());
}

#[tokio::test]
async fn a_second_signal_kills_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scaler, _told) = scaler(&stubborn(&folder), 1, Duration::from_secs(3600));
    until(&mut scaler, || wanted(1, 1), |_| ready(&folder, 1)).await;
    timeout(SOON, scaler.drain(std::future::ready(()))).await.unwrap();
    let status = scaler.status.borrow().clone();
    let last = status.children[0].last_exit.as_deref();
    assert_eq!(last, Some("signal 9 (SIGKILL), as told"));
}

#[tokio::test]
async fn a_child_that_ignores_sigterm_is_killed_after_the_grace_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let grace = Duration::from_millis(700);
    let (mut scaler, _told) = scaler(&stubborn(&folder), 1, grace);
    until(&mut scaler, || wanted(1, 0), |_| ready(&folder, 1)).await;
    let told = until(
        &mut scaler,
        || wanted(0, 0),
        |status| status.children.iter().any(|child| child.state == "stopping"),
    );
    told.await;
    let at = clock::now();
    until(&mut scaler, || wanted(0, 0), |status| status.children[0].pid.is_none()).await;
    assert!(clock::now() - at >= grace.checked_sub(Duration::from_millis(100)).unwrap());
    let status = scaler.status.borrow().clone();
    assert_eq!(status.children[0].last_exit.as_deref(), Some("signal 9 (SIGKILL), as told"));
}

#[tokio::test]
async fn what_a_shell_leaves_behind_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!(
        "sh -c 'sleep 1000 & echo $! > {0}/left; touch {0}/ready-1; wait'",
        folder.path().display()
    );
    let (mut scaler, _told) = scaler(&line, 1, SOON);
    until(&mut scaler, || wanted(1, 0), |_| ready(&folder, 1)).await;
    let left = std::fs::read_to_string(folder.path().join("left")).unwrap();
    until(
        &mut scaler,
        || wanted(0, 0),
        |status| status.children.iter().all(|child| child.pid.is_none()),
    )
    .await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", left.trim())).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let (mut scaler, _told) = scaler("/no/such/worker --fast", 1, SOON);
    scaler.step(Ok(wanted(1, 0)));
    let status = scaler.status.borrow().clone();
    let said = status.children[0].last_exit.clone().unwrap();
    assert!(said.contains("`/no/such/worker`") && said.contains("`--worker`"), "{said}");
}

#[tokio::test]
async fn output_goes_to_a_file_of_each_worker() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scaler, _told) = scaler("sh -c 'echo out {n}; echo err {n} >&2'", 1, SOON);
    let logs = folder.path().join("logs");
    scaler.children = Children::new(
        "sh -c 'echo out {n}; echo err {n} >&2'".parse().unwrap(),
        Some(logs.clone()),
        1,
    );
    until(
        &mut scaler,
        || wanted(1, 0),
        |status| status.children.iter().any(|child| child.last_exit.is_some()),
    )
    .await;
    assert_eq!(std::fs::read_to_string(logs.join("worker-1.log")).unwrap(), "out 1\nerr 1\n");
}

#[tokio::test]
async fn a_broker_that_lists_no_channels_is_told() {
    let (mut scaler, _told) = scaler("sleep 1000", 1, SOON);
    until(&mut scaler, || wanted(1, 0), |status| status.running == 1).await;
    scaler.look(&nobody()).await;
    scaler.step(Ok(wanted(1, 0)));
    let error = scaler.status.borrow().channels_error.clone().unwrap();
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[tokio::test]
async fn the_whole_follows_what_keda_would_be_answered_until_shutdown() {
    let tick = watch::Sender::new(0);
    let state = Arc::new(BrokerState::new(
        "default".into(),
        "http://127.0.0.1:1".into(),
        KeepAliveStatus { enabled: false, every_seconds: 0, kept: Vec::new(), error: None },
        tick.clone(),
    ));
    let triggers = Arc::new(Triggers::default());
    let answers = Answers::new(vec![state.clone()], triggers, SOON, tick, Beside::default());
    let (status, mut told) = watch::channel(LocalStatus::default());
    let (options, stop) = (options("sleep 1000", 8, SOON), CancellationToken::new());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(run(options, answers, nobody(), status, stop.clone()));
    let started = |count| move |status: &LocalStatus| status.running == count;
    state.update(|snapshot| snapshot.vhosts.extend([holding(3)]));
    timeout(SOON, told.wait_for(started(3))).await.unwrap().unwrap();
    state.update(|snapshot| snapshot.vhosts.extend([holding(0)]));
    timeout(SOON, told.wait_for(started(0))).await.unwrap().unwrap();
    state.update(|snapshot| snapshot.vhosts.extend([holding(2)]));
    timeout(SOON, told.wait_for(started(2))).await.unwrap().unwrap();
    stop.cancel();
    timeout(SOON, tasks.join_next()).await.unwrap().unwrap().unwrap().unwrap();
    assert!(told.borrow().children.iter().all(|child| child.pid.is_none()));
}

/// The default vhost with one task queue that holds so many messages, read just now.
fn holding(ready: u64) -> (VhostName, VhostReading) {
    let name = QueueName::new("task-ipc-routing-key").unwrap();
    let queue = Queue::classic(name, QueueRole::Task(Pool::All), Reading::known(ready, 0));
    let reading = VhostReading {
        taken_at: clock::now(),
        source: SourceKind::Live,
        queues: [queue].into(),
        orphans: Orphans::None,
    };
    (VhostName::default(), reading)
}

/// A worker that finishes something after SIGTERM.
fn finishing(folder: &tempfile::TempDir) -> String {
    let folder = folder.path().display();
    format!(
        "sh -c 'trap \"touch {folder}/finished-{{n}}; exit 0\" TERM; touch {folder}/ready-{{n}}; while :; do sleep 0.05; done'"
    )
}

/// A worker that ignores SIGTERM.
fn stubborn(folder: &tempfile::TempDir) -> String {
    let folder = folder.path().display();
    format!("sh -c 'trap \"\" TERM; touch {folder}/ready-{{n}}; while :; do sleep 0.05; done'")
}

fn ready(folder: &tempfile::TempDir, workers: u32) -> bool {
    (1..=workers).all(|number| folder.path().join(format!("ready-{number}")).exists())
}
