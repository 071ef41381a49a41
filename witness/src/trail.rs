//! Where the reader is, what it refused, and what it has seen so far: shared by all its parts.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Write as _;

use serde::de;

use crate::fault::Reason;
use crate::guard::SHORT;

/// One step into the JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// Into a field.
    Field(&'static str),
    /// Into an item of an array.
    Item(usize),
}

/// The way to where the reader is. After a failure it stays where that was.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    steps: RefCell<Vec<Step>>,
    refused: RefCell<Option<Reason>>,
    /// How much more may be read before a short value has to end.
    left: Cell<Option<usize>>,
    is_text: Cell<bool>,
    /// Lengths of blocks that have passed the guard, and not yet the JSON reader.
    lengths: RefCell<VecDeque<u64>>,
    number: Cell<Option<u64>>,
    chain: Cell<Option<u64>>,
}

impl Trail {
    /// Does something one step further in.
    pub(crate) fn within<T, E>(
        &self,
        step: Step,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.steps.borrow_mut().push(step);
        let done = act()?;
        self.steps.borrow_mut().pop();
        Ok(done)
    }

    /// Ends the reading for a reason of our own.
    pub(crate) fn refuse<E: de::Error>(&self, reason: Reason) -> E {
        self.refused.replace(Some(reason));
        E::custom("refused")
    }

    /// The reason of our own for which the reading ended.
    pub(crate) fn refused(&self) -> Option<Reason> {
        self.refused.take()
    }

    /// Reads something that cannot be long, be it right or wrong: it is kept in memory whole.
    pub(crate) fn short<T, E>(&self, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.keep_short();
        let done = act();
        self.may_be_long();
        done
    }

    /// From here on until `may_be_long`, only so much may be read.
    pub(crate) fn keep_short(&self) {
        self.left.set(Some(SHORT));
    }

    /// What follows is not kept in memory.
    pub(crate) fn may_be_long(&self) {
        self.left.set(None);
    }

    /// How much more may be read; nothing: as much as there is.
    pub(crate) fn left(&self) -> Option<usize> {
        self.left.get()
    }

    /// So much was read.
    pub(crate) fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().map(|left| left.saturating_sub(bytes)));
    }

    /// A block of this length has passed.
    pub(crate) fn measured(&self, length: u64) {
        self.lengths.borrow_mut().push_back(length);
    }

    /// The length of the next block that the JSON reader has read.
    pub(crate) fn length(&self) -> u64 {
        self.lengths.borrow_mut().pop_front().unwrap_or_default()
    }

    /// There was more than white space.
    pub(crate) fn not_blank(&self) {
        self.is_text.set(true);
    }

    /// Whether there was nothing but white space.
    pub(crate) fn is_blank(&self) -> bool {
        !self.is_text.get()
    }

    /// A block's number: it has to follow the one before.
    pub(crate) fn follow<E: de::Error>(&self, number: u64) -> Result<(), E> {
        match self.number.replace(Some(number)) {
            Some(before) if before.checked_add(1) != Some(number) => {
                Err(self.refuse(Reason::Order { before, number }))
            }
            _ => Ok(()),
        }
    }

    /// A block's chain: it has to be that of the others.
    pub(crate) fn stay_on_chain<E: de::Error>(&self, other: u64) -> Result<(), E> {
        match self.chain.replace(Some(other)) {
            Some(first) if first != other => Err(self.refuse(Reason::Chains { first, other })),
            _ => Ok(()),
        }
    }

    /// The way as people write it.
    pub(crate) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.borrow().iter() {
            let _ = match step {
                Step::Field(name) if path.is_empty() => write!(path, "{name}"),
                Step::Field(name) => write!(path, ".{name}"),
                Step::Item(index) => write!(path, "[{index}]"),
            };
        }
        path
    }
}
