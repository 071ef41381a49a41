//! A vhost for leaders and workers of the stand-in prover, and what waits in its queues.

use std::collections::BTreeSet;
use std::path::PathBuf;

use amqp_admin::{QueueName, paladin};
use lapin::BasicProperties;
use lapin::options::{BasicGetOptions, BasicNackOptions, BasicPublishOptions};
use serde_json::Value;
use tempfile::TempDir;
use tests::access::segment;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::poll;

use crate::stand_in::{Generation, LIMIT, Program};

/// Looks in a row, the broker having nothing, after which nothing comes any more: 3 seconds.
const QUIET_LOOKS: usize = 15;

/// The vhost, and a folder for each leader.
pub(super) struct Stage<'g> {
    pub(super) generation: &'g Generation,
    pub(super) vhost: Vhost,
    pub(super) amqp: Amqp,
    pub(super) folder: TempDir,
}

/// A message as it is published.
pub(super) type Published = (BasicProperties, Vec<u8>);

impl<'g> Stage<'g> {
    pub(super) async fn set(test: &str, generation: &'g Generation) -> Option<Self> {
        let vhost = harness::vhost(&format!("{test}_{}", generation.name()))?;
        let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
        Some(Self { generation, vhost, amqp, folder: tempfile::tempdir().unwrap() })
    }

    /// The folder of a block's leader.
    pub(super) fn home(&self, block: u64) -> PathBuf {
        let home = self.folder.path().join(block.to_string());
        std::fs::create_dir_all(&home).unwrap();
        home
    }

    /// A leader at work on a block, and so many tasks more in the queue than before.
    pub(super) async fn leader(&self, block: u64, args: &[&str], tasks: u64) -> Program {
        let before = self.ready();
        let leader = self.generation.leader(block, args, &self.vhost, &self.home(block));
        let there = poll::until("the leader's tasks", LIMIT, async || {
            let ready = self.ready();
            if ready == before + tasks { Ok(()) } else { Err(format!("{ready} tasks")) }
        });
        there.await.unwrap();
        leader
    }

    /// Two workers that take no time.
    pub(super) fn workers(&self, args: &[&str]) -> [Program; 2] {
        self.generation.two_workers("1", args, &self.vhost, self.folder.path())
    }

    /// Every queue, with its counts.
    pub(super) fn queues(&self) -> Vec<Value> {
        let vhost = segment(self.vhost.name());
        let path = format!("/api/queues/{vhost}?disable_stats=true&enable_queue_totals=true");
        let queues = self.vhost.access().management().get(&path).unwrap();
        queues.as_array().unwrap().clone()
    }

    /// Ready tasks.
    pub(super) fn ready(&self) -> u64 {
        self.ready_in(self.generation.task_queue)
    }

    /// Ready messages of a queue, which may not be there.
    pub(super) fn ready_in(&self, queue: &str) -> u64 {
        let queues = self.queues();
        let queue = queues.iter().find(|known| known["name"] == queue);
        queue.map_or(0, |queue| queue["messages_ready"].as_u64().unwrap())
    }

    /// Takes all ready tasks away.
    pub(super) async fn take_tasks(&self) -> Vec<Published> {
        self.look(true).await
    }

    /// The queues where the results of ready tasks are awaited.
    pub(super) async fn result_queues(&self) -> BTreeSet<QueueName> {
        let tasks = self.look(false).await;
        tasks.iter().map(|(_, body)| paladin::task(body).unwrap().result_queue).collect()
    }

    async fn look(&self, take: bool) -> Vec<Published> {
        let channel = self.amqp.new_channel().await.unwrap();
        let (queue, mut tasks) = (self.generation.task_queue, Vec::new());
        let options = BasicGetOptions { no_ack: take };
        while let Some(got) = channel.basic_get(queue.into(), options).await.unwrap() {
            tasks.push((got.delivery.properties, got.delivery.data));
        }
        if !take {
            let all = BasicNackOptions { multiple: true, requeue: true };
            channel.basic_nack(0, all).await.unwrap();
        }
        channel.close(200, "done".into()).await.unwrap();
        tasks
    }

    /// Puts a message into a queue.
    pub(super) async fn publish(&self, queue: &str, (properties, body): &Published) {
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        let channel = self.amqp.channel();
        let sent =
            channel.basic_publish("".into(), queue.into(), options, body, properties.clone());
        drop(sent.await.unwrap());
        assert!(channel.wait_for_confirms().await.unwrap().is_empty());
    }

    /// Waits until there has been no task for a while, ready or in a worker's hands, while the
    /// leader has gone on waiting: it always will.
    pub(super) async fn idle(&self, leader: &mut Program) {
        self.idle_on(self.generation.task_queue, leader).await;
    }

    /// The same with a task queue of another name.
    pub(super) async fn idle_on(&self, queue: &str, leader: &mut Program) {
        let waits = self.waits_on(queue, leader).await;
        assert!(waits, "the leader ended: {}", leader.errors());
    }

    /// Whether the leader goes on waiting after there has been no task for a while, ready or in a
    /// worker's hands; not so when it ends before.
    pub(super) async fn waits_on(&self, queue: &str, leader: &mut Program) -> bool {
        let mut quiet = 0;
        let looked = poll::until("the end of all tasks", LIMIT, async || {
            if leader.end().is_some() {
                return Ok(false);
            }
            let queues = self.queues();
            let tasks = queues.iter().find(|known| known["name"] == queue);
            let empty = tasks.is_none_or(|tasks| tasks["messages"] == 0);
            quiet = if empty { quiet + 1 } else { 0 };
            if quiet > QUIET_LOOKS { Ok(true) } else { Err(format!("{queues:?}")) }
        });
        looked.await.unwrap()
    }
}
