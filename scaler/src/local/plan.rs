//! PURE: workers wanted and what the children do → which children to start, stop and kill.
//!
//! A child that holds a task, or may hold one, is never stopped because fewer are wanted. Work is
//! lost only where the broker's counts lag behind a task that needs no CPU, and then at most what
//! was done within that lag.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::activity::Holding;

/// Counts this young tell of all children at once whether any of them holds a task.
const FRESH: Duration = Duration::from_secs(3);

/// The operator's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Never fewer children than this.
    pub min: u32,
    /// Never more processes than this, those about to end included.
    pub max: u32,
    /// How long fewer children must have been wanted before any is stopped.
    pub stabilization: Duration,
    /// How long a child may take to end before it is killed.
    pub grace: Duration,
}

/// What the broker's counts ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Workers, before our own bounds.
    pub workers: u64,
    /// Messages in workers' hands.
    pub busy: u64,
    /// The counts are at least this young.
    pub read_at: Instant,
}

/// What stands at one of the `max` places for a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No process.
    Vacant {
        /// After a crash: no start before this moment.
        not_before: Option<Instant>,
    },
    /// A child that was not told to end.
    Running {
        /// Whether it holds a task.
        holding: Holding,
        /// Since when it does that.
        since: Instant,
        /// When its connections last looked different.
        changed_at: Instant,
        /// It used CPU just now.
        works: bool,
    },
    /// A child that was told to end.
    Stopping {
        /// When.
        signalled_at: Instant,
        /// It was killed since.
        killed: bool,
    },
}

/// One place for a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its number, from 1.
    pub number: u32,
    /// What stands there.
    pub state: State,
}

/// Why a child is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Fewer are wanted.
    ScaleIn,
    /// It lost its broker and will take no task any more.
    Lost,
    /// The operator ends the scaler.
    Shutdown,
}

/// One thing to do, by the number of the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start a child.
    Start(u32),
    /// Tell a child to end.
    Stop(u32, Reason),
    /// End a child that does not.
    Kill(u32),
}

/// How many were wanted lately.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Since when there was always an answer.
    answered_since: Option<Instant>,
    /// Numbers wanted, each with the moment until which it was, each smaller than the one before:
    /// the first is the highest of all.
    lately: VecDeque<(Instant, u32)>,
}

impl Memory {
    /// The highest number wanted within `window`; `None` before the window is full.
    fn note(&mut self, wanted: u32, window: Duration, now: Instant) -> Option<u32> {
        if let Some((until, _)) = self.lately.back_mut() {
            *until = now;
        }
        while self.lately.back().is_some_and(|(_, before)| *before <= wanted) {
            self.lately.pop_back();
        }
        self.lately.push_back((now, wanted));
        let is_past = |moment: Instant| now.saturating_duration_since(moment) >= window;
        let since = *self.answered_since.get_or_insert(now);
        if !is_past(since) {
            return None;
        }
        // The number wanted now stays, also where the window is empty.
        while self.lately.len() > 1 && self.lately.front().is_some_and(|(until, _)| is_past(*until))
        {
            self.lately.pop_front();
        }
        self.lately.front().map(|(_, highest)| *highest)
    }
}

/// The plan for this moment. `None`: the broker gave no answer, so everything stays as it is; only
/// children told to end before are seen off.
#[must_use]
pub fn plan(
    limits: &Limits,
    memory: &mut Memory,
    wanted: Option<&Wanted>,
    places: &[Place],
    now: Instant,
) -> Vec<Action> {
    let mut actions = overdue(places, limits.grace, now);
    let Some(wanted) = wanted else {
        *memory = Memory::default();
        return actions;
    };
    let most = u32::try_from(wanted.workers).unwrap_or(u32::MAX);
    let target = most.min(limits.max).max(limits.min);
    let settled = memory.note(target, limits.stabilization, now);
    let running: Vec<Running> =
        places.iter().filter_map(|place| Running::of(place, wanted, now)).collect();
    let (lost, able): (Vec<_>, Vec<_>) =
        running.into_iter().partition(|child| child.holding == Holding::Lost);
    actions.extend(lost.iter().map(|child| Action::Stop(child.number, Reason::Lost)));
    actions.extend(starts(places, count(&able), target, now));
    if let Some(settled) = settled {
        actions.extend(stops(able, settled, wanted.busy));
    }
    actions
}

