//! PURE: what a line says.

use std::time::Duration;

use super::id::{Id, number};
use super::took::duration;

/// Levels as tracing writes them.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/// The tables whose lengths a segment's witness tells.
pub const TABLES: [&str; 10] = [
    "arithmetic",
    "byte_packing",
    "cpu",
    "keccak",
    "keccak_sponge",
    "logic",
    "memory",
    "mem_before",
    "mem_after",
    "poseidon",
];
/// Messages that a program writes as they stand here.
const FIXED: [(&str, What<'static>); 10] = [
    ("initializing prover state...", What::Circuits(Circuits::Starting)),
    ("attempting to load preprocessed circuits from disk...", What::Circuits(Circuits::Loading)),
    (
        "failed to load preprocessed circuits from disk. generating circuits...",
        What::Circuits(Circuits::Generating),
    ),
    ("saving preprocessed circuits to disk", What::Circuits(Circuits::Saving)),
    ("successfully loaded preprocessed circuits from disk", What::Circuits(Circuits::Loaded)),
    ("Kernel panic at panic", What::KernelPanic),
    ("worker abort signal received", What::AbortReceived),
    ("worker execution stopped via IPC sigterm", What::AbortEnded),
    ("received IPC termination signal", What::AbortReceived),
    ("task cancelled via IPC sigterm", What::TaskCancelled),
];

/// A line in tracing's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// When, as it was written.
    pub timestamp: &'a str,
    /// How grave.
    pub level: &'a str,
    /// The module it comes from.
    pub target: &'a str,
    /// The message without the fields below.
    pub message: &'a str,
    /// All before the message.
    pub(super) prefix: &'a str,
    /// What the task at hand works on.
    pub id: Option<Id>,
    /// The result queue of the task at hand.
    pub routing_key: Option<&'a str>,
    /// What it means.
    pub what: What<'a>,
}

/// What a line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What<'a> {
    /// A step of the circuits' loading or generation.
    Circuits(Circuits),
    /// The virtual machine ended after so many cycles.
    CpuHalted {
        /// Cycles before padding.
        cycles: u64,
    },
    /// The CPU's trace was padded to so many cycles.
    CpuTracePadded {
        /// Cycles after padding.
        cycles: u64,
    },
    /// Lengths of the tables before padding.
    TraceLengths(Vec<(&'static str, u64)>),
    /// A proof or its attempt ended: upstream writes it for failed and aborted ones too.
    ProofEnded {
        /// Of a transaction (v0.5, v0.6) or of a segment (v0.7).
        phase: Phase,
        /// How long it took.
        took: Duration,
    },
    /// The virtual machine refused the witness.
    KernelPanic,
    /// The task at hand failed.
    TaskFailed,
    /// An abort arrived.
    AbortReceived,
    /// The worker ends because of an abort, with exit code 0.
    AbortEnded,
    /// The task at hand was given up for an abort; the worker goes on.
    TaskCancelled,
    /// A leader begins a block.
    BlockStarted {
        /// Its height.
        block: u64,
    },
    /// A leader has simulated a block.
    BlockWitnessed {
        /// Its height.
        block: u64,
    },
    /// A leader has a block's proof.
    BlockProved {
        /// Its height.
        block: u64,
    },
    /// A leader gave a block up.
    BlockFailed {
        /// Its height.
        block: u64,
    },
    /// A leader has written a proof.
    ProofWritten {
        /// Where.
        path: &'a str,
    },
    /// Anything else.
    Other,
}

/// Steps of the circuits' loading or generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuits {
    /// About to begin.
    Starting,
    /// Loading from disk.
    Loading,
    /// None were on disk that fit: making them, for minutes or hours.
    Generating,
    /// Made; writing them to disk.
    Saving,
    /// Loaded from disk.
    Loaded,
}

/// The part of the work that a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Loading or making circuits.
    Circuits,
    /// Generating a witness.
    Witness,
    /// Proving a transaction (v0.5, v0.6).
    TxnProof,
    /// Proving a segment (v0.7).
    SegmentProof,
    /// A leader's work on a whole block.
    Block,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Circuits => "circuits",
            Self::Witness => "witness",
            Self::TxnProof => "txn_proof",
            Self::SegmentProof => "segment_proof",
            Self::Block => "block",
        }
    }
}

impl What<'_> {
    /// The part of the work; nothing for what is no part of it.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::Circuits(_) => Some(Phase::Circuits),
            Self::CpuHalted { .. }
            | Self::CpuTracePadded { .. }
            | Self::TraceLengths(_)
            | Self::KernelPanic => Some(Phase::Witness),
            Self::ProofEnded { phase, .. } => Some(*phase),
            Self::BlockStarted { .. }
            | Self::BlockWitnessed { .. }
            | Self::BlockProved { .. }
            | Self::BlockFailed { .. }
            | Self::ProofWritten { .. } => Some(Phase::Block),
            Self::TaskFailed
            | Self::AbortReceived
            | Self::AbortEnded
            | Self::TaskCancelled
            | Self::Other => None,
        }
    }
}

