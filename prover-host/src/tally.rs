//! PURE: what the child's log tells, counted by block and transaction. The most recent blocks are
//! told one by one; what came before is folded together, so the number of series stays bounded.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::logs::{Event, Id, What};

/// Transactions of one block that are told one by one.
const TXNS: usize = 64;
/// Upstream tells of a failure right after the line that says how long the attempt took.
const VERDICT: Duration = Duration::from_secs(1);
/// The label of what has been folded together.
const OLDER: &str = "older";
/// The label of a block's transactions beyond those told one by one.
const MORE: &str = "more";
/// The label of lines that name no block: v0.7 names none when it only simulates.
const UNKNOWN: &str = "unknown";

/// What is counted for one transaction, or for many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Proofs of transactions or segments.
    pub witnesses_proved: u64,
    /// Attempts that failed or were given up.
    pub witnesses_failed: u64,
    /// Time spent on both.
    pub proving: Duration,
    /// Halts of the virtual machine.
    pub cpu_halts: u64,
    /// Cycles up to them.
    pub cpu_halt_cycles: u64,
    /// Traces padded.
    pub cpu_trace_pads: u64,
    /// Their cycles after padding.
    pub cpu_trace_pad_cycles: u64,
    /// The greatest length of each table before padding.
    pub trace_lengths: BTreeMap<&'static str, u64>,
}

/// Labels and what is counted under them.
pub type Row<'a> = (String, String, &'a Counts);

/// The counts of one block.
#[derive(Debug, Clone, Default)]
struct Block {
    height: u64,
    txns: BTreeMap<(u64, Option<u64>), Counts>,
    more: Counts,
}

/// An attempt that ended and may yet be told to have failed.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    id: Option<Id>,
    took: Duration,
    ended: Instant,
}

/// Everything counted.
#[derive(Debug, Clone)]
pub struct Tally {
    /// Least recent first.
    recent: VecDeque<Block>,
    older: Counts,
    unknown: Counts,
    blocks: usize,
    attempt: Option<Attempt>,
    /// An abort arrived: the attempt that ends next was given up.
    aborting: bool,
    /// The child says it ends because of an abort.
    aborted: bool,
}

