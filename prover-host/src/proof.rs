//! PURE: a proof as the service knows it: what it is of, what became of it, and how it is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::progress::Progress;

/// What a run is to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A proof file.
    Proof,
    /// Nothing but the certainty that the block can be simulated: `--test-only`.
    TestOnly,
}

/// Where a proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits for its turn.
    Queued,
    /// A leader works on it.
    Running,
    /// Its leader succeeded, and no verifier has said yes.
    Proved,
    /// The verifier said yes.
    Verified,
    /// It is given up; `reason` says why.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl State {
    /// Every state, in the order of a proof's life.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Proved, Self::Verified, Self::Failed, Self::Cancelled];

    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Proved => "proved",
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The work is done, and done well.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Proved | Self::Verified)
    }
}

impl Kind {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Proof => "proof",
            Self::TestOnly => "test-only",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Proof, Self::TestOnly].into_iter().find(|kind| kind.word() == word)
    }
}

/// One block of a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockOf {
    /// Its number.
    pub number: u64,
    /// Its transactions.
    pub transactions: u64,
    /// The gas it used.
    pub gas_used: u64,
    /// Its hash, where the witness tells.
    pub hash: Option<String>,
}

/// What a proof is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// SHA-256 of the witness as it is on disk, hexadecimal.
    pub digest: String,
    /// Bytes of it.
    pub bytes: u64,
    /// Consecutive blocks, at least one.
    pub blocks: Vec<BlockOf>,
    /// The chain they are of.
    pub chain_id: u64,
}

impl Subject {
    /// The first block's number.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.blocks.first().map_or(0, |block| block.number)
    }

    /// The last block's number.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.number)
    }

    /// Transactions of all blocks.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.blocks.iter().map(|block| block.transactions).sum()
    }

    /// A name that people can say: the blocks and the beginning of the digest. `copy` tells apart
    /// proofs of one witness.
    #[must_use]
    pub fn name(&self, copy: u64) -> String {
        let digest = self.digest.get(..6).unwrap_or(&self.digest);
        let (first, last) = (self.first(), self.last());
        let blocks = if first == last { first.to_string() } else { format!("{first}-{last}") };
        if copy == 0 { format!("{blocks}-{digest}") } else { format!("{blocks}-{digest}-{copy}") }
    }
}

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// What the run is to give.
    pub kind: Kind,
    /// The chain of proofs it continues: it starts from the proof before it.
    pub chain: Option<String>,
    /// Higher goes first.
    pub priority: i64,
    /// For all attempts together, from the first one's start.
    pub deadline: Option<Duration>,
    /// A new proof, whatever there is of this witness already.
    pub force: bool,
}

/// What the verifier said, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", content = "words", rename_all = "lowercase")]
pub enum Verdict {
    /// The proof is good.
    Verified,
    /// The proof is bad.
    Refused(String),
    /// Nothing that can be read as either.
    Unknown(String),
}

/// A finished proof's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofFile {
    /// SHA-256, hexadecimal.
    pub digest: String,
    /// Its length.
    pub bytes: u64,
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// Its place among all: later ones have higher numbers.
    pub number: i64,
    /// Its name.
    pub id: String,
    /// What it is of.
    pub subject: Subject,
    /// What was asked for.
    pub wish: Wish,
    /// Where it stands.
    pub state: State,
    /// Why it failed, was called off or waits.
    pub reason: Option<String>,
    /// Leaders that were started for it.
    pub attempts: u32,
    /// When it came; milliseconds since 1970, as all times of the ledger.
    pub created: i64,
    /// When its first leader was started since it came or was put back.
    pub started: Option<i64>,
    /// When it came to its end.
    pub ended: Option<i64>,
    /// Not tried again before.
    pub not_before: Option<i64>,
    /// Its file.
    pub file: Option<ProofFile>,
    /// What the verifier said.
    pub verdict: Option<Verdict>,
    /// What the leader calls itself.
    pub prover: Option<String>,
    /// How far its last ended attempt had come.
    pub progress: Option<Progress>,
    /// The number of the proof that was the last of its chain when it came.
    pub follows: Option<i64>,
    /// Attempts before somebody put it back: they do not count towards those it may take.
    pub base: u32,
}

impl Proof {
    /// What is left of the time that all attempts may take together, by the wall clock: nothing else
    /// goes on while the service is down. A clock that has jumped back takes nothing away.
    #[must_use]
    pub fn left(&self, now: i64) -> Option<Duration> {
        let began = self.started.unwrap_or(now);
        let gone = u64::try_from(now.saturating_sub(began)).unwrap_or(0);
        self.wish.deadline.map(|limit| limit.saturating_sub(Duration::from_millis(gone)))
    }

    /// What its tasks are tagged with in an attempt: the next attempt's are not taken for an older's.
    #[must_use]
    pub fn tag(&self, attempt: u32) -> String {
        if attempt <= 1 { self.id.clone() } else { format!("{}.{attempt}", self.id) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(numbers: &[u64]) -> Subject {
        let block = |number: &u64| BlockOf {
            number: *number,
            transactions: 3,
            gas_used: 63_000,
            hash: None,
        };
        let blocks = numbers.iter().map(block).collect();
        Subject { digest: "3f9a1c77".into(), bytes: 9, blocks, chain_id: 1 }
    }

    #[test]
    fn a_name_says_the_blocks() {
        assert_eq!(subject(&[7]).name(0), "7-3f9a1c");
        assert_eq!(subject(&[7, 8, 9]).name(2), "7-9-3f9a1c-2");
        assert_eq!(subject(&[7, 8, 9]).transactions(), 9);
    }

    #[test]
    fn words_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::of(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        for kind in [Kind::Proof, Kind::TestOnly] {
            assert_eq!(Kind::of(kind.word()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
