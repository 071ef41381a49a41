//! PURE: what the looks so far add up to: firsts, mosts, and how long the rest may take.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::look::Look;

/// The backlog's history: as many points as its line in the view has room for.
const POINTS: usize = 48;
/// Between two points of it.
const STEP: Duration = Duration::from_millis(1_500);
/// Fewer finished tasks say nothing of the rest.
const ENOUGH: u64 = 10;

/// The course of one run.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// When the first block was handed in.
    pub(crate) started: Instant,
    /// All tasks of all blocks.
    pub(crate) tasks: u64,
    /// Those the broker has seen acknowledged, once it tells.
    pub(crate) done: Option<u64>,
    /// When that count last grew.
    done_at: Option<Instant>,
    /// When a task first lay on the broker.
    pub(crate) first_message: Option<Instant>,
    /// When a worker first ran.
    pub(crate) first_worker: Option<Instant>,
    /// The most workers at once.
    pub(crate) most_workers: u64,
    /// The backlog over time, oldest first.
    pub(crate) history: VecDeque<u64>,
    noted_at: Option<Instant>,
    last: (Option<u64>, u64, Option<u64>),
    changed_at: Instant,
}

impl Progress {
    /// Nothing has happened yet.
    pub(crate) fn new(started: Instant, tasks: u64) -> Self {
        Self {
            started,
            tasks,
            done: None,
            done_at: None,
            first_message: None,
            first_worker: None,
            most_workers: 0,
            history: VecDeque::new(),
            noted_at: None,
            last: (None, 0, None),
            changed_at: started,
        }
    }

    /// Takes in one look.
    pub(crate) fn note(&mut self, look: &Look, now: Instant) {
        let backlog = look.backlog();
        if backlog.is_some_and(|tasks| tasks > 0) {
            self.first_message.get_or_insert(now);
        }
        if look.running > 0 {
            self.first_worker.get_or_insert(now);
        }
        self.most_workers = self.most_workers.max(look.running);
        let state = (backlog, look.running, self.done);
        if state != self.last {
            (self.last, self.changed_at) = (state, now);
        }
        let due = self.noted_at.is_none_or(|at| now.duration_since(at) >= STEP);
        if let Some(tasks) = backlog.filter(|_| due) {
            if self.history.len() == POINTS {
                self.history.pop_front();
            }
            self.history.push_back(tasks);
            self.noted_at = Some(now);
        }
    }

    /// Takes in how many tasks are known to be done; one who knows of fewer undoes none.
    pub(crate) fn note_done(&mut self, done: u64, now: Instant) {
        let done = Some(done.min(self.tasks));
        if done > self.done {
            (self.done, self.done_at) = (done, Some(now));
        }
    }

    /// How long nothing has changed.
    pub(crate) fn still_for(&self, now: Instant) -> Duration {
        now.duration_since(self.changed_at)
    }

    /// From the first task on the broker to the first worker.
    pub(crate) fn reaction(&self) -> Option<Duration> {
        Some(self.first_worker?.saturating_duration_since(self.first_message?))
    }

    /// How long the rest of the tasks takes at the pace so far, once that can be told.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let done = self.done.filter(|done| *done >= ENOUGH)?;
        let counted_at = self.done_at?;
        let worked = counted_at.saturating_duration_since(self.first_worker?);
        let rest = u32::try_from(self.tasks - done).ok()?;
        let left = worked * rest / u32::try_from(done).ok()?;
        // The count comes in leaps; between two of them time does not stand still.
        Some(left.saturating_sub(now.duration_since(counted_at)))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use super::super::look::Role;
    use super::*;

    fn look(ready: u64, running: u64) -> Look {
        let role =
            Role { name: "task".into(), queues: 1, ready: Some(ready), unacked: Some(running) };
        Look { roles: vec![role], running, ..Look::default() }
    }

    #[test]
    fn firsts_and_mosts_stay() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut progress = Progress::new(start, 20);
        for (second, look) in
            [(0, look(0, 0)), (2, look(9, 0)), (3, look(9, 4)), (9, look(0, 0)), (12, look(1, 1))]
        {
            progress.note(&look, at(second));
        }
        assert_eq!(progress.reaction(), Some(Duration::from_secs(1)));
        assert_eq!(progress.most_workers, 4);
        assert_eq!(progress.history, [0, 9, 0, 2], "the look after one second was too soon");
        assert_eq!(progress.still_for(at(15)), Duration::from_secs(3));
    }

    #[test]
    fn what_is_left_is_told_from_the_pace_and_not_too_early() {
        let start = Instant::now();
        let mut progress = Progress::new(start, 20);
        progress.note(&look(4, 4), start);
        let later = start + Duration::from_secs(10);
        assert_eq!(progress.left(later), None);
        progress.note_done(9, later);
        assert_eq!(progress.left(later), None);
        progress.note_done(10, later);
        assert_eq!(progress.left(later), Some(Duration::from_secs(10)));
        let still_later = later + Duration::from_secs(5);
        progress.note_done(3, still_later);
        assert_eq!(progress.left(still_later), Some(Duration::from_secs(5)));
        progress.note_done(99, still_later);
        assert_eq!(progress.left(still_later), Some(Duration::ZERO));
    }
}
