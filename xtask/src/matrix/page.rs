//! PURE: runs on several series → a table of them, on a terminal and as a page that is kept.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use ::tests::rabbitmq::Series;

use super::tally::{Counts, Tally};

/// What does not change from run to run.
const OPENING: &str = include_str!("opening.md");

/// The run on one series.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) series: Series,
    pub(super) rabbitmq: String,
    pub(super) erlang: String,
    pub(super) tally: Tally,
    pub(super) took: Duration,
}

/// All runs.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) columns: Vec<Column>,
    /// What the test binary was told.
    pub(super) filters: Vec<String>,
    pub(super) date: String,
}

impl Page {
    /// Failed tests of all runs.
    pub(super) fn failed(&self) -> usize {
        self.columns.iter().map(|column| column.tally.all().failed).sum()
    }

    /// A row for each module, a column for each series.
    pub(super) fn table(&self) -> String {
        let head = self.row("tests", |column| column.series.to_string());
        let line = self.row("---", |_| "---".to_owned());
        let version = self.row("version", |column| column.rabbitmq.clone());
        let erlang = self.row("Erlang", |column| column.erlang.clone());
        let modules: BTreeSet<&String> =
            self.columns.iter().flat_map(|column| column.tally.modules.keys()).collect();
        let rows = modules.into_iter().map(|module| {
            let of = |column: &Column| column.tally.modules.get(module).copied();
            self.row(&format!("`{module}`"), |column| cell(of(column).unwrap_or_default()))
        });
        let all = self.row("all", |column| cell(column.tally.all()));
        let took = self.row("took", |column| format!("{} s", column.took.as_secs()));
        [head, line, version, erlang].into_iter().chain(rows).chain([all, took]).collect()
    }

    /// Which tests failed or were spared on which series, and why.
    pub(super) fn causes(&self) -> String {
        let mut text = String::new();
        for Column { series, tally, .. } in &self.columns {
            for (test, words) in &tally.failures {
                let _ = writeln!(text, "- {series}: `{test}` failed: {words}");
            }
        }
        for Column { series, tally, .. } in &self.columns {
            let mut by_reason = std::collections::BTreeMap::<&str, Vec<&String>>::new();
            for test in &tally.unfit {
                let reason = series.unfit(test).unwrap_or("it says so itself");
                by_reason.entry(reason).or_default().push(test);
            }
            for (reason, tests) in by_reason {
                let names: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
                let _ = writeln!(text, "- {series}: not for it: {reason}: {}", names.join(", "));
            }
        }
        text
    }

    /// The page that is kept.
    pub(super) fn markdown(&self) -> String {
        let Self { columns, filters, date } = self;
        let series: Vec<&str> = columns.iter().map(|column| column.series.name()).collect();
        let command = format!(
            "cargo xtask matrix --write --series {} -- {}",
            series.join(","),
            filters.join(" ")
        );
        let causes = match self.causes() {
            none if none.is_empty() => {
                "Nothing failed, and every test is for every series.\n".into()
            }
            causes => causes,
        };
        format!(
            "{OPENING}\n## The last run\n\n`{command}`, {date}.\n\n{}\n### What did not pass, and why\n\n{causes}",
            self.table()
        )
    }

    fn row(&self, name: &str, cell: impl Fn(&Column) -> String) -> String {
        let cells: Vec<String> = self.columns.iter().map(cell).collect();
        format!("| {name} | {} |\n", cells.join(" | "))
    }
}

/// What is not the usual case is said in words.
fn cell(counts: Counts) -> String {
    let Counts { passed, failed, skipped, unfit } = counts;
    let mut text = format!("{passed} passed");
    for (number, what) in [(failed, "**failed**"), (skipped, "skipped"), (unfit, "not for it")] {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tests::ledger::Outcome;

    fn page() -> Page {
        let said = "test cli::a ... ok\ntest queues::b ... FAILED\ntest queues::c ... ok\n\
            ---- queues::b stdout ----\nthread panicked at x:\nalas\n\ntest result: FAILED.\n";
        let tally = Tally::read(said, &[(Outcome::Unfit, "queues::c".to_owned())]);
        let column = |series, rabbitmq: &str, tally| Column {
            series,
            rabbitmq: rabbitmq.to_owned(),
            erlang: "25".to_owned(),
            tally,
            took: Duration::from_secs(9),
        };
        let none = Tally::read("test cli::a ... ok\ntest result: ok.\n", &[]);
        let columns =
            vec![column(Series::V3_10, "3.10.8", none), column(Series::V4_3, "4.3.6", tally)];
        Page { columns, filters: vec!["cli::".to_owned()], date: "2026-01-02".to_owned() }
    }

    #[test]
    fn a_module_that_did_not_run_somewhere_has_an_empty_cell_there() {
        let table = page().table();
        assert!(
            table.contains("| `queues` | 0 passed | 0 passed, 1 **failed**, 1 not for it |\n"),
            "{table}"
        );
        assert!(
            table.contains("| all | 1 passed | 1 passed, 1 **failed**, 1 not for it |\n"),
            "{table}"
        );
    }

    #[test]
    fn the_page_names_the_command_the_date_and_every_cause() {
        let page = page();
        let text = page.markdown();
        assert!(text.contains("--series 3.10,4.3 -- cli::`, 2026-01-02."), "{text}");
        assert!(text.contains("- 4.3: `queues::b` failed: alas\n"), "{text}");
        assert!(text.contains("- 4.3: not for it: "), "{text}");
        assert_eq!(page.failed(), 1);
    }
}
