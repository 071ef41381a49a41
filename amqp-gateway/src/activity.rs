//! What the child is doing, as the frames say it.

use std::collections::BTreeMap;
use std::time::Instant;

use amqp_admin::QueueName;
use amqp_admin::paladin::Operation;

use crate::account::Account;

/// A task in the child's hands: shown to it, and not yet both acknowledged and answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its `zero-task` header: the same for every copy of it. Unknown for one that no gateway tagged.
    pub id: Option<String>,
    /// The queue it came from.
    pub queue: String,
    /// What is to be done, where its first bytes say it.
    pub operation: Option<Operation>,
    /// The proof it belongs to: its `zero-proof` header, else its result queue.
    pub proof: Option<String>,
    /// Where its leader waits for the result.
    pub result_queue: Option<QueueName>,
    /// The block it belongs to, where a header says it.
    pub block: Option<u64>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it was shown to the child.
    pub since: Instant,
}

/// What has become of tasks, results and aborts since the gateway started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Tasks that the child published: a leader's.
    pub published: u64,
    /// Tasks that were shown to the child: a worker's.
    pub delivered: u64,
    /// Tasks that the child acknowledged.
    pub done: u64,
    /// Tasks that the child dropped, or died of.
    pub failed: u64,
    /// Failed tasks that were given back to be tried again.
    pub retried: u64,
    /// Failed tasks that were put aside after their last attempt.
    pub dead_lettered: u64,
    /// Tries to put a task aside that the broker did not take.
    pub dead_letters_refused: u64,
    /// Tasks that the child dropped because it was told to.
    pub aborted: u64,
    /// Tasks that were not shown to the child because it cannot read them.
    pub unreadable: u64,
    /// Tasks that went back to their queue untried.
    pub given_back: u64,
    /// Results that the child published: a worker's.
    pub results: u64,
    /// Results that were shown to the child: a leader's.
    pub answered: u64,
    /// Results and redelivered tasks that had been there before and were dropped.
    pub twins: u64,
    /// Aborts that did not concern the child and were dropped.
    pub aborts_dropped: u64,
    /// Connections to the broker that were lost and made anew.
    pub reconnects: u64,
    /// Bytes read from the child.
    pub bytes_from_child: u64,
    /// Bytes read from the broker.
    pub bytes_from_broker: u64,
}

/// The tasks of one kind that a leader has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Published.
    pub published: u64,
    /// Answered: a result was shown to the leader, good or bad.
    pub answered: u64,
}

/// How far a leader's work has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leading {
    /// By what is to be done; tasks whose first bytes cannot be read are not in it.
    pub work: BTreeMap<Operation, Work>,
    /// The first task that failed and whose failure was shown to the leader. A v0.7 leader does not
    /// repeat the worker's words.
    pub failure: Option<Failed>,
}

/// A task that failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failed {
    /// Why, in the worker's words.
    pub words: String,
    /// What was to be done.
    pub operation: Option<Operation>,
    /// Whose words they are, and what its log says.
    pub account: Account,
}

/// One thing that happened to one task of a leader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The leader has given it out.
    Published {
        /// Its `zero-task` header.
        task: Option<String>,
        /// What is to be done.
        operation: Operation,
        /// When.
        at: Instant,
    },
    /// Its result was shown to the leader.
    Answered {
        /// Its `zero-task` header, where the worker has a gateway.
        task: Option<String>,
        /// What was to be done.
        operation: Operation,
        /// When.
        at: Instant,
        /// It has failed.
        failed: bool,
        /// What the worker's gateway says of it.
        account: Account,
    },
}

/// What the child is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activity {
    /// The child's connections that have one to the broker behind them.
    pub connections: usize,
    /// Task queues the child consumes from: a worker that has one is ready.
    pub consuming: Vec<String>,
    /// Tasks in its hands, oldest first. A worker with none is idle.
    pub in_hand: Vec<Task>,
    /// Result queues that the child waits on: a leader's, until it deletes them. What is left here
    /// when the child has ended is left in the broker.
    pub awaited: Vec<QueueName>,
    /// Of a leader: how far its work has come.
    pub leading: Leading,
    /// What has become of tasks since the gateway started.
    pub counters: Counters,
    /// No new task is shown to the child.
    pub draining: bool,
    /// The child would drop its next task (an abort came as it finished one), or it ends by itself:
    /// it is shown none, and is to be replaced.
    pub spent: bool,
    /// Connections of the child that were cut off since the gateway started: the broker was lost in a way
    /// that could not be made good, or it has closed the connection, or the channel that the child
    /// consumes on, for a fault. paladin does not act on it: a leader waits for ever and a worker idles,
    /// so the child is to be replaced when this grows.
    pub severed: u64,
    /// Steps of tasks that were not told, because nobody took them in time.
    pub untold: u64,
    /// The last thing that went wrong between child and broker, in words for an operator.
    pub trouble: Option<String>,
}

impl Leading {
    /// Both together.
    pub(crate) fn add(&mut self, other: &Self) {
        for (operation, more) in &other.work {
            let work = self.work.entry(*operation).or_default();
            work.published += more.published;
            work.answered += more.answered;
        }
        if self.failure.is_none() {
            self.failure.clone_from(&other.failure);
        }
    }
}

impl Counters {
    /// Both together.
    pub(crate) fn plus(&self, other: &Self) -> Self {
        Self {
            published: self.published + other.published,
            delivered: self.delivered + other.delivered,
            done: self.done + other.done,
            failed: self.failed + other.failed,
            retried: self.retried + other.retried,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            dead_letters_refused: self.dead_letters_refused + other.dead_letters_refused,
            aborted: self.aborted + other.aborted,
            unreadable: self.unreadable + other.unreadable,
            given_back: self.given_back + other.given_back,
            results: self.results + other.results,
            answered: self.answered + other.answered,
            twins: self.twins + other.twins,
            aborts_dropped: self.aborts_dropped + other.aborts_dropped,
            reconnects: self.reconnects + other.reconnects,
            bytes_from_child: self.bytes_from_child + other.bytes_from_child,
            bytes_from_broker: self.bytes_from_broker + other.bytes_from_broker,
        }
    }
}
