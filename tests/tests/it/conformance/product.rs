//! What this scaler promises beyond KEDA's contract: which queues count, and how workers follow.

use scaler::grpc::proto::ScaledObjectRef;
use serde_json::Value;
use tests::poll;

use super::{LIMIT, Stage, stage};

/// A queue that an operator named is counted.
#[tokio::test]
async fn a_queue_named_by_an_operator_is_counted() {
    let Some(stage) = stage("operators_queue").await else { return };
    stage.fill("proof-20362226", 5).await;
    assert!(stage.reads(&stage.object(&[]), 5.0).await.active);
}

/// The sum runs over all per-proof queues, also those that come and go.
#[tokio::test]
async fn the_sum_runs_over_all_per_proof_queues() {
    let Some(stage) = stage("per_proof_queues").await else { return };
    let object = stage.object(&[]);
    for number in 0..30 {
        stage.fill(&format!("proof-{number}"), number).await;
    }
    stage.reads(&object, 435.0).await;
    stage.amqp.delete("proof-29").await.unwrap();
    stage.reads(&object, 406.0).await;
    stage.fill("proof-30", 10).await;
    stage.reads(&object, 416.0).await;
}

/// The queues of every generation of the prover are told by role: tasks count, results and control
/// do not; each role is shown with its depth.
#[tokio::test]
async fn the_queues_of_every_prover_generation_are_told_by_role() {
    let Some(stage) = stage("roles").await else { return };
    let (task, control, result) = (
        ["task-ipc-routing-key", "heavy-proof", "light-proof", "default", &"0".repeat(32)],
        ["command-ipc-routing-key", "ipc-routing-key", &"f".repeat(32)],
        ["BmXij", "446c1c9c0f5b41cd9db80487e22d4540"],
    );
    for queue in task {
        stage.fill(queue, 1).await;
    }
    for queue in control {
        stage.fill(queue, 2).await;
    }
    for queue in result {
        stage.fill(queue, 4).await;
    }
    let object = stage.object(&[]);
    stage.reads(&object, 5.0).await;
    for (roles, value) in [("task", 5.0), ("control", 6.0), ("result", 8.0), ("task,result", 13.0)]
    {
        stage.reads(&stage.object(&[("roles", roles)]), value).await;
    }
    let status = stage.scaler.status().unwrap();
    let vhosts = status["brokers"][0]["vhosts"].as_array().unwrap();
    let vhost = vhosts.iter().find(|vhost| vhost["name"] == stage.vhost.name()).unwrap();
    let shown: Vec<_> = vhost["roles"].as_array().unwrap().iter().map(role_line).collect();
    assert_eq!(shown, ["task 5 5", "other 0 0", "result 2 8", "control 3 6"]);
    let told = stage.explain(&object);
    assert!(told.contains("excluded: 2 because the role result is not among `roles`"), "{told}");
    assert!(told.contains("excluded: 3 because the role control is not among `roles`"), "{told}");
}

fn role_line(role: &Value) -> String {
    format!("{} {} {}", role["role"].as_str().unwrap(), role["queues"], role["ready"])
}

/// The value is never below the busy workers: neither a cap nor `countUnacked: false` takes a worker
/// from a message, and a busy worker keeps the trigger active.
#[tokio::test]
async fn the_value_is_never_below_the_busy_workers() {
    let Some(stage) = stage("busy_workers").await else { return };
    stage.fill("task-ipc-routing-key", 5).await;
    let mut first = stage.amqp.hold("task-ipc-routing-key", 2).await.unwrap();
    let mut second = stage.amqp.hold("task-ipc-routing-key", 1).await.unwrap();
    stage.reads(&stage.object(&[]), 5.0).await;
    stage.reads(&stage.object(&[("maxWorkers", "1")]), 3.0).await;
    stage.reads(&stage.object(&[("countUnacked", "false")]), 3.0).await;
    stage.reads(&stage.object(&[("target", "4")]), 12.0).await;
    stage.reads(&stage.object(&[("target", "0.5"), ("maxWorkers", "2")]), 1.5).await;

    first.cancel().await.unwrap();
    second.cancel().await.unwrap();
    stage.amqp.purge("task-ipc-routing-key").await.unwrap();
    for metadata in [("countUnacked", "false"), ("activationTarget", "100"), ("maxWorkers", "1")] {
        let polled = stage.reads(&stage.object(&[metadata]), 3.0).await;
        assert!(polled.active, "{metadata:?}: at zero replicas busy workers would be killed");
    }
    first.finish(2).await.unwrap();
    stage.reads(&stage.object(&[]), 1.0).await;
    second.finish(1).await.unwrap();
    assert!(!stage.reads(&stage.object(&[]), 0.0).await.active);
}

