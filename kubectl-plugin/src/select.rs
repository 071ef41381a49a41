//! Which tasks a command is about, as people type it.

use std::ops::RangeInclusive;

use amqp_admin::{QueueName, TaskFilter};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::complete::queue_names;

/// Tasks by what they belong to; a task that fits one of the options is meant.
#[derive(Debug, Clone, Default, Args)]
#[group(required = false, multiple = true)]
pub(crate) struct TaskArgs {
    /// Tasks of a block, or of the blocks from N to M, both included. May be repeated.
    #[arg(long = "block", value_name = "N[..M]", value_parser = blocks)]
    pub(crate) blocks: Vec<RangeInclusive<u64>>,
    /// Tasks that a gateway has tagged with this proof. May be repeated.
    #[arg(long = "proof", value_name = "ID")]
    pub(crate) proofs: Vec<String>,
    /// Tasks whose result goes to this queue. May be repeated.
    #[arg(long = "result-queue", value_name = "NAME", add = ArgValueCompleter::new(queue_names))]
    pub(crate) result_queues: Vec<QueueName>,
}

impl TaskArgs {
    /// Nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.proofs.is_empty() && self.result_queues.is_empty()
    }

    /// As the library knows it.
    pub(crate) fn filter(&self) -> TaskFilter {
        TaskFilter {
            result_queues: self.result_queues.iter().cloned().collect(),
            blocks: self.blocks.clone(),
            proofs: self.proofs.iter().cloned().collect(),
        }
    }

    /// In words.
    pub(crate) fn words(&self) -> String {
        let blocks = self.blocks.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => format!("block {first}"),
            (first, last) => format!("blocks {first} to {last}"),
        });
        let proofs = self.proofs.iter().map(|proof| format!("proof `{proof}`"));
        let queues = self.result_queues.iter().map(|queue| format!("result queue `{queue}`"));
        blocks.chain(proofs).chain(queues).collect::<Vec<_>>().join(", ")
    }
}

/// `5`, `5..9` or `5..=9`: both ends belong to it.
fn blocks(text: &str) -> Result<RangeInclusive<u64>, String> {
    let number =
        |text: &str| text.trim().parse::<u64>().map_err(|_| format!("`{text}` is no block number"));
    let Some((first, last)) = text.split_once("..") else {
        let block = number(text)?;
        return Ok(block..=block);
    };
    let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
    if first > last {
        return Err(format!("it ends at {last}, before its start at {first}"));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_one_or_a_range_with_both_ends() {
        assert_eq!(blocks("20362226"), Ok(20_362_226..=20_362_226));
        assert_eq!(blocks("5..9"), Ok(5..=9));
        assert_eq!(blocks("5..=9"), Ok(5..=9));
        for wrong in ["", "x", "9..5", "1..", "..4", "-1", "1,000"] {
            assert!(blocks(wrong).is_err(), "{wrong}");
        }
    }
}
