//! PURE: a run as time goes by: since when what has not changed.

use std::time::{Duration, Instant};

use amqp_gateway::Leading;

use crate::generation::Generation;
use crate::progress::{History, Known, Progress, progress};
use crate::proof::BlockOf;

/// A leader's work against the clock.
#[derive(Debug)]
pub struct Pace<'a> {
    generation: Generation,
    tasks: u64,
    blocks: &'a [BlockOf],
    history: &'a History,
    began: Instant,
    /// The first task that was published.
    first: Option<Instant>,
    /// The last result that came.
    last: Option<Instant>,
    /// The last thing that happened at all.
    moved: Instant,
    told: Option<Progress>,
}

impl<'a> Pace<'a> {
    /// Of a leader that is started now and gives out so many tasks.
    #[must_use]
    pub fn new(
        (generation, tasks): (Generation, u64),
        blocks: &'a [BlockOf],
        history: &'a History,
        now: Instant,
    ) -> Self {
        let (first, last, told) = (None, None, None);
        Self { generation, tasks, blocks, history, began: now, first, last, moved: now, told }
    }

    /// What its gateway has seen by now.
    pub fn saw(&mut self, leading: &Leading, now: Instant) -> Progress {
        let known =
            Known { generation: self.generation, blocks: self.blocks, tasks: self.tasks, leading };
        let before = self.told.as_ref().map(|told| (told.published, told.answered));
        let answered_for = self.first.zip(self.last).map(|(first, last)| last - first);
        let elapsed = now - self.began;
        let since = answered_for.unwrap_or_default();
        let mut told = progress(&known, (elapsed, since), self.history, self.told.as_ref());
        if before != Some((told.published, told.answered)) {
            let (published, answered) = before.unwrap_or_default();
            self.moved = now;
            if told.published > published {
                self.first.get_or_insert(now);
            }
            if told.answered > answered {
                self.last = Some(now);
                let since = self.first.map_or(Duration::ZERO, |first| now - first);
                told = progress(&known, (elapsed, since), self.history, self.told.as_ref());
            }
        }
        self.told = Some(told.clone());
        told
    }

    /// For how long nothing has happened.
    #[must_use]
    pub fn still(&self, now: Instant) -> Duration {
        now - self.moved
    }

    /// Tasks are out that have no answer.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.published > told.answered)
    }
}
