//! PURE: an event in text or JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::event::{Event, What};

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As upstream writes them, with fields in place of its ids.
    Text,
    /// One object a line.
    Json,
}

/// The fields of an event, in the order in which they are written.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    timestamp: &'a str,
    level: &'a str,
    target: &'a str,
    message: &'a str,
    #[serde(flatten)]
    work: Work<'a>,
}

/// What is told of the work.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Work<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txn_end: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    trace_lengths: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_key: Option<&'a str>,
}

impl Event<'_> {
    /// The line to write, without its end; `None`: as it was.
    #[must_use]
    pub fn written(&self, format: Format) -> Option<String> {
        match format {
            Format::Text => self.text(),
            Format::Json => self.json(),
        }
    }

    fn text(&self) -> Option<String> {
        let told = self.work();
        let known = Work { routing_key: None, ..self.work() } != Work::default();
        known.then_some(())?;
        let mut line = format!("{}{}", self.prefix, self.message);
        let numbers = [
            ("block", told.block),
            ("txn", told.txn),
            ("txn_end", told.txn_end),
            ("segment", told.segment),
        ];
        for (name, number) in numbers {
            add(&mut line, name, number);
        }
        add(&mut line, "phase", told.phase);
        add(&mut line, "duration_ms", told.duration_ms);
        add(&mut line, "routing_key", told.routing_key);
        Some(line)
    }

    fn json(&self) -> Option<String> {
        let fields = Fields {
            timestamp: self.timestamp,
            level: self.level,
            target: self.target,
            message: self.message,
            work: self.work(),
        };
        serde_json::to_string(&fields).ok()
    }

    fn work(&self) -> Work<'_> {
        let mut work = Work {
            block: self.id.map(|id| id.block),
            txn: self.id.map(|id| id.txn),
            txn_end: self.id.and_then(|id| id.txn_end),
            segment: self.id.and_then(|id| id.segment),
            phase: self.what.phase().map(super::Phase::word),
            routing_key: self.routing_key,
            ..Work::default()
        };
        match &self.what {
            What::CpuHalted { cycles } | What::CpuTracePadded { cycles } => {
                work.cycles = Some(*cycles);
            }
            What::TraceLengths(lengths) => work.trace_lengths = lengths.iter().copied().collect(),
            What::ProofEnded { took, phase: _ } => {
                work.duration_ms = u64::try_from(took.as_millis()).ok();
            }
            What::BlockStarted { block }
            | What::BlockWitnessed { block }
            | What::BlockProved { block }
            | What::BlockFailed { block } => work.block = Some(*block),
            What::Circuits(_)
            | What::KernelPanic
            | What::TaskFailed
            | What::AbortReceived
            | What::AbortEnded
            | What::TaskCancelled
            | What::ProofWritten { .. }
            | What::Other => {}
        }
        work
    }
}

fn add(line: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}={value}");
    }
}
