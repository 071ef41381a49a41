//! PURE: what a test binary printed and what its tests took down → how many passed, and why others did not.

use std::collections::{BTreeMap, BTreeSet};

use ::tests::ledger::Outcome;

/// How much of a failed test's words is kept.
const LONGEST_REASON: usize = 240;
/// Before the words of a panic.
const PANICKED: &str = "panicked at ";
/// After the words of a panic.
const ENDS: [&str; 2] = ["note: ", "stack backtrace:"];

/// Tests of one module, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// For want of a broker, or left out by hand.
    pub(super) skipped: usize,
    /// Spared by the list of tests that cannot hold on a series.
    pub(super) unfit: usize,
}

/// One run of a test binary.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// By the first part of the tests' paths.
    pub(super) modules: BTreeMap<String, Counts>,
    /// Failed tests, and the first words of each.
    pub(super) failures: BTreeMap<String, String>,
    /// Tests that were spared.
    pub(super) unfit: BTreeSet<String>,
    whole: bool,
}

impl Tally {
    /// Reads what was printed, and what was taken down meanwhile.
    pub(super) fn read(said: &str, ledger: &[(Outcome, String)]) -> Self {
        let of = |wanted: Outcome| -> BTreeSet<String> {
            let found = ledger.iter().filter(|(outcome, _)| *outcome == wanted);
            found.map(|(_, test)| test.clone()).collect()
        };
        let (skipped, unfit) = (of(Outcome::Skipped), of(Outcome::Unfit));
        let whole = said.lines().any(|line| line.starts_with("test result: "));
        let mut tally = Self { unfit, whole, ..Self::default() };
        for line in said.lines() {
            let Some((test, outcome)) = outcome(line) else { continue };
            let counts = tally.modules.entry(module(test)).or_default();
            match outcome {
                "ok" if tally.unfit.contains(test) => counts.unfit += 1,
                "ok" if skipped.contains(test) => counts.skipped += 1,
                "ok" => counts.passed += 1,
                "FAILED" => {
                    counts.failed += 1;
                    tally.failures.insert(test.to_owned(), reason(said, test));
                }
                _ => counts.skipped += 1,
            }
        }
        tally
    }

    /// Whether the binary came to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// All modules together.
    pub(super) fn all(&self) -> Counts {
        self.modules.values().fold(Counts::default(), |sum, counts| Counts {
            passed: sum.passed + counts.passed,
            failed: sum.failed + counts.failed,
            skipped: sum.skipped + counts.skipped,
            unfit: sum.unfit + counts.unfit,
        })
    }
}

/// `test a::b ... ok`, and `test a::b - should panic ... ok`.
fn outcome(line: &str) -> Option<(&str, &str)> {
    let (test, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let test = test.split_whitespace().next()?;
    Some((test, outcome.split([',', ' ']).next()?))
}

fn module(test: &str) -> String {
    test.split("::").next().unwrap_or(test).to_owned()
}

/// The first words of a test's panic; the first line of what it printed when it did not panic.
fn reason(said: &str, test: &str) -> String {
    let heading = format!("---- {test} stdout ----");
    let own = said.lines().skip_while(|line| *line != heading).skip(1);
    let own: Vec<&str> = own.take_while(|line| !line.starts_with("---- ")).collect();
    let panicked = own.iter().position(|line| line.contains(PANICKED));
    let from = panicked.map_or(0, |line| line + 1);
    let words: Vec<&str> = own.iter().skip(from).map(|line| line.trim()).collect();
    let end = words
        .iter()
        .position(|line| line.is_empty() || ENDS.iter().any(|end| line.starts_with(end)));
    let words = words.get(..end.unwrap_or(words.len())).unwrap_or_default().join(" ");
    let mut cut: String = words.chars().take(LONGEST_REASON).collect();
    if cut.len() < words.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
running 5 tests
test cli::help::is_short ... ok
test queues::quorum::order ... FAILED
test queues::rules::first ... ok
test queues::leaders::v07 ... ok
test queues::later ... ignored, not now

failures:

---- queues::quorum::order stdout ----

thread 'queues::quorum::order' (812) panicked at tests/tests/it/queues/quorum.rs:71:5:
assertion `left == right` failed: a muddle
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace

failures:
    queues::quorum::order

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 9 filtered out; finished in 1.2s
";

    #[test]
    fn tests_are_counted_by_module() {
        let ledger = [
            (Outcome::Ran, "queues::rules::first".to_owned()),
            (Outcome::Unfit, "queues::leaders::v07".to_owned()),
        ];
        let tally = Tally::read(SAID, &ledger);
        let queues = Counts { passed: 1, failed: 1, skipped: 1, unfit: 1 };
        assert_eq!(tally.modules["queues"], queues);
        assert_eq!(tally.all(), Counts { passed: 2, ..queues });
        assert!(tally.is_whole());
    }

    #[test]
    fn a_test_that_had_no_broker_has_not_passed() {
        let ledger = [(Outcome::Skipped, "queues::rules::first".to_owned())];
        let counts = Tally::read(SAID, &ledger).modules["queues"];
        assert_eq!((counts.passed, counts.skipped), (1, 2));
    }

    #[test]
    fn a_failed_test_is_named_with_its_words() {
        let tally = Tally::read(SAID, &[]);
        let words = &tally.failures["queues::quorum::order"];
        assert_eq!(words, "assertion `left == right` failed: a muddle left: 1 right: 2");
    }

    #[test]
    fn a_binary_that_died_is_no_run() {
        assert!(!Tally::read("test a::b ... ok\n", &[]).is_whole());
    }
}