/// The plan for ending the scaler: every child is told to end and has the grace for it; with
/// `at_once` there is none.
#[must_use]
pub fn shutdown(places: &[Place], grace: Duration, at_once: bool, now: Instant) -> Vec<Action> {
    let grace = if at_once { Duration::ZERO } else { grace };
    let mut actions = overdue(places, grace, now);
    let running = places.iter().filter(|place| matches!(place.state, State::Running { .. }));
    actions.extend(running.map(|place| {
        if at_once {
            Action::Kill(place.number)
        } else {
            Action::Stop(place.number, Reason::Shutdown)
        }
    }));
    actions
}

/// A running child as this plan sees it.
#[derive(Debug, Clone, Copy)]
struct Running {
    number: u32,
    holding: Holding,
    since: Instant,
}

impl Running {
    fn of(place: &Place, wanted: &Wanted, now: Instant) -> Option<Self> {
        let State::Running { holding, since, changed_at, works } = place.state else {
            return None;
        };
        let fresh = now.saturating_duration_since(wanted.read_at) <= FRESH;
        // No message is in anybody's hands: the counts are younger than what we know of the child.
        let none_held = wanted.busy == 0 && fresh && wanted.read_at > changed_at && !works;
        let holding = if none_held && !holding.may_stop() { Holding::Idle } else { holding };
        Some(Self { number: place.number, holding, since })
    }
}

fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn overdue(places: &[Place], grace: Duration, now: Instant) -> Vec<Action> {
    let is_overdue = |place: &&Place| match place.state {
        State::Stopping { signalled_at, killed } => {
            !killed && now.saturating_duration_since(signalled_at) >= grace
        }
        State::Vacant { .. } | State::Running { .. } => false,
    };
    places.iter().filter(is_overdue).map(|place| Action::Kill(place.number)).collect()
}

/// Vacant places are filled in order. One that waits after a crash keeps its turn: the next place
/// would crash as well, and so the pauses hold for all of them together.
fn starts(places: &[Place], able: u32, target: u32, now: Instant) -> Vec<Action> {
    let missing = usize::try_from(target.saturating_sub(able)).unwrap_or(usize::MAX);
    let vacant = places.iter().filter_map(|place| match place.state {
        State::Vacant { not_before } => Some((place.number, not_before)),
        State::Running { .. } | State::Stopping { .. } => None,
    });
    vacant
        .take(missing)
        .filter(|(_, not_before)| not_before.is_none_or(|not_before| not_before <= now))
        .map(|(number, _)| Action::Start(number))
        .collect()
}

/// Children that have not connected yet go first, the youngest of them before the others: it takes
/// them longest to be of use, and they cannot have a task. Then the longest idle.
fn stops(able: Vec<Running>, settled: u32, busy: u64) -> Vec<Action> {
    let excess = count(&able).saturating_sub(settled);
    let (mut idle, held): (Vec<_>, Vec<_>) =
        able.into_iter().partition(|child| child.holding.may_stop());
    if busy > u64::from(count(&held)) {
        // Somebody whom we take for idle holds a message.
        return Vec::new();
    }
    idle.sort_by_key(|child| (child.holding, child.since));
    let starting = idle.partition_point(|child| child.holding == Holding::Starting);
    if let Some(starting) = idle.get_mut(..starting) {
        starting.sort_by_key(|child| Reverse(child.since));
    }
    let excess = usize::try_from(excess).unwrap_or(usize::MAX);
    idle.iter().take(excess).map(|child| Action::Stop(child.number, Reason::ScaleIn)).collect()
}

#[cfg(test)]
mod tests;
