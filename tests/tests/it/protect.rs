//! Busy workers are kept: a real broker, a real API server, the rights that the documentation lists, and replicas.

mod stage;

use std::time::Duration;

use amqp_gateway::{Config, Gateway};
use rustix::process::Signal;
use serde_json::Value;
use tests::poll;
use tests::rabbitmq::PrivateBroker;
use tests::scaler::{Launch, RunningScaler};

use crate::gateway::config_at;
use stage::{MAY_LIST, Stage, TASKS, address};

/// The broker's statistics lag by up to ten seconds, a look by five; a busy machine takes its time.
const LIMIT: Duration = Duration::from_secs(60);

async fn until(what: &str, is_so: impl Fn() -> anyhow::Result<Result<(), String>>) {
    let looked = poll::until(what, LIMIT, async || match is_so() {
        Ok(outcome) => outcome,
        Err(error) => Err(format!("{error:#}")),
    });
    looked.await.unwrap();
}

/// What the scaler tells of it.
fn told(scaler: &RunningScaler) -> anyhow::Result<Value> {
    Ok(scaler.status()?["protect"].take())
}

fn metrics(scaler: &RunningScaler) -> String {
    scaler.get("/metrics").unwrap().1
}

async fn shows(scaler: &RunningScaler, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until(what, || {
        let told = told(scaler)?;
        Ok(if is_so(&told) { Ok(()) } else { Err(format!("{told}\n{}", scaler.log())) })
    })
    .await;
    told(scaler).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_pod_has_a_cost_and_one_that_turns_idle_loses_it() {
    let Some(stage) = Stage::set("a_busy_pod_has_a_cost") else { return };
    for number in 1..=3 {
        stage.pod(number, "worker");
    }
    stage.pod(4, "leader");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 2).await.unwrap();
    let mut busy = stage.worker(1).await;
    busy.take().await;
    let mut leader = stage.worker_from(4, "AbCdE").await;
    amqp.publish("AbCdE", 1).await.unwrap();
    leader.take().await;
    let mut next = stage.idle_worker(2).await;

    let scaler = stage.scaler(&stage.documented()).start().unwrap();
    stage.costs(&[(1, "1")]).await;
    let told = shows(&scaler, "one busy, two idle", |told| {
        told["targets"][0]["busy"] == 1 && told["targets"][0]["idle"] == 2
    });
    let told = told.await;
    assert_eq!((&told["leads"], &told["error"]), (&true.into(), &Value::Null), "{told}");
    assert_eq!((&told["unmatched"], &told["changes"]), (&0.into(), &1.into()), "{told}");
    is_measured(&scaler, &stage.namespace);
    assert!(scaler.get("/status").unwrap().1.contains("Busy workers are kept"));

    next.consume().await;
    next.take().await;
    stage.costs(&[(1, "1"), (2, "1")]).await;
    busy.finish().await;
    stage.costs(&[(2, "1")]).await;
    next.finish().await;
    stage.costs(&[]).await;
    drop(leader);
}

/// One pod is busy, and its cost was written once.
fn is_measured(scaler: &RunningScaler, namespace: &str) {
    let labels = format!(r#"{{namespace="{namespace}",selector="app=worker",holding="busy"}}"#);
    let metrics = metrics(scaler);
    for line in [
        format!("zero_scaler_protect_pods{labels} 1.0"),
        "zero_scaler_protect_leader 1.0".into(),
        "zero_scaler_protect_failing 0.0".into(),
        "zero_scaler_protect_unmatched_holders 0.0".into(),
        "zero_scaler_protect_changes_total 1".into(),
        "zero_scaler_protect_failures_total 0".into(),
    ] {
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
}

/// Behind NAT a gateway's word leads to the pod; without it nothing does, and that is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_is_found_by_its_gateways_word_and_a_worker_without_a_pod_is_told() {
    let Some(stage) = Stage::set("found_by_its_gateways_word") else { return };
    stage.pod(1, "worker");
    stage.pod(2, "worker");
    let config = config_at(&stage.broker.amqp_uri("/"), "/");
    let pod = Some(format!("{}/worker-2", stage.namespace));
    let gateway = Gateway::start(Config { pod, ..config }).await.unwrap();
    let behind =
        tests::amqp::Amqp::connect(&format!("amqp://{}/", gateway.address())).await.unwrap();
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 2).await.unwrap();
    let _held = behind.hold(TASKS, 1).await.unwrap();
    let mut stranger = stage.worker(9).await;
    stranger.take().await;

    let scaler = stage.scaler(&stage.documented()).start().unwrap();
    stage.costs(&[(2, "1")]).await;
    let told = shows(&scaler, "a stranger", |told| told["unmatched"] == 1).await;
    let holder = told["unmatched_holders"][0].as_str().unwrap();
    assert!(holder.starts_with(&address(9).to_string()), "{told}");
    assert!(metrics(&scaler).contains("zero_scaler_protect_unmatched_holders 1.0"));
    let warned = "1 worker with a task cannot be protected";
    assert!(scaler.log().contains(warned) && scaler.log().contains(holder), "{}", scaler.log());
    stranger.finish().await;
    shows(&scaler, "no stranger", |told| told["unmatched"] == 0).await;
}

