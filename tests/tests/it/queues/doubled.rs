//! What a leader makes of a task that is in its queue twice: why a removal must double nothing.
//!
//! A directive over many tasks counts results and looks at no index, so a copy's result stands for
//! another task's. A directive over one task takes the first result.

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use tests::amqp::Amqp;
use tokio::task::JoinSet;

use super::stage::Stage;
use crate::stand_in::{Generation, Program, V06, V07, VERIFIED};

/// 12 transactions.
const BLOCK: u64 = 6;
/// Proofs that may end well before one does not: about one in ten does.
const TRIES: usize = 5;
/// Its last transaction.
const LAST: &str = "6:11";

/// Every task twice, the copies side by side.
async fn double(stage: &Stage<'_>) {
    for task in stage.take_tasks().await {
        for _ in 0..2 {
            stage.publish(stage.generation.task_queue, &task).await;
        }
    }
}

/// A leader that simulates, and a worker that finds fault with the last transaction.
async fn simulation(stage: &Stage<'_>, tasks: u64, doubled: bool) -> (Program, Program) {
    let generation = stage.generation;
    let leader = stage.leader(BLOCK, &[generation.test_only], tasks).await;
    if doubled {
        double(stage).await;
    }
    // The leader has the time of half the tasks to end before the fault is reached.
    let fault = ["--stand-in-ms-per-txn", "60", "--stand-in-fail-txn", LAST];
    // Of v0.7 the task itself says that it is a simulation.
    let test_only = Some(generation.test_only).filter(|_| generation.name() == "v06");
    let args: Vec<_> = fault.into_iter().chain(test_only).collect();
    let worker = generation.worker(0, &args, &stage.vhost, stage.folder.path());
    (leader, worker)
}

async fn doubled_tasks_hide_a_fault(generation: &Generation, tasks: u64) {
    let test = "doubled_tasks_hide_a_fault";
    let Some(stage) = Stage::set(test, generation).await else { return };
    let (mut leader, worker) = simulation(&stage, tasks, false).await;
    assert_eq!(leader.ended().await.code(), Some(1), "the fault is noticed");
    assert!(leader.errors().contains("KernelPanic"), "{}", leader.errors());
    drop(worker);

    // What an abort left for the next worker is not this test's matter.
    let Some(stage) = Stage::set(test, generation).await else { return };
    let (mut leader, _worker) = simulation(&stage, tasks, true).await;
    assert!(leader.ended().await.success(), "the fault is not noticed");
}

#[tokio::test]
async fn a_v0_7_simulation_with_doubled_tasks_ends_before_all_were_simulated() {
    doubled_tasks_hide_a_fault(&V07, 6).await;
}

#[tokio::test]
async fn a_v0_6_simulation_with_doubled_tasks_ends_before_all_were_simulated() {
    doubled_tasks_hide_a_fault(&V06, 12).await;
}

#[tokio::test]
async fn a_v0_7_proof_bears_doubled_segments() {
    let Some(stage) = Stage::set("doubled_segments", &V07).await else { return };
    let mut leader = stage.leader(BLOCK, &[], 6).await;
    double(&stage).await;
    let _workers = stage.workers(&[]);
    assert!(leader.ended().await.success(), "{}", leader.errors());
    let words = V07.verified(BLOCK, &stage.home(BLOCK));
    assert!(words.contains(VERIFIED), "{words}");
}

/// The leader counts enough results and deletes their queue. Those that come later make it anew, and
/// nobody will ever read them; those that came before are gone with it.
#[tokio::test]
async fn a_v0_6_leader_waits_for_ever_when_its_tasks_are_doubled() {
    let Some(stage) = Stage::set("doubled_transactions", &V06).await else { return };
    let mut leader = stage.leader(BLOCK, &[], 12).await;
    let awaited = stage.result_queues().await;
    assert_eq!(awaited.len(), 1, "one queue for all transactions of a block");
    double(&stage).await;
    let _workers = stage.workers(&[]);
    stage.idle(&mut leader).await;
    assert!(stage.ready_in(awaited.first().unwrap().as_str()) <= 12);
}

/// Hands on every task twice, to workers of another queue.
async fn double_on(uri: String, queue: &'static str) {
    let amqp = Amqp::connect(&uri).await.unwrap();
    let (options, none) =
        (BasicConsumeOptions { no_ack: true, ..Default::default() }, FieldTable::default());
    let consume = amqp.channel().basic_consume(V07.task_queue.into(), "".into(), options, none);
    let mut tasks = consume.await.unwrap();
    while let Some(task) = tasks.next().await {
        let task = task.unwrap();
        for _ in 0..2 {
            let (body, properties) = (&task.data, task.properties.clone());
            let options = BasicPublishOptions::default();
            let sent =
                amqp.channel().basic_publish("".into(), queue.into(), options, body, properties);
            drop(sent.await.unwrap());
        }
    }
}

/// Joining five segments, the second copies of 0–1 and 2–3 make 0–3 of what 2–4 was made of too: two
/// that overlap, and nothing left to join. Which copies meet is chance: some tries end with a proof.
#[tokio::test]
async fn a_v0_7_leader_may_wait_for_ever_when_its_joins_are_doubled() {
    for _ in 0..TRIES {
        let Some(stage) = Stage::set("doubled_joins", &V07).await else { return };
        let mut leader = stage.leader(10, &[], 5).await;
        let queue = "light-proof";
        stage.amqp.paladin_queue(queue).await.unwrap();
        let mut doubler = JoinSet::new();
        doubler.spawn(double_on(stage.vhost.amqp_uri(), queue));
        let args = ["--stand-in-ms-per-txn", "1", "--task-bus-routing-key", queue];
        let _worker = V07.worker(0, &args, &stage.vhost, stage.folder.path());
        let waits = stage.waits_on(queue, &mut leader).await;
        doubler.shutdown().await;
        if waits {
            return;
        }
    }
    panic!("{TRIES} times it made its proof");
}
