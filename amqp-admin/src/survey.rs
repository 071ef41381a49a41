//! PURE: whose tasks wait in a queue, learned from looking at each message once.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::broker::Message;
use crate::name::QueueName;
use crate::paladin::{self, Operation, Serializer};
use crate::wanted::{BLOCK_HEADER, PROOF_HEADER};

/// Blocks named for one job at the most: a directive is about one block, so more are a forgery.
const BLOCKS_TOLD: usize = 64;
/// Jobs told apart at the most; the tasks of further ones are counted as a whole.
const JOBS_TOLD: usize = 100_000;

/// The tasks that answer to one result queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Ready tasks.
    pub tasks: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The blocks that they say they belong to.
    pub blocks: BTreeSet<u64>,
    /// The proofs that they are tagged with.
    pub proofs: BTreeSet<String>,
    /// Tasks by what is to be done.
    pub operations: BTreeMap<String, u64>,
    /// Tasks that do not say their block.
    pub without_block: u64,
    /// What its leader and workers write with.
    #[serde(skip)]
    pub serializer: Option<Serializer>,
}

/// What waits in one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Survey {
    /// By result queue.
    pub jobs: BTreeMap<QueueName, Job>,
    /// Messages looked at.
    pub seen: u64,
    /// Messages that are no tasks of any generation.
    pub unreadable: u64,
    /// Tasks of jobs beyond those told apart.
    pub untold: u64,
}

impl Survey {
    /// Takes a message into account.
    pub fn note(&mut self, message: &Message) {
        self.seen += 1;
        let Some(task) = paladin::task(&message.body) else {
            self.unreadable += 1;
            return;
        };
        if self.jobs.len() >= JOBS_TOLD && !self.jobs.contains_key(&task.result_queue) {
            self.untold += 1;
            return;
        }
        let tagged = message.properties.header(BLOCK_HEADER).and_then(|block| block.parse().ok());
        let block = tagged.or(task.block);
        let proof = message.properties.header(PROOF_HEADER);
        let bytes = message.body.len() as u64;
        let job = self.jobs.entry(task.result_queue).or_default();
        job.serializer = Some(task.serializer);
        job.note(task.operation, bytes, block, proof);
    }

    /// Tasks in all.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.jobs.values().map(|job| job.tasks).sum::<u64>() + self.untold
    }
}

impl Job {
    fn note(
        &mut self,
        operation: Operation,
        bytes: u64,
        block: Option<u64>,
        proof: Option<String>,
    ) {
        self.tasks += 1;
        self.bytes += bytes;
        *self.operations.entry(operation.to_string()).or_default() += 1;
        match block {
            Some(block) if self.blocks.len() < BLOCKS_TOLD => drop(self.blocks.insert(block)),
            Some(_) => {}
            None => self.without_block += 1,
        }
        if let Some(proof) = proof.filter(|_| self.proofs.len() < BLOCKS_TOLD) {
            self.proofs.insert(proof);
        }
    }
}
