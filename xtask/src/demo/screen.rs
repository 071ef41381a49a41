//! I/O: where the view goes: redrawn in place on a terminal, a line now and then into a pipe.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use rustix::termios::tcgetwinsize;

use super::view::{Style, View};
use crate::shell;

/// Between two lines into a pipe.
const LINES_EVERY: Duration = Duration::from_secs(3);

/// Where the view goes.
pub(crate) struct Screen {
    colour: bool,
    terminal: bool,
    /// Lines of the last block, which the next one covers.
    drawn: usize,
    written_at: Option<Instant>,
}

impl Screen {
    /// Standard error, as it is.
    pub(crate) fn open() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal() && !dumb;
        Self { colour: set("NO_COLOR").is_none(), terminal, drawn: 0, written_at: None }
    }

    /// Shows a view, in place of the one before it where that can be.
    pub(crate) fn show(&mut self, view: &View<'_>) {
        let size = tcgetwinsize(std::io::stderr()).ok().filter(|_| self.terminal);
        let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
        let Some(columns) = columns else {
            return self.write_line(view);
        };
        let block = view.block(Style { colour: self.colour, columns });
        let height = block.lines().count();
        // What has scrolled out of sight cannot be covered.
        if size.is_some_and(|size| usize::from(size.ws_row) <= height) {
            return self.write_line(view);
        }
        let up = if self.drawn == 0 { String::new() } else { format!("\u{1b}[{}A\r", self.drawn) };
        // Each line clears what it does not cover: nothing is ever blank, so nothing flickers.
        let lines = block.replace('\n', "\u{1b}[K\n");
        shell::write(&format!("{up}{lines}\u{1b}[J"));
        self.drawn = height;
    }

    /// The next view starts below what is there now.
    pub(crate) fn leave(&mut self) {
        self.drawn = 0;
        self.written_at = None;
    }

    fn write_line(&mut self, view: &View<'_>) {
        let due = self.written_at.is_none_or(|at| view.now.duration_since(at) >= LINES_EVERY);
        if due {
            self.written_at = Some(view.now);
            shell::say(&view.line());
        }
    }
}