/// A worker takes aborts on the channel on which it takes tasks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_in_hand_is_no_task() {
    let Some(stage) = Stage::set("a_command_in_hand") else { return };
    stage.pod(1, "worker");
    stage.pod(2, "worker");
    let amqp = stage.amqp().await;
    let mut commanded = stage.worker(1).await;
    commanded.consume_also("command-ipc-routing-key").await;
    amqp.publish("command-ipc-routing-key", 1).await.unwrap();
    commanded.take_also().await;
    let scaler = stage.scaler(&stage.documented()).start().unwrap();
    shows(&scaler, "two idle", |told| told["targets"][0]["idle"] == 2).await;
    stage.broker_counts(1, 1).await;
    shows(&scaler, "two idle", |told| told["targets"][0]["idle"] == 2).await;
    assert_eq!(told(&scaler).unwrap()["changes"], 0, "{}", scaler.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_broker_is_away_costs_stay_and_that_is_told() {
    let Some(mut stage) = Stage::set("while_the_broker_is_away") else { return };
    stage.pod(1, "worker");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 1).await.unwrap();
    let mut busy = stage.worker(1).await;
    busy.take().await;
    let scaler = stage.scaler(&stage.documented()).start().unwrap();
    stage.costs(&[(1, "1")]).await;
    drop(busy);
    drop(amqp);
    stage.broker.stop().unwrap();
    let away = shows(&scaler, "trouble", |told| !told["error"].is_null()).await;
    assert!(away["error"].as_str().unwrap().starts_with("broker `default`: "), "{away}");
    let before = away["age_ms"].as_u64().unwrap();
    shows(&scaler, "three looks in vain", |told| told["age_ms"].as_u64() > Some(before + 15_000))
        .await;
    stage.costs(&[(1, "1")]).await;
    assert!(metrics(&scaler).contains("zero_scaler_protect_failing 1.0"));
    let page = scaler.get("/status").unwrap().1;
    assert!(page.contains("Busy workers may not be protected from scale-in."), "{page}");
    assert!(scaler.log().contains("so no cost is lowered: broker `default`"), "{}", scaler.log());

    stage.broker.start().unwrap();
    shows(&scaler, "no trouble", |told| told["error"].is_null()).await;
    stage.costs(&[]).await;
}

