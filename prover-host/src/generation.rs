//! PURE: what differs between the prover's generations: the leader's command line, where its proofs
//! are found, and how many tasks a block becomes.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use amqp_admin::paladin::Operation;
use amqp_gateway::Leading;

use crate::proof::{BlockOf, Kind};

/// A leader's command line and files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// v0.5 and v0.6, which are alike in this: proofs on standard output.
    V06,
    /// v0.7: proofs in a folder.
    V07,
}

/// Transactions in a batch where nobody says otherwise (v0.7).
const BATCH_SIZE: u64 = 10;
/// How v0.7's leader is told another.
const BATCH_OPTIONS: [&str; 2] = ["--batch-size", "-b"];

/// One run of a leader.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// What it is to give.
    pub kind: Kind,
    /// Where proofs go (v0.7).
    pub out: &'a Path,
    /// The proof of the block before.
    pub previous: Option<&'a Path>,
}

impl Generation {
    /// Tells it by what `leader --help` prints.
    #[must_use]
    pub fn of_help(help: &str) -> Option<Self> {
        let has = |word: &str| help.contains(word);
        if !has("stdio") || !has("--amqp-uri") {
            None
        } else if has("--proof-output-dir") {
            Some(Self::V07)
        } else {
            Some(Self::V06)
        }
    }

    /// As it is told to people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V06 => "v0.5 or v0.6",
            Self::V07 => "v0.7",
        }
    }

    /// The command for a run: the leader's own words, and ours behind them.
    #[must_use]
    pub fn command(self, leader: &[OsString], run: &Run<'_>) -> Vec<OsString> {
        let mut command = leader.to_vec();
        let mut add = |words: &[&OsStr]| command.extend(words.iter().map(OsString::from));
        if self == Self::V07 {
            // Every block's proof, not only of each eighth and the last.
            add(&["-k".as_ref(), "-o".as_ref(), run.out.as_ref()]);
            if run.kind == Kind::TestOnly {
                add(&["--test-only".as_ref()]);
            }
        }
        add(&["stdio".as_ref()]);
        if let Some(previous) = run.previous {
            add(&["-f".as_ref(), previous.as_ref()]);
        }
        command
    }

    /// What `--previous-proof` has to hold, of a proof file's last proof: v0.7 wants an array of it.
    #[must_use]
    pub fn previous(self, proof: &str) -> String {
        match self {
            Self::V06 => proof.to_owned(),
            Self::V07 => format!("[{proof}]"),
        }
    }

    /// Tasks that the blocks become: exact for v0.5, v0.6 and for simulations; for proofs of v0.7
    /// the least, for a batch has a number of segments that shows as they are cut.
    #[must_use]
    pub fn tasks(self, kind: Kind, blocks: &[BlockOf], leader: &[OsString]) -> u64 {
        let batch = batch_size(leader);
        let of = |block: &BlockOf| {
            let parts = match self {
                Self::V06 => block.transactions,
                Self::V07 => block.transactions.div_ceil(batch),
            };
            // Each joins two at least: a block is padded to that.
            let parts = parts.max(2);
            match kind {
                Kind::TestOnly => parts,
                Kind::Proof => parts * 2,
            }
        };
        blocks.iter().map(of).sum()
    }

    /// Transactions proved of all, where each has a task of its own.
    #[must_use]
    pub fn transactions(self, leading: &Leading, blocks: &[BlockOf]) -> Option<(u64, u64)> {
        let all = blocks.iter().map(|block| block.transactions).sum();
        let done = leading.work.get(&Operation::TxProof).map_or(0, |work| work.answered);
        // Blocks of less than two transactions are padded with empty ones.
        (self == Self::V06).then_some((done.min(all), all))
    }
}

fn batch_size(leader: &[OsString]) -> u64 {
    let words: Vec<&str> = leader.iter().filter_map(|word| word.to_str()).collect();
    let joined = words.iter().find_map(|word| word.strip_prefix("--batch-size="));
    let mut apart = words.iter().zip(words.iter().skip(1));
    let apart = apart.find(|(word, _)| BATCH_OPTIONS.contains(word)).map(|(_, value)| *value);
    let told = joined.or(apart).and_then(|value| value.parse().ok());
    told.unwrap_or(BATCH_SIZE).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    fn blocks(transactions: &[u64]) -> Vec<BlockOf> {
        let block =
            |(number, &transactions)| BlockOf { number, transactions, gas_used: 0, hash: None };
        (7..).zip(transactions).map(block).collect()
    }

    #[test]
    fn generations_are_told_by_their_help() {
        let v07 = "Commands:\n  stdio\nOptions:\n  --amqp-uri\n  -o, --proof-output-dir";
        assert_eq!(Generation::of_help(v07), Some(Generation::V07));
        let v06 = "Commands:\n  stdio\nOptions:\n  --amqp-uri <AMQP_URI>";
        assert_eq!(Generation::of_help(v06), Some(Generation::V06));
        assert_eq!(Generation::of_help("usage: leader"), None);
    }

    #[test]
    fn each_generation_gets_its_own_command_line() {
        let (out, previous) = (Path::new("out"), Some(Path::new("before")));
        let run = Run { kind: Kind::Proof, out, previous };
        let leader = words("leader --batch-size 4");
        let told = Generation::V07.command(&leader, &run);
        assert_eq!(told, words("leader --batch-size 4 -k -o out stdio -f before"));
        let simulated = Run { kind: Kind::TestOnly, previous: None, ..run };
        let told = Generation::V07.command(&leader, &simulated);
        assert_eq!(told, words("leader --batch-size 4 -k -o out --test-only stdio"));
        assert_eq!(
            Generation::V06.command(&words("leader"), &run),
            words("leader stdio -f before")
        );
    }

    #[test]
    fn a_block_is_at_least_two_parts() {
        let plain = words("leader");
        let small = blocks(&[0, 1, 3]);
        assert_eq!(Generation::V06.tasks(Kind::Proof, &small, &plain), 4 + 4 + 6);
        assert_eq!(Generation::V06.tasks(Kind::TestOnly, &small, &plain), 2 + 2 + 3);
        assert_eq!(Generation::V07.tasks(Kind::TestOnly, &blocks(&[72]), &plain), 8);
        for leader in ["leader -b 1", "leader --batch-size 1", "leader --batch-size=1"] {
            assert_eq!(Generation::V07.tasks(Kind::Proof, &blocks(&[9]), &words(leader)), 18);
        }
    }
}
