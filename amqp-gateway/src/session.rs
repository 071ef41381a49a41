//! PURE: what one connection of the child has done and what is in flight on it; each frame → effects.

use std::time::Instant;

use crate::activity::Activity;
use crate::frame::Frame;

/// What is to be done because a frame came, an order came or time went by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Goes to the child.
    ToChild(Frame),
    /// Goes to the broker.
    ToBroker(Frame),
    /// A part of a task's body is kept until it is forgotten.
    Keep(u64, Frame),
    /// What was kept of a task is published on this channel.
    Replay(u64, u16),
    /// What was kept of a task is not needed any more.
    Forget(u64),
    /// Everything is with the broker and its channels are closed.
    Drained,
}

/// What one connection of the child has done and what is in flight on it.
#[derive(Debug, Default)]
pub(crate) struct Session {}

impl Session {
    /// A frame came from the child.
    pub(crate) fn child_sent(&mut self, frame: Frame, _now: Instant, effects: &mut Vec<Effect>) {
        effects.push(Effect::ToBroker(frame));
    }

    /// A frame came from the broker.
    pub(crate) fn broker_sent(&mut self, frame: Frame, _now: Instant, effects: &mut Vec<Effect>) {
        effects.push(Effect::ToChild(frame));
    }

    /// Time went by.
    pub(crate) fn tick(&mut self, _now: Instant, _effects: &mut Vec<Effect>) {}

    /// No more tasks; everything back or done.
    pub(crate) fn drain(&mut self, effects: &mut Vec<Effect>) {
        effects.push(Effect::Drained);
    }

    /// The child has died with what it has in hand.
    pub(crate) fn child_died(&mut self, _why: &str, _now: Instant, _effects: &mut Vec<Effect>) {}

    /// What the child is doing.
    pub(crate) fn activity(&self) -> Activity {
        Activity::default()
    }

    /// True if nothing is in the child's hands or on its way because of us.
    pub(crate) fn is_settled(&self) -> bool {
        true
    }
}
