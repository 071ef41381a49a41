//! PURE: why an attempt failed, from all that is known, and whether another may do better.

use amqp_gateway::Failed;

use crate::ending::Ending;

/// So much of a leader's own words is told.
const TOLD: usize = 600;

/// What is known of an attempt that failed.
#[derive(Debug, Clone, Default)]
pub struct Clues<'a> {
    /// How the leader ended, if by itself.
    pub ending: Option<&'a Ending>,
    /// The end of what it wrote to its standard error.
    pub errors: &'a str,
    /// What it said of a block that failed.
    pub block: Option<&'a str>,
    /// The task that failed, in its worker's words: v0.7's leader hides them.
    pub task: Option<&'a Failed>,
    /// What went wrong between leader and broker.
    pub trouble: Option<&'a str>,
    /// Why we ended it.
    pub ended: Option<&'a str>,
}

/// Why, and whether to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// In words, the cause first.
    pub words: String,
    /// Another attempt may end otherwise.
    pub again: bool,
}

/// Puts the clues together. A task that failed has been tried several times already, and a command
/// line stays as wrong as it is: neither is tried again.
#[must_use]
pub fn reason(clues: &Clues<'_>) -> Reason {
    let hopeless = clues.ending.is_some_and(|ending| ending.cause.is_hopeless());
    let again = !hopeless && clues.task.is_none();
    let mut parts = Vec::new();
    parts.extend(clues.task.map(of_task));
    parts.extend(clues.ended.map(ToOwned::to_owned));
    if let Some(ending) = clues.ending {
        let own = error_line(clues.errors).or(clues.block);
        let own = own.map(|words| format!(": {}", cut(words))).unwrap_or_default();
        parts.push(format!("the leader {}{own}", ending.words));
    }
    parts.extend(clues.trouble.map(|words| format!("the gateway: {}", cut(words))));
    Reason { words: parts.join("; "), again }
}

/// What was to be done, by whom, why it failed, and what that worker's log says beside.
fn of_task(failed: &Failed) -> String {
    let Failed { words, operation, account } = failed;
    let what = operation.map(|operation| format!(" ({operation})")).unwrap_or_default();
    let tries = account.attempt.filter(|tries| *tries > 1);
    let tries = tries.map(|tries| format!(" at try {tries}")).unwrap_or_default();
    let on = account.worker.as_ref().map(|worker| format!(" on worker `{worker}`"));
    let on = on.unwrap_or_default();
    // A log that says the same in more words says it once.
    let log = account.log.as_ref().map(|log| format!("; its log: {}", cut(log)));
    let log = log.unwrap_or_default();
    format!("a task{what} failed{on}{tries}: {}{log}", cut(words))
}

/// `Error: …`, as `main` writes it; else the last line.
fn error_line(errors: &str) -> Option<&str> {
    let lines = || errors.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let named = lines().find_map(|line| line.strip_prefix("Error: "));
    named.or_else(|| lines().next())
}

fn cut(words: &str) -> String {
    let words = words.trim();
    let mut told: String = words.chars().take(TOLD).collect();
    if told.len() < words.len() {
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use amqp_admin::paladin::Operation;
    use amqp_gateway::Account;

    use super::*;
    use crate::ending::{Exit, Signs, ending};

    #[test]
    fn the_workers_words_come_before_the_leaders_mask() {
        let failed = Failed { words: "Unable to get circuits".into(), ..Failed::default() };
        let ended = ending(Exit::Code(1), Signs::default());
        let clues = Clues {
            ending: Some(&ended),
            errors: "noise\nError: not implemented: empty agg proof\n\n",
            task: Some(&failed),
            ..Clues::default()
        };
        let told = reason(&clues);
        assert_eq!(
            told.words,
            "a task failed: Unable to get circuits; the leader failed (exit code 1): not implemented: empty agg proof"
        );
        assert!(!told.again);
    }

    #[test]
    fn a_worker_behind_a_gateway_is_named_with_its_log() {
        let account = Account {
            worker: Some("worker-7".into()),
            attempt: Some(3),
            log: Some("ERROR zero: no circuits for 2^22".into()),
            ..Account::default()
        };
        let operation = Some(Operation::SegmentProof);
        let failed = Failed { words: "Unable to get circuits".into(), operation, account };
        let told = reason(&Clues { task: Some(&failed), ..Clues::default() });
        assert_eq!(
            told.words,
            "a task (SegmentProof) failed on worker `worker-7` at try 3: Unable to get circuits; its log: ERROR zero: no circuits for 2^22"
        );
    }

    #[test]
    fn a_leader_that_was_killed_is_tried_again_and_a_wrong_command_is_not() {
        for (exit, again) in
            [(Exit::Signal(9), true), (Exit::Code(1), true), (Exit::Code(2), false)]
        {
            let ended = ending(exit, Signs::default());
            let clues = Clues { ending: Some(&ended), ..Clues::default() };
            assert_eq!(reason(&clues).again, again, "{exit:?}");
        }
        let clues = Clues { ended: Some("stalled"), trouble: Some("lost"), ..Clues::default() };
        assert_eq!(reason(&clues).words, "stalled; the gateway: lost");
    }
}
