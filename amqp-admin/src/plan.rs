//! PURE: what a command will do, as data: shown before, done after, told in the same words.

use std::fmt;

use serde::Serialize;

use crate::name::{QueueName, VhostName};
use crate::paladin::Serializer;
use crate::queue::{Queue, QueueKind};
use crate::wanted::Wanted;
use crate::words::plural;

/// So many empty queues that go share a line: one each would hide the rest of the plan.
const MANY: usize = 6;

/// Everything a command will do, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Where.
    pub vhost: VhostName,
    /// The steps. Each stands alone: one that fails does not keep the others from being done.
    pub steps: Vec<Step>,
    /// What the steps do not reach or bring about, for whoever decides.
    pub notes: Vec<String>,
}

/// One thing done to one queue. Counts are those of the moment of planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The queue.
    pub queue: QueueName,
    /// What is done to it.
    #[serde(flatten)]
    pub act: Act,
}

/// What is done to a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Act {
    /// All ready messages go at once, into no backup.
    Purge {
        /// Ready messages; `None`: the broker did not say.
        ready: Option<u64>,
        /// Messages in workers' hands, which stay.
        unacked: Option<u64>,
    },
    /// Wanted messages go into the backup.
    Remove {
        /// Which.
        #[serde(skip)]
        wanted: Wanted,
        /// How many; `None`: they were not looked at.
        messages: Option<u64>,
        /// Ready messages of the queue.
        ready: Option<u64>,
        /// The queue's kind makes messages that stay go to its end.
        quorum: bool,
    },
    /// Wanted messages go to another queue.
    Move {
        /// Which.
        #[serde(skip)]
        wanted: Wanted,
        /// How many; `None`: they were not looked at.
        messages: Option<u64>,
        /// Ready messages of the queue.
        ready: Option<u64>,
        /// Where.
        to: QueueName,
        /// The queue's kind makes messages that stay go to its end.
        quorum: bool,
    },
    /// A leader that waits for results in the queue is told that its work failed, and ends.
    Tell {
        /// What the leader understands.
        #[serde(skip)]
        serializer: Serializer,
        /// What it will print as the cause.
        words: String,
    },
    /// The queue goes.
    Delete {
        /// Messages that go with it into the backup.
        ready: Option<u64>,
        /// Only while nobody consumes from it.
        only_unused: bool,
    },
}

impl Plan {
    /// A plan without steps.
    #[must_use]
    pub fn new(vhost: VhostName) -> Self {
        Self { vhost, steps: Vec::new(), notes: Vec::new() }
    }

    /// Adds a step.
    pub fn step(&mut self, queue: QueueName, act: Act) {
        self.steps.push(Step { queue, act });
    }

    /// Adds the step that takes wanted messages out of a queue: into the backup, or `to` another
    /// queue. `messages`: how many, if they were looked at.
    pub fn take_out(
        &mut self,
        queue: &Queue,
        wanted: Wanted,
        messages: Option<u64>,
        to: Option<QueueName>,
    ) {
        let (ready, quorum) = (queue.reading.ready, queue.kind == QueueKind::Quorum);
        let act = match to {
            None => Act::Remove { wanted, messages, ready, quorum },
            Some(to) => Act::Move { wanted, messages, ready, to, quorum },
        };
        self.step(queue.name.clone(), act);
    }

    /// Adds a note, once.
    pub fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Whether a step takes messages that have to be in a backup first.
    #[must_use]
    pub fn needs_backup(&self) -> bool {
        self.steps.iter().any(|step| match step.act {
            Act::Remove { .. } | Act::Delete { .. } => true,
            Act::Purge { .. } | Act::Move { .. } | Act::Tell { .. } => false,
        })
    }

    /// Messages that will go; `None` where one of the counts is not known.
    #[must_use]
    pub fn messages(&self) -> Option<u64> {
        let counts = self.steps.iter().map(|step| match step.act {
            Act::Purge { ready, .. } | Act::Delete { ready, .. } => ready,
            Act::Remove { messages, .. } | Act::Move { messages, .. } => messages,
            Act::Tell { .. } => Some(0),
        });
        counts.sum()
    }
}

/// So many ready messages, or that their number is not known.
struct Ready(Option<u64>);

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => f.write_str(&plural(count, "ready message")),
            None => f.write_str("an unknown number of ready messages"),
        }
    }
}

