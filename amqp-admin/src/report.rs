//! PURE: what became of a plan, step by step.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::plan::Step;
use crate::sift::Sifted;
use crate::words::{agree, plural};

/// What became of a whole plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// One for each step, in the plan's order.
    pub outcomes: Vec<Outcome>,
    /// The file that holds what was removed, if the plan needed one.
    pub backup: Option<PathBuf>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// Its end.
    pub end: End,
    /// What is worth knowing about it besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum End {
    /// The messages are gone.
    Purged {
        /// How many.
        messages: u64,
    },
    /// The wanted messages are in the backup, or in the other queue.
    Sifted(Sifted),
    /// The queue is gone.
    Deleted {
        /// Messages that went with it, into the backup.
        messages: u64,
    },
    /// The leader was given a result that ends it.
    Told,
    /// There was no such queue any more, or nobody waits there: nothing to do.
    Gone,
    /// It failed; what had been done by then stays done.
    Failed {
        /// Why, and what to do.
        cause: String,
        /// How far a sift had come.
        #[serde(skip_serializing_if = "Option::is_none")]
        so_far: Option<Sifted>,
    },
    /// The run was stopped before it.
    NotStarted,
}

/// The whole in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// Every step did what it was to do.
    All,
    /// Some did.
    Partial,
    /// None did.
    None,
}

impl End {
    /// Whether the step did what it was to do.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Purged { .. } | Self::Deleted { .. } | Self::Told | Self::Gone => true,
            Self::Sifted(sifted) => !sifted.stopped,
            Self::Failed { .. } | Self::NotStarted => false,
        }
    }
}

impl End {
    /// Messages that are out of their queue and in the safe place: the backup, or the other queue.
    fn taken_out(&self) -> u64 {
        match self {
            Self::Sifted(sifted) | Self::Failed { so_far: Some(sifted), .. } => sifted.wanted,
            Self::Deleted { messages } => *messages,
            Self::Purged { .. }
            | Self::Told
            | Self::Gone
            | Self::NotStarted
            | Self::Failed { so_far: None, .. } => 0,
        }
    }
}

impl Report {
    /// Messages that are out of their queues and in the safe place: the backup, or another queue.
    #[must_use]
    pub fn taken_out(&self) -> u64 {
        self.outcomes.iter().map(|outcome| outcome.end.taken_out()).sum()
    }

    /// Whether the plan was carried out.
    #[must_use]
    pub fn success(&self) -> Success {
        let done = self.outcomes.iter().filter(|outcome| outcome.end.is_success()).count();
        match done {
            done if done == self.outcomes.len() => Success::All,
            0 if self.taken_out() == 0 => Success::None,
            _ => Success::Partial,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = &self.step.queue;
        match &self.end {
            End::Purged { messages } => {
                write!(f, "`{queue}`: {} purged", plural(*messages, "message"))?;
            }
            End::Deleted { messages } => {
                write!(f, "`{queue}`: deleted, with {}", plural(*messages, "message"))?;
            }
            End::Told => write!(f, "`{queue}`: its leader was told")?,
            End::Gone => write!(f, "`{queue}`: gone already, nothing to do")?,
            End::NotStarted => write!(f, "`{queue}`: not begun")?,
            End::Failed { cause, .. } => write!(f, "`{queue}`: FAILED: {cause}")?,
            End::Sifted(sifted) => {
                let (wanted, kept) = (plural(sifted.wanted, "message"), sifted.kept());
                write!(f, "`{queue}`: {wanted} taken out, {kept} kept")?;
                write_details(f, sifted)?;
            }
        }
        match &self.remark {
            Some(remark) => write!(f, " ({remark})"),
            None => Ok(()),
        }
    }
}

fn write_details(f: &mut fmt::Formatter<'_>, sifted: &Sifted) -> fmt::Result {
    if sifted.unknown > 0 {
        write!(f, ", {} of them because it cannot be told what they are", sifted.unknown)?;
    }
    let missed = sifted.counted.saturating_sub(sifted.seen);
    if sifted.stopped {
        write!(f, ", stopped with {missed} not looked at")
    } else if missed > 0 {
        write!(f, ", {missed} {} taken by workers meanwhile", agree(missed, "was", "were"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::QueueName;
    use crate::plan::Act;

    fn outcome(end: End) -> Outcome {
        let act = Act::Purge { ready: Some(1), unacked: Some(0) };
        let step = Step { queue: QueueName::new("tasks").unwrap(), act };
        Outcome { step, end, remark: None }
    }

    fn success(ends: impl IntoIterator<Item = End>) -> Success {
        let outcomes = ends.into_iter().map(outcome).collect();
        Report { outcomes, backup: None }.success()
    }

    fn failed(wanted: u64) -> End {
        let so_far = (wanted > 0).then(|| Sifted { wanted, ..Sifted::default() });
        End::Failed { cause: "the broker went away".into(), so_far }
    }

    #[test]
    fn the_whole_is_partial_when_anything_was_done_and_anything_was_not() {
        let purged = || End::Purged { messages: 1 };
        assert_eq!(success([purged(), End::Gone]), Success::All);
        assert_eq!(success([]), Success::All);
        assert_eq!(success([purged(), failed(0)]), Success::Partial);
        assert_eq!(success([failed(0), End::NotStarted]), Success::None);
        assert_eq!(success([failed(3)]), Success::Partial);
        let stopped = Sifted { counted: 9, seen: 1, stopped: true, ..Sifted::default() };
        assert_eq!(success([End::Sifted(stopped)]), Success::None);
    }

    #[test]
    fn an_outcome_reads_as_what_happened() {
        let sifted = Sifted { counted: 9, seen: 7, wanted: 2, unknown: 1, ..Sifted::default() };
        let ends = [End::Sifted(sifted), End::Deleted { messages: 0 }, End::Gone, failed(0)];
        let told: Vec<_> = ends.into_iter().map(|end| outcome(end).to_string()).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        `tasks`: 2 messages taken out, 5 kept, 1 of them because it cannot be told what they are, 2 were taken by workers meanwhile
        `tasks`: deleted, with 0 messages
        `tasks`: gone already, nothing to do
        `tasks`: FAILED: the broker went away
        ");
    }
}
