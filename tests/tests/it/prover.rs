//! The main job with everything real but the proving: a leader and workers make the queues, the
//! scaler counts them over its socket, and workers come and go.

use tests::harness::{self, Vhost};
use tests::keda::{KedaClient, Polled, scaled_object};
use tests::poll;
use tests::scaler::{Launch, RunningScaler};

use crate::stand_in::{Generation, LIMIT, Program, V06, V07, VERIFIED};

/// The block of every test here: 12 transactions.
const BLOCK: u64 = 6;
/// Slow enough to be seen at work, fast enough for a test.
const MS_PER_TXN: &str = "150";

async fn polled(keda: &KedaClient, vhost: &Vhost) -> Result<Polled, String> {
    let object = scaled_object("provers", vhost.name(), &[("vhost", vhost.name())]);
    keda.poll(&object).await.map_err(|status| status.to_string())
}

/// Until KEDA reads this value; gives the poll that did.
async fn reads(keda: &KedaClient, vhost: &Vhost, value: f64) -> Polled {
    let what = format!("the value {value}");
    let looked = poll::until(&what, LIMIT, async || {
        let polled = polled(keda, vhost).await?;
        let same = (polled.value.since_2_17() - value).abs() < 0.5;
        if same { Ok(polled) } else { Err(format!("{polled:?}")) }
    });
    looked.await.unwrap()
}

/// `tasks` are there before the first is proved.
async fn counts_a_proof(generation: &Generation, tasks: f64) {
    let test = format!("{}_proof", generation.name());
    let Some(vhost) = harness::vhost(&test) else { return };
    let home = tempfile::tempdir().unwrap();
    let scaler = RunningScaler::on(vhost.access(), vhost.name()).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    assert!(!reads(&keda, &vhost, 0.0).await.active);

    let mut leader = generation.leader(BLOCK, &[], &vhost, home.path());
    assert!(reads(&keda, &vhost, tasks).await.active);

    let workers = generation.two_workers(MS_PER_TXN, &[], &vhost, home.path());
    let explain = format!("/explain?namespace=provers&name={}", vhost.name());
    let busy = poll::until("two busy workers", LIMIT, async || {
        polled(&keda, &vhost).await?;
        let (_, told) = scaler.get(&explain).map_err(|error| error.to_string())?;
        if told.contains("busy floor: 2 busy workers") { Ok(()) } else { Err(told) }
    });
    busy.await.unwrap();

    assert!(leader.ended().await.success());
    assert!(!reads(&keda, &vhost, 0.0).await.active);
    drop(workers);
    let words = generation.verified(BLOCK, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}

#[tokio::test]
async fn the_tasks_of_a_v0_7_leader_are_counted_until_they_are_proved() {
    counts_a_proof(&V07, 6.0).await;
}

#[tokio::test]
async fn the_tasks_of_a_v0_6_leader_are_counted_until_they_are_proved() {
    counts_a_proof(&V06, 12.0).await;
}

/// The most workers that `/status.json` told of, while `work` goes on.
async fn most_running(scaler: &RunningScaler, leader: &mut Program) -> u64 {
    let mut most = 0;
    let looked = poll::until("the leader to end", LIMIT, async || {
        let status = scaler.status().map_err(|error| error.to_string())?;
        most = most.max(status["local"]["running"].as_u64().unwrap_or(0));
        leader.end().ok_or_else(|| status["local"].to_string())
    });
    assert!(looked.await.unwrap().success());
    most
}

#[tokio::test]
async fn on_one_machine_workers_come_with_the_backlog_and_go_with_it() {
    let Some(vhost) = harness::vhost("local_proof") else { return };
    let home = tempfile::tempdir().unwrap();
    let worker = format!("{} --runtime=amqp", V07.path("worker").display());
    let scaler = Launch::new()
        .args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"])
        .broker(vhost.access(), vhost.name())
        .args(["local", "--worker", &worker, "--max", "3", "--stabilization", "1s"])
        .env(V07.uri_variable, vhost.amqp_uri())
        .env("STAND_IN_MS_PER_TXN", MS_PER_TXN)
        .start()
        .unwrap();
    let mut leader = V07.leader(BLOCK, &[], &vhost, home.path());
    let most = most_running(&scaler, &mut leader).await;
    assert_eq!(most, 3, "six tasks and room for three workers");
    let gone = poll::until("no worker to run", LIMIT, async || {
        let status = scaler.status().map_err(|error| error.to_string())?;
        let running = status["local"]["running"].as_u64();
        if running == Some(0) { Ok(()) } else { Err(status["local"].to_string()) }
    });
    gone.await.unwrap();
    let words = V07.verified(BLOCK, home.path());
    assert!(words.contains(VERIFIED), "{words}");
}
