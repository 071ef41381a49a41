//! The record of which tests needed a broker and whether they had one.
//!
//! A skipped test looks like a passed one to the test runner; this file is how a run notices.

use std::fmt::{self, Display};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Names the file that tests write to.
pub const LEDGER_ENV: &str = "ZERO_TEST_LEDGER";

/// What became of a test that needs a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It had a broker.
    Ran,
    /// There was none.
    Skipped,
    /// It cannot hold on this series of brokers.
    Unfit,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Skipped => "skipped",
            Self::Unfit => "unfit",
        }
    }
}

/// The ledger added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tests that ran with a broker.
    pub ran: usize,
    /// Tests that were skipped for want of one.
    pub skipped: usize,
    /// Tests that cannot hold on this series of brokers.
    pub unfit: usize,
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ran, skipped, unfit } = self;
        let all = ran + skipped + unfit;
        write!(f, "broker tests: {all} needed a broker, {ran} ran with one, {skipped} skipped")?;
        if *unfit > 0 {
            write!(f, ", {unfit} are not for this series of RabbitMQ")?;
        }
        Ok(())
    }
}

/// Adds one line to the ledger, if this run keeps one.
///
/// One short write to a file opened for appending, so that tests of several processes do not mix.
pub fn record(test: &str, outcome: Outcome) -> std::io::Result<()> {
    let Some(path) = std::env::var_os(LEDGER_ENV) else {
        return Ok(());
    };
    append(Path::new(&path), test, outcome)
}

/// Adds up a ledger; a missing file is an empty one.
pub fn read(path: &Path) -> anyhow::Result<Summary> {
    let lines = lines(path)?;
    let count = |wanted| lines.iter().filter(|(outcome, _)| *outcome == wanted).count();
    Ok(Summary {
        ran: count(Outcome::Ran),
        skipped: count(Outcome::Skipped),
        unfit: count(Outcome::Unfit),
    })
}

/// What was recorded, one test after the other; a missing file is an empty one.
pub fn lines(path: &Path) -> anyhow::Result<Vec<(Outcome, String)>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let all = [Outcome::Ran, Outcome::Skipped, Outcome::Unfit];
    let read = |line: &str| {
        let (word, name) = line.split_once(' ')?;
        let outcome = all.into_iter().find(|outcome| outcome.word() == word)?;
        Some((outcome, name.to_owned()))
    };
    Ok(text.lines().filter_map(read).collect())
}

fn append(path: &Path, test: &str, outcome: Outcome) -> std::io::Result<()> {
    let line = format!("{} {test}\n", outcome.word());
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_added_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        append(&path, "first", Outcome::Ran).unwrap();
        append(&path, "second", Outcome::Skipped).unwrap();
        append(&path, "third", Outcome::Ran).unwrap();
        let summary = read(&path).unwrap();
        assert_eq!(summary, Summary { ran: 2, skipped: 1, unfit: 0 });
        assert_eq!(
            summary.to_string(),
            "broker tests: 3 needed a broker, 2 ran with one, 1 skipped"
        );
    }

    #[test]
    fn tests_not_for_this_series_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger");
        append(&path, "a::first", Outcome::Ran).unwrap();
        append(&path, "a::second", Outcome::Unfit).unwrap();
        let second = (Outcome::Unfit, "a::second".to_owned());
        assert_eq!(lines(&path).unwrap()[1], second);
        let said = read(&path).unwrap().to_string();
        assert!(said.ends_with("0 skipped, 1 are not for this series of RabbitMQ"), "{said}");
    }

    #[test]
    fn a_run_that_recorded_nothing_has_an_empty_ledger() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("none")).unwrap(), Summary::default());
    }
}
