//! Faults a worker shows on demand, and when.

use std::{ops::Range, str::FromStr};

use anyhow::{Context, Result};
use clap::Args;

/// Which part of which block a task works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height of the block.
    pub block: u64,
    /// The transactions' places in the block; an empty range in a dummy.
    pub txns: Range<u64>,
}

/// One transaction, `BLOCK:INDEX` counted from 0, or any task of a block, `BLOCK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    block: u64,
    index: Option<u64>,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (block, index) = match text.split_once(':') {
            Some((block, index)) => (block, Some(index.parse().context("transaction index")?)),
            None => (text, None),
        };
        Ok(Self { block: block.parse().context("block number")?, index })
    }
}

impl Target {
    fn is_in(self, place: &Place) -> bool {
        self.block == place.block && self.index.is_none_or(|index| place.txns.contains(&index))
    }
}

/// What a worker can be told to do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Abort the process in the middle of the task: no acknowledgement, no result.
    Crash,
    /// Never finish the task, and stay alive.
    Hang,
    /// Fail the task the way a failed proof does.
    Fail,
}

/// A worker's speed and its faults. `*_AFTER=N` strikes in task N+1 of this process.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Stand-in options (not upstream's)")]
pub struct WorkerFaults {
    /// Time for each transaction in milliseconds; a dummy or an aggregation counts as one
    #[arg(long = "stand-in-ms-per-txn", env = "STAND_IN_MS_PER_TXN", default_value_t = 250)]
    pub ms_per_txn: u64,

    /// Time in milliseconds before the worker connects, as if it loaded its circuits
    #[arg(long = "stand-in-start-delay-ms", env = "STAND_IN_START_DELAY_MS", default_value_t = 0)]
    pub start_delay_ms: u64,

    /// Abort in the middle of the task after N finished ones
    #[arg(long = "stand-in-crash-after", env = "STAND_IN_CRASH_AFTER", value_name = "N")]
    pub crash_after: Option<u64>,

    /// Hang for ever in the task after N finished ones
    #[arg(long = "stand-in-hang-after", env = "STAND_IN_HANG_AFTER", value_name = "N")]
    pub hang_after: Option<u64>,

    /// Fail the task after N finished ones
    #[arg(long = "stand-in-fail-after", env = "STAND_IN_FAIL_AFTER", value_name = "N")]
    pub fail_after: Option<u64>,

    /// Abort in the middle of each task with one of these transactions
    #[arg(long = "stand-in-crash-txn", env = "STAND_IN_CRASH_TXN", value_name = "BLOCK[:INDEX]")]
    #[arg(value_delimiter = ',')]
    pub crash_txn: Vec<Target>,

    /// Hang for ever in each task with one of these transactions
    #[arg(long = "stand-in-hang-txn", env = "STAND_IN_HANG_TXN", value_name = "BLOCK[:INDEX]")]
    #[arg(value_delimiter = ',')]
    pub hang_txn: Vec<Target>,

    /// Fail each task with one of these transactions
    #[arg(long = "stand-in-fail-txn", env = "STAND_IN_FAIL_TXN", value_name = "BLOCK[:INDEX]")]
    #[arg(value_delimiter = ',')]
    pub fail_txn: Vec<Target>,
}

impl WorkerFaults {
    /// The fault due in a task, if any. `begun` counts the tasks this process began before it.
    #[must_use]
    pub fn due(&self, begun: u64, place: &Place) -> Option<Fault> {
        let rules = [
            (Fault::Crash, self.crash_after, &self.crash_txn),
            (Fault::Hang, self.hang_after, &self.hang_txn),
            (Fault::Fail, self.fail_after, &self.fail_txn),
        ];
        let strikes = |after: Option<u64>, targets: &[Target]| {
            after == Some(begun) || targets.iter().any(|target| target.is_in(place))
        };
        rules.into_iter().find(|(_, after, targets)| strikes(*after, targets)).map(|rule| rule.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(block: u64, txns: Range<u64>) -> Place {
        Place { block, txns }
    }

    #[test]
    fn a_transaction_is_found_in_the_task_that_holds_it() {
        let target: Target = "5:11".parse().unwrap();
        let faults = WorkerFaults { fail_txn: vec![target], ..Default::default() };
        assert_eq!(faults.due(0, &place(5, 10..20)), Some(Fault::Fail));
        assert_eq!(faults.due(0, &place(5, 0..10)), None);
        assert_eq!(faults.due(0, &place(6, 10..20)), None);
    }

    #[test]
    fn a_block_alone_means_any_of_its_tasks() {
        let target: Target = "5".parse().unwrap();
        let faults = WorkerFaults { hang_txn: vec![target], ..Default::default() };
        assert_eq!(faults.due(9, &place(5, 0..0)), Some(Fault::Hang));
    }

    #[test]
    fn a_count_strikes_once() {
        let faults = WorkerFaults { crash_after: Some(2), ..Default::default() };
        let struck: Vec<u64> =
            (0..9).filter(|begun| faults.due(*begun, &place(1, 0..1)).is_some()).collect();
        assert_eq!(struck, [2]);
    }
}
