//! PURE: the blocks that the demo has proved, and how much work each is.

use std::path::{Path, PathBuf};

/// Transactions in one task. Fewer than the prover's own ten: more tasks, so more to see.
pub(crate) const BATCH: u64 = 2;

/// One witness of this repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// The block's number.
    pub(crate) number: u64,
    /// Where it is from: a folder of `witnesses/`.
    pub(crate) kind: &'static str,
    /// Its transactions.
    pub(crate) txns: u64,
}

/// A small one for a quick first success, then a large one that wants every worker.
pub(crate) const BLOCKS: [Block; 8] = [
    Block { number: 5, kind: "devnet", txns: 4 },
    Block { number: 1040, kind: "synthetic", txns: 40 },
    Block { number: 8, kind: "devnet", txns: 25 },
    Block { number: 2, kind: "devnet", txns: 0 },
    Block { number: 10, kind: "devnet", txns: 10 },
    Block { number: 6, kind: "devnet", txns: 12 },
    Block { number: 1003, kind: "synthetic", txns: 3 },
    Block { number: 7, kind: "devnet", txns: 5 },
];

/// Handed in by mistake, and taken back while the others go on: far more work than all of them.
pub(crate) const MISTAKE: Block = Block { number: 1174, kind: "synthetic", txns: 174 };

impl Block {
    /// The tasks that are there before the first of them is done.
    pub(crate) fn first_tasks(&self) -> u64 {
        self.txns.div_ceil(BATCH).max(2)
    }

    /// Its witness, from the repository's root.
    pub(crate) fn witness(&self) -> PathBuf {
        let Self { number, kind, .. } = self;
        Path::new("witnesses").join(kind).join(format!("v0.7/{number}.witness.json"))
    }

    /// The name of its proof's file.
    pub(crate) fn proof(&self) -> String {
        format!("b{}.zkproof", self.number)
    }

    /// The tasks it is cut into: segments, at least two; their joining in pairs; the block's own.
    pub(crate) fn tasks(&self) -> u64 {
        let segments = self.first_tasks();
        segments + (segments - 1) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;
    use serde_json::Value;

    #[test]
    fn every_witness_is_there_with_as_many_transactions_as_said() {
        for block in BLOCKS.into_iter().chain([MISTAKE]) {
            let text = std::fs::read(shell::root().join(block.witness())).unwrap();
            let witness: Value = serde_json::from_slice(&text).unwrap();
            let txns = witness.pointer("/0/block_trace/txn_info").and_then(Value::as_array);
            assert_eq!(txns.map(Vec::len), usize::try_from(block.txns).ok(), "{block:?}");
        }
    }

    #[test]
    fn an_empty_block_is_work_too() {
        let tasks = [0, 1, 4, 25, 40].map(|txns| Block { number: 1, kind: "", txns }.tasks());
        assert_eq!(tasks, [4, 4, 4, 26, 40]);
    }
}
