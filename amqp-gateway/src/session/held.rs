//! PURE: a task in the child's hands, from the first frame the child was shown until it is dealt with.

use std::time::Instant;

use amqp_admin::paladin::Head;

use crate::account::{Account, Owner};
use crate::activity::Task;
use crate::frame::Frame;
use crate::tags::{TASK_HEADER, Tags};
use crate::wire::ContentHeader;

/// A task in the child's hands.
#[derive(Debug)]
pub(super) struct Held {
    /// Its number on this connection, under which its body is kept.
    pub(super) number: u64,
    pub(super) channel: u16,
    /// As the child knows it.
    pub(super) delivery_tag: u64,
    /// The tag of the copy that the broker delivered again, of a connection that was lost.
    pub(super) adopted: Option<u64>,
    pub(super) queue: String,
    pub(super) header: ContentHeader,
    pub(super) tags: Tags,
    /// What its first bytes say, once they have come.
    pub(super) head: Option<Head>,
    pub(super) since: Instant,
    /// Whether other tasks were in hand while it was.
    pub(super) company: Company,
    /// The child was told to give it up.
    pub(super) abort_shown: bool,
    /// The child's words about why it failed.
    pub(super) reason: Option<String>,
    /// A failed result that the leader is not shown while there are attempts left.
    pub(super) withheld: Vec<Frame>,
    /// All of a result has been sent to the broker.
    pub(super) sent: bool,
    /// The broker has the result.
    pub(super) answered: bool,
    pub(super) end: End,
}

/// Whether all that is used while a task is in hand is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Company {
    Alone,
    Others,
}

/// How far a task's end has come.
#[derive(Debug)]
pub(super) enum End {
    /// The child works on it.
    Open,
    /// The child has acknowledged it, and its result has not come yet: the acknowledgement waits for
    /// it, so that a task is gone only when its result is there.
    Acked(Frame, Instant),
    /// The child has dropped it, and has not said why yet.
    Dropped(Instant),
    /// It is on its way back to its queue, or aside.
    Settling,
}

/// A failed task whose abort may still come.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) proof: Option<String>,
    /// It is tried again, so nobody is to give anything up.
    pub(super) is_held_back: bool,
    pub(super) at: Instant,
}

impl Held {
    /// The proof it belongs to: as it is tagged, else its result queue.
    pub(super) fn proof(&self) -> Option<String> {
        let queue = || self.head.as_ref().map(|head| head.result_queue.to_string());
        self.tags.proof.clone().or_else(queue)
    }

    /// The tag under which the broker waits for it.
    pub(super) fn tag(&self) -> u64 {
        self.adopted.unwrap_or(self.delivery_tag)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.end, End::Open)
    }

    /// The child has not done with it.
    pub(super) fn is_in_hand(&self) -> bool {
        matches!(self.end, End::Open | End::Acked(..))
    }

    /// The child knows of its failure.
    pub(super) fn is_failing(&self) -> bool {
        matches!(self.end, End::Dropped(_)) || self.reason.is_some()
    }

    /// Whether its result goes to this queue and has not come yet.
    pub(super) fn awaits_answer_to(&self, queue: &str) -> bool {
        let queues = self.head.as_ref().map(|head| &head.result_queue);
        !self.sent
            && self.reason.is_none()
            && !matches!(self.end, End::Settling)
            && queues.is_some_and(|known| known.as_str() == queue)
    }

    /// What is known of this try; `owner` knows more, unless other tasks are in hand too.
    pub(super) fn account(&self, owner: Option<&dyn Owner>, now: Instant) -> Account {
        let alone = owner.filter(|_| self.company == Company::Alone);
        let failed = owner.filter(|_| self.reason.is_some() || !self.is_in_hand());
        Account {
            worker: owner.and_then(Owner::name),
            attempt: Some(self.tags.attempt),
            took: Some(now.saturating_duration_since(self.since)),
            used: alone.map(Owner::used).unwrap_or_default(),
            log: failed.and_then(Owner::last_words),
        }
    }

    /// What its result is tagged with.
    pub(super) fn tags_of_result(
        &self,
        owner: Option<&dyn Owner>,
        now: Instant,
    ) -> Vec<(&'static str, String)> {
        let task = self.tags.task.iter().map(|task| (TASK_HEADER, task.clone()));
        task.chain(self.account(owner, now).tags()).collect()
    }

    pub(super) fn told(&self) -> Task {
        Task {
            id: self.tags.task.clone(),
            queue: self.queue.clone(),
            operation: self.head.as_ref().and_then(|head| head.operation),
            proof: self.proof(),
            result_queue: self.head.as_ref().map(|head| head.result_queue.clone()),
            block: self.tags.block,
            attempt: self.tags.attempt,
            since: self.since,
        }
    }
}
