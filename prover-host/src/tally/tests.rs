//! Lines in, counts out.

use proptest::prelude::*;

use super::*;
use crate::clock;
use crate::logs::read;

const TIME: &str = "2026-07-08T12:00:00.000000Z ";

struct Log {
    tally: Tally,
    now: Instant,
}

impl Log {
    fn new(blocks: usize) -> Self {
        Self { tally: Tally::new(blocks), now: clock::now() }
    }

    fn line(&mut self, rest: &str) {
        let line = format!("{TIME}{rest}");
        self.tally.add(&read(&line).unwrap(), self.now);
    }

    fn took(&mut self, id: &str) {
        self.line(&format!(" INFO p_gen: zero::ops: segment proof (Dummy) took 2s id=\"{id}\""));
    }

    fn rows(&mut self) -> Vec<(String, String, u64, u64)> {
        self.tally.look(self.now + VERDICT);
        let rows = self.tally.rows().map(|(block, txn, counts)| {
            (block, txn, counts.witnesses_proved, counts.witnesses_failed)
        });
        rows.collect()
    }
}

fn row(block: &str, txn: &str, proved: u64, failed: u64) -> (String, String, u64, u64) {
    (block.to_owned(), txn.to_owned(), proved, failed)
}

#[test]
fn each_proof_counts_under_its_block_and_transactions() {
    let mut log = Log::new(8);
    log.took("b3 - 0_10 (0)");
    log.took("b3 - 0_10 (1)");
    log.took("b4 - 7");
    assert_eq!(log.rows(), [row("3", "0_10", 2, 0), row("4", "7", 1, 0)]);
}

#[test]
fn a_failure_told_after_the_attempt_is_no_proof() {
    let mut log = Log::new(8);
    log.took("b3 - 0 (0)");
    log.line("ERROR paladin::runtime: execution error: Fatal { } routing_key=aB3dE");
    log.took("b3 - 1 (0)");
    assert_eq!(log.rows(), [row("3", "0", 0, 1), row("3", "1", 1, 0)]);
}

#[test]
fn an_attempt_given_up_for_an_abort_is_no_proof() {
    let mut log = Log::new(8);
    log.line(" WARN paladin::runtime: worker abort signal received routing_key=aB3dE");
    log.took("b3 - 0 (1)");
    log.line(" WARN paladin::runtime: worker execution stopped via IPC sigterm routing_key=aB3dE");
    assert_eq!(log.rows(), [row("3", "0", 0, 1)]);
    assert!(log.tally.child_ended(), "the abort is remembered until the child has ended");
    assert!(!log.tally.child_ended(), "and then forgotten");
}

#[test]
fn an_attempt_counts_only_when_no_failure_can_follow() {
    let mut log = Log::new(8);
    log.took("b3 - 0 (0)");
    log.tally.look(log.now + VERDICT / 2);
    assert_eq!(log.tally.rows().count(), 0);
    assert_eq!(log.rows().len(), 1);
}

#[test]
fn blocks_beyond_the_most_recent_are_folded_and_nothing_is_lost() {
    let mut log = Log::new(2);
    for block in [1, 2, 3, 2, 4] {
        log.took(&format!("b{block} - 0 (0)"));
    }
    assert_eq!(log.rows(), [row("2", "0", 2, 0), row("4", "0", 1, 0), row("older", "older", 2, 0)]);
}

#[test]
fn lines_without_a_block_are_counted_as_such() {
    let mut log = Log::new(2);
    log.line(" INFO a::b: CPU halted after 100 cycles");
    log.line(" INFO a::b: CPU halted after 50 cycles");
    let rows: Vec<_> = log.tally.rows().collect();
    let [(block, txn, counts)] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((block.as_str(), txn.as_str()), ("unknown", "unknown"));
    assert_eq!((counts.cpu_halts, counts.cpu_halt_cycles), (2, 150));
}

#[test]
fn the_greatest_length_of_each_table_is_kept() {
    let mut log = Log::new(2);
    for length in [5, 9, 7] {
        let end = "id=\"b3 - 0 (0)\"";
        log.line(&format!(
            " INFO a::b: Trace lengths (before padding): T {{ cpu_len: {length} }} {end}"
        ));
    }
    let lengths: Vec<_> = log.tally.rows().map(|(.., counts)| &counts.trace_lengths).collect();
    assert_eq!(lengths, [&BTreeMap::from([("cpu", 9)])]);
}

proptest! {
    #[test]
    fn however_much_comes_the_rows_are_bounded_and_the_sum_is_right(
        ids in prop::collection::vec((0_u64..6, 0_u64..200), 0..400),
    ) {
        let mut log = Log::new(3);
        for (block, txn) in &ids {
            log.took(&format!("b{block} - {txn} (0)"));
        }
        let rows = log.rows();
        prop_assert!(rows.len() <= 3 * (TXNS + 1) + 2);
        let proved: u64 = rows.iter().map(|(_, _, proved, _)| proved).sum();
        prop_assert_eq!(proved, ids.len() as u64);
    }
}
