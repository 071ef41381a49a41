//! PURE: how far a leader's work has come: what it has given out, and what it was shown in return.

use std::collections::BTreeMap;

use amqp_admin::paladin::{Head, Operation, failure_of_prefix};

use crate::activity::Leading;

/// A leader's tasks and results, as far as their first bytes say what they are.
#[derive(Debug, Default)]
pub(super) struct Lead {
    told: Leading,
    /// What is asked for in each result queue: paladin makes one for each kind of task.
    asked: BTreeMap<String, Operation>,
}

impl Lead {
    /// The leader has published a task.
    pub(super) fn published(&mut self, head: &Head) {
        let Some(operation) = head.operation else { return };
        self.told.work.entry(operation).or_default().published += 1;
        self.asked.insert(head.result_queue.to_string(), operation);
    }

    /// A result is shown to the leader.
    pub(super) fn answered(&mut self, queue: &str) {
        if let Some(operation) = self.asked.get(queue) {
            self.told.work.entry(*operation).or_default().answered += 1;
        }
    }

    /// The first bytes of a result that is shown to the leader.
    pub(super) fn read(&mut self, prefix: &[u8]) {
        if self.told.failure.is_none() {
            self.told.failure = failure_of_prefix(prefix);
        }
    }

    pub(super) fn told(&self) -> &Leading {
        &self.told
    }
}
