//! Removing a block's tasks from under its leader, and how that leader is brought to its end.

use std::path::PathBuf;

use amqp_admin::paladin::{self, Serializer};
use amqp_admin::{
    Act, BackupReader, End, Plan, QueueName, Report, Restorable, Success, TaskFilter, VhostName,
    Wanted,
};

use super::crowd::{carry_out, endpoint};
use super::stage::Stage;
use crate::stand_in::{Generation, V06, V07, VERIFIED};

/// What the leader is told.
const WORDS: &str = "block 6 was removed by an operator";

impl Stage<'_> {
    fn plan(&self) -> Plan {
        Plan::new(VhostName::new(self.vhost.name()).unwrap())
    }

    /// Carries out a plan; a stage has one backup.
    async fn carry_out(&self, plan: &Plan) -> Report {
        let access = self.vhost.access();
        let endpoint = endpoint(access, &access.amqp, self.vhost.name());
        carry_out(plan, &endpoint, &self.backup()).await
    }

    fn backup(&self) -> PathBuf {
        self.folder.path().join("backup.zero")
    }

    /// The tasks in the backup, which is closed.
    fn backed_up(&self) -> Vec<paladin::Task> {
        let mut reader = BackupReader::open(&self.backup()).unwrap();
        let mut tasks = Vec::new();
        loop {
            match reader.next_message().unwrap() {
                Restorable::Message(backed) => {
                    tasks.push(paladin::task(&backed.message.body).unwrap());
                }
                Restorable::End { whole } => {
                    assert!(whole);
                    return tasks;
                }
            }
        }
    }

    /// Every queue's name.
    fn names(&self) -> Vec<String> {
        let queues = self.queues();
        queues.iter().map(|queue| queue["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// Adds the steps that end the leaders of these result queues.
fn tell(plan: &mut Plan, queues: impl IntoIterator<Item = QueueName>, serializer: Serializer) {
    for queue in queues {
        plan.step(queue, Act::Tell { serializer, words: WORDS.to_owned() });
    }
}

async fn outlives_its_result_queue(generation: &Generation, args: &[&str], tasks: u64) {
    let test = "outlives_its_result_queue";
    let Some(stage) = Stage::set(test, generation).await else { return };
    let mut leader = stage.leader(6, args, tasks).await;
    assert_eq!(stage.take_tasks().await.len() as u64, tasks);
    // That of a fold is there too, which no task names before the first results.
    for queue in stage.names().iter().filter(|name| *name != generation.task_queue) {
        stage.amqp.delete(queue).await.unwrap();
    }
    stage.idle(&mut leader).await;
    assert_eq!(stage.names(), [generation.task_queue]);
}

#[tokio::test]
async fn a_deleted_result_queue_does_not_end_its_v0_7_leader() {
    outlives_its_result_queue(&V07, &[], 6).await;
    outlives_its_result_queue(&V07, &[V07.test_only], 6).await;
}

#[tokio::test]
async fn a_deleted_result_queue_does_not_end_its_v0_6_leader() {
    outlives_its_result_queue(&V06, &[], 12).await;
    outlives_its_result_queue(&V06, &[V06.test_only], 12).await;
}

/// Tells a leader in its language; gives what it wrote to its standard error.
async fn told(generation: &Generation, args: &[&str], tasks: u64, language: Serializer) -> String {
    let Some(stage) = Stage::set("told", generation).await else { return WORDS.to_owned() };
    let name = match language {
        Serializer::Postcard => "postcard",
        Serializer::Cbor => "cbor",
    };
    let mut leader = stage.leader(6, &[&["-s", name], args].concat(), tasks).await;
    let mut plan = stage.plan();
    let queues = stage.result_queues().await;
    tell(&mut plan, queues.into_iter().take(1), language);
    let report = stage.carry_out(&plan).await;
    assert_eq!(report.outcomes[0].end, End::Told, "{report:?}");
    assert_eq!(leader.ended().await.code(), Some(1), "{}", leader.errors());
    leader.errors()
}

#[tokio::test]
async fn a_failed_result_ends_a_v0_7_leader_that_simulates_with_our_words() {
    for language in [Serializer::Postcard, Serializer::Cbor] {
        let errors = told(&V07, &[V07.test_only], 6, language).await;
        assert!(errors.contains(WORDS), "{errors}");
    }
}

/// Of a segment's failure a v0.7 leader says nothing but its own words, whatever the cause.
#[tokio::test]
async fn a_failed_result_ends_a_v0_7_leader_that_proves_with_its_own_words() {
    for language in [Serializer::Postcard, Serializer::Cbor] {
        let errors = told(&V07, &[], 6, language).await;
        assert!(errors.contains("empty agg proof") || errors == WORDS, "{errors}");
    }
}

#[tokio::test]
async fn a_failed_result_ends_a_v0_6_leader_with_our_words() {
    for language in [Serializer::Postcard, Serializer::Cbor] {
        for args in [&[][..], &[V06.test_only]] {
            let errors = told(&V06, args, 12, language).await;
            assert!(errors.contains(WORDS), "{args:?}: {errors}");
        }
    }
}

#[tokio::test]
async fn a_failed_result_for_nobody_is_not_sent() {
    let Some(stage) = Stage::set("told_nobody", &V07).await else { return };
    stage.amqp.paladin_queue("AbCdE").await.unwrap();
    let mut plan = stage.plan();
    let queues = ["AbCdE", "XyZ12"].map(|name| QueueName::new(name).unwrap());
    tell(&mut plan, queues, Serializer::Postcard);
    let report = stage.carry_out(&plan).await;
    assert!(report.outcomes.iter().all(|outcome| outcome.end == End::Gone), "{report:?}");
    assert_eq!(stage.ready_in("AbCdE"), 0);
    assert_eq!(stage.names(), ["AbCdE"]);
}

/// Tasks of these blocks of v0.7, two transactions to a task.
const BLOCKS: [(u64, u64); 5] = [(4, 2), (5, 2), (6, 6), (7, 3), (10, 5)];

#[tokio::test]
async fn one_block_is_removed_and_the_other_four_complete() {
    let Some(stage) = Stage::set("one_of_five", &V07).await else { return };
    let mut leaders = Vec::new();
    for (block, tasks) in BLOCKS {
        leaders.push((block, stage.leader(block, &[], tasks).await));
    }
    let mut removal = stage.plan();
    let filter = TaskFilter { blocks: vec![6..=6], ..TaskFilter::default() };
    let (wanted, quorum) = (Wanted::Tasks(filter), false);
    let act = Act::Remove { wanted, messages: None, ready: None, quorum };
    removal.step(QueueName::new(V07.task_queue).unwrap(), act);
    assert_eq!(stage.carry_out(&removal).await.success(), Success::All);
    let removed = stage.backed_up();
    assert!(removed.len() == 6 && removed.iter().all(|task| task.block == Some(6)), "{removed:?}");

    std::fs::remove_file(stage.backup()).unwrap();
    let mut telling = stage.plan();
    let queues = removed.into_iter().map(|task| task.result_queue);
    tell(&mut telling, queues, Serializer::Postcard);
    let report = stage.carry_out(&telling).await;
    assert_eq!(report.success(), Success::All, "{report:?}");

    let _workers = stage.workers(&[]);
    for (block, leader) in &mut leaders {
        let end = leader.ended().await;
        if *block == 6 {
            assert_eq!(end.code(), Some(1), "{}", leader.errors());
        } else {
            assert!(end.success(), "block {block}: {}", leader.errors());
            let words = V07.verified(*block, &stage.home(*block));
            assert!(words.contains(VERIFIED), "block {block}: {words}");
        }
    }
    assert_eq!(stage.ready(), 0);
}