/// It sees its own channels alone, of which there are none: the same answer as with no worker at work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_see_channels_lowers_nothing_and_is_told_the_tag() {
    let Some(stage) = Stage::set("may_not_see_channels") else { return };
    stage.pod(1, "worker");
    stage.set_cost(1, "480");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 1).await.unwrap();
    let mut busy = stage.worker(1).await;
    busy.take().await;
    let scaler = stage.scaler_as("management", &stage.documented()).start().unwrap();
    let told = shows(&scaler, "the tag", |told| !told["error"].is_null()).await;
    assert!(told["error"].as_str().unwrap().contains("the tag `monitoring`"), "{told}");
    stage.costs(&[(1, "480")]).await;
    let seeing = stage.scaler_as("monitoring", &stage.documented()).start().unwrap();
    drop(scaler);
    let told = shows(&seeing, "one busy", |told| told["targets"][0]["busy"] == 1).await;
    assert_eq!(told["error"], Value::Null, "the tag is all that was missing");
    stage.costs(&[(1, "480")]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_cluster_refuses_is_told_with_the_right_that_is_missing() {
    let Some(stage) = Stage::set("what_the_cluster_refuses") else { return };
    stage.pod(1, "worker");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 1).await.unwrap();
    let mut busy = stage.worker(1).await;
    busy.take().await;
    let nobody = stage.scaler(&stage.login(&[])).start().unwrap();
    let told = shows(&nobody, "no Lease", |told| !told["error"].is_null()).await;
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("does not let us get leases in namespace"), "{told}");
    assert_eq!(told["leads"], false, "{told}");
    drop(nobody);
    let reader = stage.scaler(&stage.login(&[MAY_LIST])).start().unwrap();
    let told = shows(&reader, "no patch", |told| told["failures"].as_u64() > Some(0)).await;
    let error = told["error"].as_str().unwrap();
    assert!(error.contains("does not let us patch pods in namespace"), "{told}");
    assert!(error.contains("docs/operations.md"), "{told}");
    stage.costs(&[]).await;

    let checked = stage.scaler(&stage.login(&[])).args(["--check"]).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && said.contains("does not let us list pods"), "{said}");
    let checked = stage.scaler(&stage.documented()).args(["--check"]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// Whoever leads alone has an age to tell.
fn leads(scaler: &RunningScaler) -> bool {
    told(scaler).is_ok_and(|told| told["leads"] == true)
}

async fn one_leads(scalers: &[RunningScaler]) -> usize {
    until("one of them to lead", || {
        let leading = scalers.iter().filter(|scaler| leads(scaler)).count();
        Ok(if leading == 1 { Ok(()) } else { Err(format!("{leading} lead")) })
    })
    .await;
    scalers.iter().position(leads).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_replicas_acts_and_the_other_takes_over_from_the_costs_that_are_there() {
    let Some(stage) = Stage::set("one_of_two_replicas") else { return };
    stage.pod(1, "worker");
    stage.pod(2, "worker");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 2).await.unwrap();
    let mut busy = stage.worker(1).await;
    busy.take().await;
    stage.set_cost(1, "240");
    let launch = stage.scaler(&stage.documented());
    let mut scalers = vec![launch.start().unwrap(), launch.start().unwrap()];
    let first = one_leads(&scalers).await;
    let waiting =
        shows(&scalers[1 - first], "another leads", |told| !told["leader"].is_null()).await;
    assert_eq!((&waiting["leads"], &waiting["age_ms"]), (&false.into(), &Value::Null));
    let told = shows(&scalers[first], "one busy", |told| told["targets"][0]["busy"] == 1).await;
    assert_eq!((&told["leader"], &told["changes"]), (&waiting["leader"], &0.into()));

    // A crash: the other waits until the Lease has been silent for its time.
    let mut dead = scalers.remove(first);
    dead.signal(Signal::KILL).unwrap();
    dead.wait(LIMIT).unwrap();
    let next = launch.start().unwrap();
    until("the other to lead", || {
        Ok(if leads(&scalers[0]) { Ok(()) } else { Err("not yet".into()) })
    })
    .await;
    stage.costs(&[(1, "240")]).await;
    assert!(!leads(&next), "one at a time");

    // An orderly end: the Lease is free at once.
    scalers[0].terminate().unwrap();
    assert!(scalers[0].wait(LIMIT).unwrap().success());
    assert_eq!(stage.lease_holder(), "");
    assert!(scalers[0].log().contains("another replica may protect busy workers now"));
    let mut second = stage.worker(2).await;
    second.take().await;
    until("the third to lead", || Ok(if leads(&next) { Ok(()) } else { Err("not yet".into()) }))
        .await;
    stage.costs(&[(1, "240"), (2, "1")]).await;
}

/// A replica that was stopped for longer than its Lease finds another in its place, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_was_frozen_wakes_up_as_no_leader() {
    let Some(stage) = Stage::set("a_replica_that_was_frozen") else { return };
    stage.pod(1, "worker");
    let launch = stage.scaler(&stage.documented());
    let frozen = launch.start().unwrap();
    shows(&frozen, "it leads", |told| told["leads"] == true).await;
    frozen.signal(Signal::STOP).unwrap();
    let other = launch.start().unwrap();
    shows(&other, "the other leads", |told| told["leads"] == true).await;
    let changes = other.status().unwrap()["protect"]["changes"].clone();
    frozen.signal(Signal::CONT).unwrap();
    let woken = shows(&frozen, "it stands down", |told| told["leads"] == false).await;
    assert_eq!(woken["age_ms"], Value::Null, "{woken}");
    assert_eq!(changes, 0);
    assert!(leads(&other));
}

/// One scaler, one broker, two releases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_namespaces_are_protected_by_one_scaler() {
    let Some(stage) = Stage::set("two_namespaces") else { return };
    let other = stage.second("two_namespaces_second");
    stage.pod(1, "worker");
    stage.pod(2, "worker");
    other.pod(3, "worker");
    let amqp = stage.amqp().await;
    amqp.publish(TASKS, 2).await.unwrap();
    let (mut one, mut two) = (stage.worker(2).await, stage.worker(3).await);
    one.take().await;
    two.take().await;
    let login = stage.documented_for(&[&other.namespace]);
    let both = format!("{}/app=worker;{}/app=worker", stage.namespace, other.namespace);
    let launch = Launch::new().broker(stage.broker.access(), "/");
    let launch = launch.env("KUBECONFIG", &login).env("ZERO_SCALER_PROTECT", both);
    let scaler = launch.start().unwrap();
    stage.costs(&[(2, "1")]).await;
    other.costs(&[(3, "1")]).await;
    let told = shows(&scaler, "both", |told| told["targets"][1]["busy"] == 1).await;
    assert_eq!((&told["targets"][0]["idle"], &told["unmatched"]), (&1.into(), &0.into()), "{told}");
}

/// For the stage, which borrows it.
fn private(test: &str) -> Option<PrivateBroker> {
    let config = tests::rabbitmq::RabbitConfig {
        collect_statistics_interval: Some(Duration::from_secs(1)),
        ..tests::rabbitmq::RabbitConfig::default()
    };
    tests::harness::private_broker(test, &config)
}