/// `/explain` says line by line how a number came about, and `/status.json` says the same.
#[tokio::test]
async fn explain_says_how_each_number_came_about_line_by_line() {
    let Some(stage) = stage("explained").await else { return };
    stage.fill("task-ipc-routing-key", 5).await;
    let held = stage.amqp.hold("task-ipc-routing-key", 2).await.unwrap();
    stage.fill("proof-1", 2).await;
    stage.fill("old-1", 9).await;
    stage.fill("BmXij", 1).await;
    let object = stage.object(&[
        ("target", "2"),
        ("maxWorkers", "2"),
        ("activationTarget", "3"),
        ("excludeQueues", "old-.*"),
    ]);
    assert_eq!(held.held(), 2);
    let polled = stage.reads(&object, 4.0).await;
    let told = stage.explain(&object);
    let lines: Vec<_> = told.lines().map(str::trim).collect();
    let expected = [
        format!("{}/{} {}", object.namespace, object.name, polled.spec.metric_name),
        format!("vhost `{}`: 4 queues, read from live", stage.vhost.name()),
        "age: counts are at most …".to_owned(),
        "matched: 2 queues with role task, other, 2 of them hold messages".to_owned(),
        "excluded: 1 because the name matches `excludeQueues`: `old-1`".to_owned(),
        "excluded: 1 because the role result is not among `roles`: `BmXij`".to_owned(),
        "sum: 5 ready + 2 unacked".to_owned(),
        "backlog: 7 messages (unacked counted)".to_owned(),
        "busy floor: 2 busy workers × target 2 = 4".to_owned(),
        "cap: 2 workers (`maxWorkers`), never below the busy floor".to_owned(),
        "value: 4 ÷ target 2 = 2 workers".to_owned(),
        "active: yes, backlog 7 is above `activationTarget` 3 and 2 workers are busy".to_owned(),
    ];
    let same = |(line, expected): (&&str, &String)| {
        line.starts_with(expected.trim_end_matches('…')).then_some(()).ok_or(expected.clone())
    };
    assert_eq!(lines.iter().zip(&expected).try_for_each(same), Ok(()), "{told}");
    assert!(lines.len() >= expected.len(), "{told}");
    the_status_and_a_query_say_the_same(&stage, &object);
}

fn the_status_and_a_query_say_the_same(stage: &Stage, object: &ScaledObjectRef) {
    let status = stage.scaler.status().unwrap();
    let all = status["triggers"].as_array().unwrap();
    let shown = all.iter().find(|trigger| trigger["name"] == object.name.as_str()).unwrap();
    assert_eq!(shown["answer"]["value"]["workers"], 2);
    assert_eq!(shown["answer"]["value"]["explanation"].as_array().unwrap().len(), 11);
    let query = format!("/explain?vhost={}&target=2&queues=proof-1", stage.vhost.name());
    let (code, text) = stage.scaler.get(&query).unwrap();
    assert!(code == 200 && text.contains("value: 2 ÷ target 2 = 1 workers"), "{text}");
}

/// `maxWorkers` caps the value and leaves the activation alone.
#[tokio::test]
async fn max_workers_caps_the_value_and_not_the_activation() {
    let Some(stage) = stage("max_workers").await else { return };
    stage.fill("task-ipc-routing-key", 9).await;
    for (most, target, value) in
        [("3", "1", 3.0), ("3", "2", 6.0), ("9", "1", 9.0), ("50", "1", 9.0)]
    {
        let metadata = [("maxWorkers", most), ("target", target), ("activationTarget", "8")];
        let polled = stage.reads(&stage.object(&metadata), value).await;
        assert!(polled.active);
    }
}

/// Two pools of workers: each counts its own task queue alone.
#[tokio::test]
async fn pools_heavy_and_light_each_count_their_own_task_queue() {
    let Some(stage) = stage("pools").await else { return };
    stage.fill("heavy-proof", 1).await;
    stage.fill("light-proof", 2).await;
    stage.fill("task-ipc-routing-key", 4).await;
    stage.fill("proof-1", 8).await;
    for (pool, value) in [("heavy", 1.0), ("light", 2.0), ("all", 15.0)] {
        stage.reads(&stage.object(&[("pool", pool)]), value).await;
    }
}

/// `mode: drain` asks for what empties the backlog in time, once a message was seen to finish; until
/// then it is as `backlog`.
#[tokio::test]
async fn mode_drain_asks_for_what_empties_the_backlog_in_time() {
    let Some(stage) = stage("drained").await else { return };
    let object = stage.object(&[("mode", "drain"), ("drainSeconds", "3600")]);
    stage.fill("task-ipc-routing-key", 20).await;
    let mut worker = stage.amqp.hold("task-ipc-routing-key", 1).await.unwrap();
    stage.reads(&object, 20.0).await;
    let told = stage.explain(&object);
    assert!(told.contains("drain: no message finished yet, so as in mode `backlog`"), "{told}");

    // 20 messages of some seconds each fit one worker's hour.
    worker.finish(1).await.unwrap();
    worker.take(1).await.unwrap();
    stage.reads(&object, 1.0).await;
    let told = stage.explain(&object);
    assert!(told.contains("drain: 1 workers empty it in 3600 s at "), "{told}");
    stage.reads(&stage.object(&[]), 19.0).await;
}

/// A trigger that nobody asks for still is told with its warnings, and a fresh vhost is read at its
/// first question, not at the next round.
#[tokio::test]
async fn a_vhost_asked_for_the_first_time_is_answered_by_that_very_call() {
    let Some(stage) = stage("first_question").await else { return };
    stage.fill("proof-1", 3).await;
    let polled = stage.keda.poll(&stage.object(&[])).await.unwrap();
    assert_eq!((polled.value.whole, polled.active), (3, true));
    let queues = poll::until("the vhost in the status", LIMIT, async || queues_of(&stage));
    assert_eq!(queues.await.unwrap(), 1);
}

fn queues_of(stage: &Stage) -> Result<u64, String> {
    let status = stage.scaler.status().map_err(|error| format!("{error:#}"))?;
    let vhosts = status["brokers"][0]["vhosts"].as_array().ok_or("no vhosts")?;
    let found = vhosts.iter().find(|vhost| vhost["name"] == stage.vhost.name());
    found.and_then(|vhost| vhost["queues"].as_u64()).ok_or_else(|| "not listed".to_owned())
}
