//! What people and programs read: data to standard output, words about it to standard error.

use std::io::{self, IsTerminal as _, Write};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tabwriter::TabWriter;

/// How data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// More columns.
    Wide,
    /// JSON; `docs/cli.md` describes it.
    Json,
    /// The same as YAML.
    Yaml,
    /// Names alone, one a line.
    Name,
    /// All columns of a table, parted by commas.
    Csv,
}

/// Rows of text with a heading. The first cell of a row is its name.
#[derive(Debug, Default)]
pub(crate) struct Table {
    heading: Vec<&'static str>,
    /// Columns from this one on are for `-o wide`.
    narrow: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with columns that always show and columns for `-o wide`.
    pub(crate) fn new<const N: usize, const W: usize>(
        narrow: [&'static str; N],
        wide: [&'static str; W],
    ) -> Self {
        let heading = narrow.into_iter().chain(wide).collect();
        Self { heading, narrow: N, rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Aligned columns.
    pub(crate) fn text(&self, wide: bool) -> Result<String> {
        let columns = if wide { self.heading.len() } else { self.narrow };
        let mut out = TabWriter::new(Vec::new()).padding(3).minwidth(0);
        let heading = self.heading.iter().map(|cell| (*cell).to_owned()).collect();
        for row in std::iter::once(&heading).chain(&self.rows) {
            let cells: Vec<_> = row.iter().take(columns).map(String::as_str).collect();
            writeln!(out, "{}", cells.join("\t"))?;
        }
        let bytes = out.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
        // An empty last cell leaves spaces. Its tab has to be there, or the columns below shift.
        let lines = String::from_utf8(bytes)?;
        Ok(lines.lines().fold(String::new(), |all, line| all + line.trim_end() + "\n"))
    }

    /// All columns, parted by commas.
    pub(crate) fn csv(&self) -> String {
        let heading = self.heading.iter().map(|name| name.to_lowercase()).collect();
        let rows = std::iter::once(&heading).chain(&self.rows);
        rows.fold(String::new(), |all, row: &Vec<String>| {
            let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
            all + &cells.join(",") + "\n"
        })
    }

    fn names(&self) -> String {
        let names = self.rows.iter().filter_map(|row| row.first());
        names.fold(String::new(), |all, name| all + name + "\n")
    }
}

/// PURE: a cell of comma-separated values, quoted where its text would end it.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

/// Where everything is written.
#[derive(Debug)]
pub(crate) struct Printer {
    format: Format,
    data: io::Stdout,
    words: io::Stderr,
}

impl Printer {
    /// Writes to the process's own streams.
    pub(crate) fn open(format: Format) -> Self {
        Self { format, data: io::stdout(), words: io::stderr() }
    }

    /// The format that was asked for.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether programs read the data.
    pub(crate) fn is_for_programs(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml)
    }

    /// Writes data in the format that was asked for.
    pub(crate) fn data(&mut self, data: &impl Serialize, table: &Table) -> Result<()> {
        let text = match self.format {
            Format::Table => table.text(false)?,
            Format::Wide => table.text(true)?,
            Format::Name => table.names(),
            Format::Csv => table.csv(),
            Format::Json => serde_json::to_string_pretty(data)? + "\n",
            Format::Yaml => serde_norway::to_string(data)?,
        };
        self.text(&text)
    }

    /// Writes to standard output.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes to standard output as it is. A reader that has gone (`| head`) is no failure.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        match self.data.lock().write_all(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            outcome => outcome.context("cannot write to standard output"),
        }
    }

    /// Makes room for the next look: clears a terminal, parts looks with an empty line elsewhere.
    pub(crate) fn next_look(&mut self) -> Result<()> {
        let clear = if self.data.is_terminal() { "\x1b[H\x1b[J" } else { "\n" };
        self.text(clear)
    }

    /// Words for whoever watches.
    pub(crate) fn say(&mut self, words: &str) {
        let _ = writeln!(self.words, "{words}");
    }

    /// Whether somebody sees bars move.
    pub(crate) fn draws(&self) -> bool {
        self.words.is_terminal()
    }

    /// Whether somebody can be asked.
    pub(crate) fn has_terminal(&self) -> bool {
        io::stdin().is_terminal() && self.words.is_terminal()
    }
}

/// A count, or a dash where the broker did not say.
pub(crate) fn count(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_wide_ones_wait_to_be_asked_for() {
        let mut table = Table::new(["NAME", "READY"], ["LEASE"]);
        table.row(["task-ipc-routing-key".into(), "12".into(), "30m".into()]);
        table.row(["q".into(), count(None), String::new()]);
        insta::assert_snapshot!(table.text(false).unwrap(), @"
        NAME                   READY
        task-ipc-routing-key   12
        q                      ?
        ");
        assert!(table.text(true).unwrap().contains("LEASE"));
        assert_eq!(table.names(), "task-ipc-routing-key\nq\n");
    }

    #[test]
    fn what_would_end_a_cell_is_quoted_between_commas() {
        let mut table = Table::new(["NAME", "READY"], ["GAS LIMIT"]);
        table.row(["a,b".into(), "say \"no\"".into(), String::new()]);
        table.row(["c".into(), "two\nlines".into(), "7".into()]);
        let expected = "name,ready,gas limit\n\"a,b\",\"say \"\"no\"\"\",\nc,\"two\nlines\",7\n";
        assert_eq!(table.csv(), expected);
    }
}
