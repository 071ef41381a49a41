//! I/O: the course of an attempt's tasks, into the ledger. Nobody waits for it: what it does not take in
//! time is counted as not told, and what cannot be written is tried again with the next.

use amqp_admin::chain;
use amqp_gateway::Step;
use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::course::{Course, Following, Marks, Row};
use crate::ledger::{self, Ledger};

/// Steps that may wait: a leader gives out the tasks of a block in one go.
pub const STEPS: usize = 8192;

/// The ear at a gateway, and what it has heard.
#[derive(Debug)]
pub struct Follower {
    steps: mpsc::Receiver<Step>,
    following: Following,
    /// Rows that could not be written.
    left: Vec<Row>,
    /// That they could not was said.
    said: bool,
}

impl Follower {
    /// Hears of these steps.
    #[must_use]
    pub fn of(steps: mpsc::Receiver<Step>, following: Following) -> Self {
        Self { steps, following, left: Vec::new(), said: false }
    }

    /// Takes what has come.
    pub fn listen(&mut self, untold: u64) {
        while let Ok(step) = self.steps.try_recv() {
            self.following.saw(step);
        }
        self.following.course.untold = untold;
    }

    /// Moments of the attempt.
    pub fn marks(&mut self) -> &mut Marks {
        &mut self.following.course.marks
    }

    /// Writes down what has changed.
    pub async fn keep(&mut self, ledger: &Ledger, (proof, attempt): (i64, u32)) {
        let changed = self.following.take();
        if changed.is_none() && self.left.is_empty() {
            return;
        }
        let mut rows = std::mem::take(&mut self.left);
        rows.extend(changed.unwrap_or_default());
        let (course, copy) = (self.following.course.clone(), rows.clone());
        let keeping =
            move |c: &mut Connection| ledger::keep_course(c, (proof, attempt), &course, &copy);
        match ledger.with(keeping).await {
            Ok(()) => self.said = false,
            Err(error) => {
                if !std::mem::replace(&mut self.said, true) {
                    let why = chain(&error);
                    tracing::error!(proof, "what became of its tasks is not written down: {why}");
                }
                self.left = rows;
            }
        }
    }

    /// All that is known but the rows, at the attempt's end.
    #[must_use]
    pub fn course(self) -> Course {
        self.following.course
    }
}
