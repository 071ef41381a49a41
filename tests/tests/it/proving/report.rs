//! Reports: where a proof's time went, and what its tasks used; reasons that name the worker.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tests::harness;

use super::service::Setting;
use crate::host::Host;
use crate::stand_in::{Generation, V06, V07};

/// A worker behind `zero-worker` whose cgroup says what these files say.
fn measured(setting: &Setting<'_>, name: &str, args: &[&str]) -> Host {
    let cgroup = setting.home.join(format!("cgroup-{name}"));
    std::fs::create_dir_all(&cgroup).unwrap();
    std::fs::write(cgroup.join("memory.current"), "1048576\n").unwrap();
    std::fs::write(cgroup.join("cpu.stat"), "usage_usec 2000000\n").unwrap();
    let worker = setting.generation.path("worker").display().to_string();
    let command = [&[worker.as_str(), "--runtime=amqp", "--stand-in-ms-per-txn", "5"], args];
    let options = ["--queue-policy", "durable", "--cgroup", cgroup.to_str().unwrap()];
    let uri = setting.vhost.amqp_uri();
    Host::start(name, &uri, &options, &command.concat(), setting.home)
}

fn sum(kinds: &[Value], key: &str) -> u64 {
    kinds.iter().map(|kind| kind[key].as_u64().unwrap()).sum()
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

/// A task that one worker did at its first try, with what its cgroup said.
fn is_whole(task: &Value) {
    let seconds = |key: &str| task[key].as_f64().unwrap_or_else(|| panic!("{key}: {task:#}"));
    assert!(seconds("publishedSeconds") <= seconds("answeredSeconds"), "{task:#}");
    let out = seconds("answeredSeconds") - seconds("publishedSeconds");
    assert!(seconds("inHandSeconds") <= out + 0.001, "{task:#}");
    assert_eq!(task["worker"], host_name(), "{task:#}");
    assert_eq!((&task["try"], &task["failed"]), (&json!(1), &json!(false)));
    assert_eq!((&task["cpuSeconds"], &task["memoryPeakBytes"]), (&json!(0.0), &json!(1 << 20)));
    // The cgroup does not say.
    assert_eq!((&task["readBytes"], &task["writtenBytes"]), (&json!(null), &json!(null)));
}

async fn each_task_is_told(generation: &Generation) {
    let Some(vhost) = harness::vhost("each_task_is_told") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation, vhost: &vhost, home: home.path() };
    let service = setting.start(&[]).await;
    let _worker = measured(&setting, "measured", &[]);
    let proof = service.submit(generation, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    service.settles(id).await;
    let report = service.get(&format!("/v1/proofs/{id}/report")).await.json(200);
    let attempt = &report["attempts"][0];
    let (kinds, tasks) =
        (attempt["kinds"].as_array().unwrap(), attempt["tasks"].as_array().unwrap());
    // As many as the progress counted, frame by frame.
    let answered = proof["progress"]["answered"].as_u64().unwrap();
    assert!(answered >= 3, "{proof:#}");
    assert_eq!(
        (sum(kinds, "published"), sum(kinds, "answered")),
        (answered, answered),
        "{report:#}"
    );
    assert_eq!(tasks.len() as u64, answered);
    assert_eq!((&attempt["tasksLeftOut"], &attempt["stepsMissed"]), (&json!(0), &json!(0)));
    tasks.iter().for_each(is_whole);
    let phases = attempt["phases"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
    let all = ["preparing", "first task", "proving", "ending", "writing", "verifying", "clearing"];
    assert_eq!(names, all, "{report:#}");
    for pair in phases.windows(2) {
        assert_eq!(pair[0]["toSeconds"], pair[1]["fromSeconds"], "{phases:#?}");
    }
    assert_eq!(attempt["outcome"], "proved");
    assert!(report["attempts"][0]["waitedSeconds"].as_f64().is_some(), "{report:#}");
    let none = service.get("/v1/proofs/7-none/report").await.json(404);
    assert!(none["error"].as_str().unwrap().contains("7-none"), "{none}");
}

#[tokio::test]
async fn each_task_of_a_v0_7_proof_is_told_with_what_it_used() {
    Box::pin(each_task_is_told(&V07)).await;
}

#[tokio::test]
async fn each_task_of_a_v0_6_proof_is_told_with_what_it_used() {
    Box::pin(each_task_is_told(&V06)).await;
}

#[tokio::test]
async fn an_attempt_that_failed_is_told_with_its_reason_and_workers_without_a_gateway_as_unknown() {
    let Some(vhost) = harness::vhost("attempts_told") else { return };
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let mut service = setting.start(&["--queue-policy", "as-is"]).await;
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    kill_process(Pid::from_raw(service.runs(id).await).unwrap(), Signal::KILL).unwrap();
    service.begins_attempt(id, 2).await;
    service.runs(id).await;
    // What was seen of a run outlives the service.
    let path = format!("/v1/proofs/{id}/report");
    service.reports(id, |report| report["attempts"][1]["tasks"][0].is_object()).await;
    service.signal(Signal::KILL);
    service.ended().await;
    let service = setting.start(&["--queue-policy", "as-is"]).await;
    service.begins_attempt(id, 3).await;
    let worker = V07.worker(0, &["--stand-in-ms-per-txn", "5"], &vhost, home.path());
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "verified", "{proof:#}\n{}", service.log());
    drop(worker);
    service.settles(id).await;
    let report = service.get(&path).await.json(200);
    let attempts = report["attempts"].as_array().unwrap();
    let outcomes: Vec<&str> = attempts.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    assert!(outcomes[0].contains("SIGKILL"), "{outcomes:?}");
    assert_eq!(outcomes[1..], ["the service ended", "proved"]);
    // The killed service wrote down what it had seen until a second before.
    assert!(attempts[1]["tasks"][0]["publishedSeconds"].is_f64(), "{report:#}");
    let last = &attempts[2];
    for task in last["tasks"].as_array().unwrap() {
        assert_eq!(
            (&task["worker"], &task["cpuSeconds"]),
            (&json!(null), &json!(null)),
            "{task:#}"
        );
    }
    let kind = &last["kinds"][0];
    assert_eq!((&kind["cpu"]["known"], &kind["cpu"]["mean"]), (&json!(0), &json!(null)));
    assert_eq!((&kind["retries"], &kind["published"]), (&json!(null), &kind["answered"]));
}

/// The reason and the report of a proof whose only worker fails in this way; nothing without a broker.
async fn failed(test: &str, fault: &str) -> Option<(String, Value)> {
    let vhost = harness::vhost(test)?;
    let home = tempfile::tempdir().unwrap();
    let setting = Setting { generation: &V07, vhost: &vhost, home: home.path() };
    let service = setting.start(&["--proof-attempts", "1"]).await;
    let _worker = measured(&setting, "failing", &[fault, "6"]);
    let proof = service.submit(&V07, 6, "").await;
    let id = proof["id"].as_str().unwrap();
    let proof = service.becomes(id, &["verified", "failed"]).await;
    assert_eq!(proof["state"], "failed", "{proof:#}\n{}", service.log());
    service.settles(id).await;
    let report = service.get(&format!("/v1/proofs/{id}/report")).await.json(200);
    Some((proof["reason"].as_str().unwrap().to_owned(), report))
}

#[tokio::test]
async fn the_reason_of_a_failed_task_is_the_workers_with_its_name_and_its_log() {
    let told = Box::pin(failed("reason_of_a_failed_task", "--stand-in-fail-txn")).await;
    let Some((words, report)) = told else { return };
    let worker = format!("a task (SegmentProof) failed on worker `{}` at try 3: ", host_name());
    assert!(words.starts_with(&worker), "{words}");
    let log = words.split_once("; its log: ").map_or("", |(_, log)| log);
    assert!(log.contains("ERROR paladin::runtime: execution error: Fatal"), "{words}");
    // The leader's own words hide all of it.
    assert!(words.contains("empty agg proof"), "{words}");
    assert!(sum(report["attempts"][0]["kinds"].as_array().unwrap(), "failed") > 0, "{report:#}");
}

#[tokio::test]
async fn a_worker_that_dies_of_a_task_is_named_with_its_exit() {
    let told = Box::pin(failed("death_of_a_worker", "--stand-in-crash-txn")).await;
    let Some((words, _)) = told else { return };
    let worker = format!("on worker `{}` at try 3: the worker was ended by SIGABRT", host_name());
    assert!(words.contains(&worker), "{words}");
}