/// How many of them.
struct Part(Option<u64>);

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => write!(f, "{count}"),
            None => f.write_str("the wanted ones"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.queue;
        match &self.act {
            Act::Purge { ready, .. } => {
                write!(f, "purge {} of `{queue}`, without a backup", Ready(*ready))
            }
            Act::Remove { messages, ready, .. } => {
                let (part, ready) = (Part(*messages), Ready(*ready));
                write!(f, "remove {part} of {ready} of `{queue}` into the backup")
            }
            Act::Move { messages, ready, to, .. } => {
                let (part, ready) = (Part(*messages), Ready(*ready));
                write!(f, "move {part} of {ready} of `{queue}` to `{to}`")
            }
            Act::Tell { .. } => {
                write!(
                    f,
                    "tell the leader that waits on `{queue}` that its work was removed: it ends"
                )
            }
            Act::Delete { ready, only_unused } => {
                let when = if *only_unused { ", if still nobody consumes from it" } else { "" };
                write!(f, "delete the queue `{queue}` with {}{when}", Ready(*ready))
            }
        }
    }
}

/// The deletion of many empty queues, by the first of them, in one line.
struct Alike<'a>(&'a Step, &'a [Step]);

impl fmt::Display for Alike<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, all) = self;
        let unused = matches!(first.act, Act::Delete { only_unused: true, .. });
        let when = if unused { ", each if still nobody consumes from it" } else { "" };
        write!(f, "delete {} empty queues{when}: ", all.len())?;
        let names: Vec<String> = all.iter().map(|step| format!("`{}`", step.queue)).collect();
        f.write_str(&names.join(", "))
    }
}

impl Step {
    /// Whether a queue goes and no message with it.
    fn is_empty_queue(&self) -> bool {
        matches!(self.act, Act::Delete { ready: Some(0), .. })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "In vhost `{}`:", self.vhost)?;
        let mut number = 1;
        for alike in self.steps.chunk_by(|one, other| one.is_empty_queue() && one.act == other.act)
        {
            let last = number + alike.len() - 1;
            match alike {
                [step, ..] if alike.len() >= MANY => {
                    writeln!(f, "  {number}–{last}. {}", Alike(step, alike))?;
                }
                _ => {
                    for (step, number) in alike.iter().zip(number..) {
                        writeln!(f, "  {number}. {step}")?;
                    }
                }
            }
            number = last + 1;
        }
        if self.steps.is_empty() {
            writeln!(f, "  nothing to do")?;
        }
        for note in &self.notes {
            writeln!(f, "  note: {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{QueueRole, Reading};

    fn queue(name: &str) -> QueueName {
        QueueName::new(name).unwrap()
    }

    fn with_ready(name: &str, ready: u64) -> Queue {
        Queue::classic(queue(name), QueueRole::Other, Reading::known(ready, 0))
    }

    #[test]
    fn a_plan_reads_as_what_will_be_done() {
        let mut plan = Plan::new(VhostName::default());
        plan.step(queue("a"), Act::Purge { ready: Some(3), unacked: Some(1) });
        let wanted = Wanted::Everything;
        plan.take_out(&with_ready("b", 9), wanted.clone(), Some(2), None);
        plan.take_out(&with_ready("c", 9), wanted, None, Some(queue("z")));
        plan.step(queue("AbCdE"), Act::Delete { ready: Some(0), only_unused: true });
        let (serializer, words) = (Serializer::Postcard, "removed".to_owned());
        plan.step(queue("AbCdE"), Act::Tell { serializer, words });
        plan.note("1 message is in a worker's hands");
        plan.note("1 message is in a worker's hands");
        insta::assert_snapshot!(plan, @"
        In vhost `/`:
          1. purge 3 ready messages of `a`, without a backup
          2. remove 2 of 9 ready messages of `b` into the backup
          3. move the wanted ones of 9 ready messages of `c` to `z`
          4. delete the queue `AbCdE` with 0 ready messages, if still nobody consumes from it
          5. tell the leader that waits on `AbCdE` that its work was removed: it ends
          note: 1 message is in a worker's hands
        ");
        assert!(plan.needs_backup());
        assert_eq!(plan.messages(), None);
    }

    #[test]
    fn many_empty_queues_that_go_share_a_line() {
        let mut plan = Plan::new(VhostName::default());
        let delete = |ready| Act::Delete { ready: Some(ready), only_unused: true };
        plan.step(queue("full"), delete(3));
        for name in ["a", "b", "c", "d", "e", "f"] {
            plan.step(queue(name), delete(0));
        }
        plan.step(queue("z"), Act::Purge { ready: Some(3), unacked: None });
        insta::assert_snapshot!(plan, @"
        In vhost `/`:
          1. delete the queue `full` with 3 ready messages, if still nobody consumes from it
          2–7. delete 6 empty queues, each if still nobody consumes from it: `a`, `b`, `c`, `d`, `e`, `f`
          8. purge 3 ready messages of `z`, without a backup
        ");
    }

    #[test]
    fn an_empty_plan_says_so() {
        let plan = Plan::new(VhostName::default());
        assert_eq!(plan.to_string(), "In vhost `/`:\n  nothing to do\n");
        assert_eq!(plan.messages(), Some(0));
    }
}