impl Tally {
    /// `blocks`: how many are told one by one.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        Self {
            recent: VecDeque::new(),
            older: Counts::default(),
            unknown: Counts::default(),
            blocks,
            attempt: None,
            aborting: false,
            aborted: false,
        }
    }

    /// Counts what a line tells.
    pub fn add(&mut self, event: &Event<'_>, now: Instant) {
        match &event.what {
            What::ProofEnded { took, phase: _ } => {
                self.settle(true);
                let attempt = Attempt { id: event.id, took: *took, ended: now };
                self.attempt = Some(attempt);
                if std::mem::take(&mut self.aborting) {
                    self.settle(false);
                }
                return;
            }
            What::TaskFailed | What::TaskCancelled => {
                self.settle(false);
                return;
            }
            What::AbortReceived => self.aborting = true,
            What::AbortEnded => self.aborted = true,
            What::CpuHalted { cycles } => {
                let counts = self.counts(event.id);
                counts.cpu_halts = counts.cpu_halts.saturating_add(1);
                counts.cpu_halt_cycles = counts.cpu_halt_cycles.saturating_add(*cycles);
            }
            What::CpuTracePadded { cycles } => {
                let counts = self.counts(event.id);
                counts.cpu_trace_pads = counts.cpu_trace_pads.saturating_add(1);
                counts.cpu_trace_pad_cycles = counts.cpu_trace_pad_cycles.saturating_add(*cycles);
            }
            What::TraceLengths(lengths) => raise(self.counts(event.id), lengths.iter().copied()),
            What::Circuits(_)
            | What::KernelPanic
            | What::BlockStarted { .. }
            | What::BlockWitnessed { .. }
            | What::BlockProved { .. }
            | What::BlockFailed { .. }
            | What::ProofWritten { .. }
            | What::Other => {}
        }
        self.look(now);
    }

    /// A new child begins: whatever the last one left unsaid is settled. Tells whether it said that
    /// an abort ended it.
    pub fn child_ended(&mut self) -> bool {
        let aborting = std::mem::take(&mut self.aborting);
        self.settle(!aborting);
        std::mem::take(&mut self.aborted)
    }

    /// An attempt that nothing was said against for a while succeeded.
    pub fn look(&mut self, now: Instant) {
        let waited = |attempt: Attempt| now.saturating_duration_since(attempt.ended) >= VERDICT;
        if self.attempt.is_some_and(waited) {
            self.settle(true);
        }
    }

    /// Everything, for the metrics.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let blocks = self.recent.iter().flat_map(|block| {
            let txns = block.txns.iter().map(|((txn, end), counts)| {
                let id = Id { block: block.height, txn: *txn, txn_end: *end, segment: None };
                (block.height.to_string(), id.txns(), counts)
            });
            let more = (block.height.to_string(), MORE.to_owned(), &block.more);
            txns.chain([more])
        });
        let folded = [(OLDER, &self.older), (UNKNOWN, &self.unknown)]
            .map(|(label, counts)| (label.to_owned(), label.to_owned(), counts));
        blocks.chain(folded).filter(|(_, _, counts)| **counts != Counts::default())
    }

    fn settle(&mut self, succeeded: bool) {
        let Some(attempt) = self.attempt.take() else { return };
        let counts = self.counts(attempt.id);
        counts.proving = counts.proving.saturating_add(attempt.took);
        let counter =
            if succeeded { &mut counts.witnesses_proved } else { &mut counts.witnesses_failed };
        *counter = counter.saturating_add(1);
    }

    /// Where what an id names is counted. Its block becomes the most recent one.
    fn counts(&mut self, id: Option<Id>) -> &mut Counts {
        let Some(id) = id else { return &mut self.unknown };
        let known = self.recent.iter().position(|block| block.height == id.block);
        let block = known.and_then(|at| self.recent.remove(at));
        let block = block.unwrap_or_else(|| Block { height: id.block, ..Block::default() });
        self.recent.push_back(block);
        while self.recent.len() > self.blocks.max(1) {
            if let Some(block) = self.recent.pop_front() {
                fold(&mut self.older, &block);
            }
        }
        let Some(block) = self.recent.back_mut() else { return &mut self.unknown };
        let key = (id.txn, id.txn_end);
        if block.txns.len() < TXNS || block.txns.contains_key(&key) {
            block.txns.entry(key).or_default()
        } else {
            &mut block.more
        }
    }
}

fn fold(into: &mut Counts, block: &Block) {
    for counts in block.txns.values().chain([&block.more]) {
        into.witnesses_proved = into.witnesses_proved.saturating_add(counts.witnesses_proved);
        into.witnesses_failed = into.witnesses_failed.saturating_add(counts.witnesses_failed);
        into.proving = into.proving.saturating_add(counts.proving);
        into.cpu_halts = into.cpu_halts.saturating_add(counts.cpu_halts);
        into.cpu_halt_cycles = into.cpu_halt_cycles.saturating_add(counts.cpu_halt_cycles);
        into.cpu_trace_pads = into.cpu_trace_pads.saturating_add(counts.cpu_trace_pads);
        into.cpu_trace_pad_cycles =
            into.cpu_trace_pad_cycles.saturating_add(counts.cpu_trace_pad_cycles);
        raise(into, counts.trace_lengths.iter().map(|(table, length)| (*table, *length)));
    }
}

fn raise(counts: &mut Counts, lengths: impl Iterator<Item = (&'static str, u64)>) {
    for (table, length) in lengths {
        let highest = counts.trace_lengths.entry(table).or_default();
        *highest = (*highest).max(length);
    }
}

#[cfg(test)]
mod tests;
