//! PURE: what a worker has written about what went wrong: the last few of its warnings and errors, and
//! of the lines that a panic leaves.

use std::collections::VecDeque;

use crate::logs::Event;

/// Lines that are kept.
const LINES: usize = 3;
/// Characters of a line: upstream writes the whole memory of a virtual machine into some.
const LINE_MAX: usize = 300;
/// The AMQP library's errors are about connections, which the gateway knows better.
const NOISE: &str = "lapin";

/// The last lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastWords(VecDeque<String>);

impl LastWords {
    /// The log told something.
    pub fn heard(&mut self, event: &Event<'_>) {
        let Event { level, target, message, .. } = event;
        if matches!(*level, "ERROR" | "WARN") && !target.starts_with(NOISE) {
            self.add(&format!("{level} {target}: {message}"));
        }
    }

    /// A line that is not of the log.
    pub fn wrote(&mut self, line: &str) {
        if !line.trim().is_empty() && !line.starts_with("note: run with") {
            self.add(line);
        }
    }

    /// What was written so far is of no more interest.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All of it in one line.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let lines = self.0.iter().map(String::as_str).collect::<Vec<_>>();
        (!lines.is_empty()).then(|| lines.join(" | "))
    }

    fn add(&mut self, line: &str) {
        let line = line.trim();
        let mut short: String = line.chars().take(LINE_MAX).collect();
        if short.len() < line.len() {
            short.push('…');
        }
        if self.0.len() == LINES {
            self.0.pop_front();
        }
        self.0.push_back(short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::read;

    #[test]
    fn the_last_warnings_and_errors_are_told_and_all_else_is_not() {
        let mut words = LastWords::default();
        assert_eq!(words.told(), None);
        let long = format!("2026-05-04T10:02:07.1Z ERROR a: {}", "é".repeat(LINE_MAX));
        for line in [
            "2026-05-04T10:02:07.1Z ERROR a: long gone",
            "2026-05-04T10:02:07.1Z  INFO a: all is well",
            "2026-05-04T10:02:07.1Z ERROR lapin::io_loop: error doing IO",
            "2026-05-04T10:02:07.1Z  WARN evm: Kernel panic at panic",
            long.as_str(),
        ] {
            words.heard(&read(line).unwrap());
        }
        words.wrote("thread 'main' panicked at src/a.rs:3:4:\n");
        words
            .wrote("note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace");
        let told = words.told().unwrap();
        let lines: Vec<&str> = told.split(" | ").collect();
        assert_eq!(lines[0], "WARN evm: Kernel panic at panic");
        assert!(lines[1].starts_with("ERROR a: éé") && lines[1].ends_with('…'), "{told}");
        assert_eq!(lines[2..], ["thread 'main' panicked at src/a.rs:3:4:"]);
        words.clear();
        assert_eq!(words.told(), None);
    }
}