/// Reads a line without its end; `None`: it is not in tracing's form.
#[must_use]
pub fn read(line: &str) -> Option<Event<'_>> {
    let (timestamp, rest) = line.split_once(' ')?;
    is_timestamp(timestamp).then_some(())?;
    let (level, rest) = rest.trim_start_matches(' ').split_once(' ')?;
    LEVELS.contains(&level).then_some(())?;
    let (target, text) = target(rest)?;
    let prefix = line.get(..line.len().checked_sub(text.len())?)?;
    let (message, id) = with_id(text.trim_end());
    let (message, routing_key) = with_routing_key(message);
    let what = what(message);
    Some(Event { timestamp, level, target, message, prefix, id, routing_key, what })
}

/// `2026-11-22T07:39:30.861302Z`.
fn is_timestamp(text: &str) -> bool {
    let shape = text.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.' || byte == b'Z',
        _ => byte.is_ascii_digit() || byte == b'Z',
    });
    shape && (20..=30).contains(&text.len()) && text.find('Z') == Some(text.len() - 1)
}

/// The module, past the names of spans, and all after it.
fn target(rest: &str) -> Option<(&str, &str)> {
    let (first, after) = rest.split_once(": ")?;
    is_path(first).then_some(())?;
    // A span's name is one word; a module mostly a path.
    if !first.contains("::")
        && let Some((second, after)) = after.split_once(": ")
        && is_path(second)
    {
        return Some((second, after));
    }
    Some((first, after))
}

fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    !text.is_empty() && text.chars().all(plain)
}

fn with_id(text: &str) -> (&str, Option<Id>) {
    let found = text.strip_suffix('"').and_then(|text| {
        let (message, id) = text.rsplit_once(" id=\"")?;
        Some((message.trim_end(), Id::read(id)?))
    });
    found.map_or((text, None), |(message, id)| (message, Some(id)))
}

fn with_routing_key(text: &str) -> (&str, Option<&str>) {
    let is_key = |key: &str| {
        (1..=64).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match text.rsplit_once(" routing_key=") {
        Some((message, key)) if is_key(key) => (message.trim_end(), Some(key)),
        Some(_) | None => (text, None),
    }
}

fn what(message: &str) -> What<'_> {
    let fixed = FIXED.iter().find(|(text, _)| *text == message).map(|(_, what)| what.clone());
    let found = fixed.or_else(|| work(message)).or_else(|| block(message));
    found.unwrap_or(What::Other)
}

/// What a worker says of a task.
fn work(message: &str) -> Option<What<'_>> {
    if message.starts_with("execution error: ") {
        return Some(What::TaskFailed);
    }
    let cycles = |before| number(message.strip_prefix(before)?.strip_suffix(" cycles")?);
    if let Some(cycles) = cycles("CPU halted after ") {
        return Some(What::CpuHalted { cycles });
    }
    if let Some(cycles) = cycles("CPU trace padded to ") {
        return Some(What::CpuTracePadded { cycles });
    }
    if let Some(lengths) = message.strip_prefix("Trace lengths (before padding): ") {
        return trace_lengths(lengths).map(What::TraceLengths);
    }
    let (what, took) = message.rsplit_once(" took ")?;
    let phase = match what.split_once(" proof (")?.0 {
        "segment" => Phase::SegmentProof,
        "txn" => Phase::TxnProof,
        _ => return None,
    };
    Some(What::ProofEnded { phase, took: duration(took)? })
}

/// `TraceCheckpoint { arithmetic_len: 2316, … }, mem_before_len: 64546`.
fn trace_lengths(text: &str) -> Option<Vec<(&'static str, u64)>> {
    let words = text.split([' ', ',', '{', '}']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let pairs = words.iter().zip(words.iter().skip(1)).filter_map(|(name, value)| {
        let name = name.strip_suffix("_len:")?;
        let table = TABLES.iter().find(|table| **table == name)?;
        Some((*table, number(value)?))
    });
    let lengths: Vec<_> = pairs.collect();
    (!lengths.is_empty() && lengths.len() <= TABLES.len()).then_some(lengths)
}

/// What a leader says of a block.
fn block(message: &str) -> Option<What<'_>> {
    let after = |before: &str, end: &str| number(message.strip_prefix(before)?.strip_suffix(end)?);
    if let Some(block) = after("Proving block ", "") {
        return Some(What::BlockStarted { block });
    }
    if let Some(block) = after("Successfully generated witness for block ", ".") {
        return Some(What::BlockWitnessed { block });
    }
    if let Some(block) = after("Successfully proved block ", "") {
        return Some(What::BlockProved { block });
    }
    if let Some(path) = message.strip_prefix("Successfully wrote to disk proof file ") {
        return Some(What::ProofWritten { path });
    }
    let failed = message.strip_prefix("failed to generate proof for block ")?;
    Some(What::BlockFailed { block: number(failed.split_once(',')?.0)? })
}
