//! PURE: how far a leader's work has come: what it has given out, and what it was shown in return.

use std::collections::BTreeMap;
use std::time::Instant;

use amqp_admin::paladin::{Head, Operation, failure_of_prefix};

use crate::account::Account;
use crate::activity::{Failed, Leading, Step};
use crate::wire::ContentHeader;

/// A leader's tasks and results, as far as their first bytes say what they are.
#[derive(Debug, Default)]
pub(super) struct Lead {
    told: Leading,
    /// What is asked for in each result queue: paladin makes one for each kind of task.
    asked: BTreeMap<String, Operation>,
    /// What has happened and was not told yet.
    steps: Vec<Step>,
}

/// A result whose first bytes have not come.
#[derive(Debug)]
pub(super) struct Answer {
    task: Option<String>,
    operation: Option<Operation>,
    at: Instant,
    account: Account,
}

impl Lead {
    /// The leader has published a task.
    pub(super) fn published(&mut self, head: &Head, task: Option<String>, at: Instant) {
        let Some(operation) = head.operation else { return };
        self.told.work.entry(operation).or_default().published += 1;
        self.asked.insert(head.result_queue.to_string(), operation);
        self.steps.push(Step::Published { task, operation, at });
    }

    /// A result is shown to the leader.
    pub(super) fn answered(
        &mut self,
        queue: &str,
        header: Option<&ContentHeader>,
        at: Instant,
    ) -> Answer {
        let operation = self.asked.get(queue).copied();
        if let Some(operation) = operation {
            self.told.work.entry(operation).or_default().answered += 1;
        }
        let task = header.and_then(|header| crate::tags::read(header).task);
        let account = header.map(Account::of).unwrap_or_default();
        Answer { task, operation, at, account }
    }

    /// The first bytes of a result that is shown to the leader.
    pub(super) fn read(&mut self, prefix: &[u8], answer: Answer) {
        let Answer { task, operation, at, account } = answer;
        let words = failure_of_prefix(prefix);
        let failed = words.is_some();
        if let Some(words) = words.filter(|_| self.told.failure.is_none()) {
            self.told.failure = Some(Failed { words, operation, account: account.clone() });
        }
        if let Some(operation) = operation {
            self.steps.push(Step::Answered { task, operation, at, failed, account });
        }
    }

    pub(super) fn told(&self) -> &Leading {
        &self.told
    }

    pub(super) fn steps(&mut self) -> impl Iterator<Item = Step> + use<> {
        std::mem::take(&mut self.steps).into_iter()
    }
}
