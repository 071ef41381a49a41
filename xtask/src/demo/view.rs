//! PURE: the live view, as a block of lines for a terminal or as one line for a pipe.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::look::{Look, Role, Worker};
use super::progress::Progress;

/// Wide enough for what is to be said, narrow enough for any terminal.
const WIDTH: usize = 80;
/// Cells of the bar of blocks.
const BAR: u64 = 30;
/// An estimate below this would be wrong by as much.
const SOON: Duration = Duration::from_secs(5);
/// Where the text behind a label starts.
const INDENT: usize = 11;

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Blocks are under way.
    Proving,
    /// All are proved, workers end.
    Draining,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Proving => "proving",
            Self::Draining => "draining",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Proving => "leaders cut blocks into tasks, workers take them",
            Self::Draining => "proofs verified; workers end, for there is no work left",
        }
    }
}

/// All that one view shows.
pub(crate) struct View<'a> {
    /// What the scaler tells.
    pub(crate) look: &'a Look,
    /// The course so far.
    pub(crate) progress: &'a Progress,
    /// What is going on.
    pub(crate) phase: Phase,
    /// Numbers of the blocks that leaders work on.
    pub(crate) proving: &'a [u64],
    /// Blocks with a proof.
    pub(crate) done: u64,
    /// All blocks.
    pub(crate) blocks: u64,
    /// The most workers there may be.
    pub(crate) max: u32,
    /// The status page's address.
    pub(crate) page: &'a str,
    /// The moment shown.
    pub(crate) now: Instant,
}

/// How lines may look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Whether colours are welcome.
    pub(crate) colour: bool,
    /// The terminal's columns.
    pub(crate) columns: usize,
}

impl View<'_> {
    /// The block of lines for a terminal.
    pub(crate) fn block(&self, style: Style) -> String {
        let head = format!("{:<9}{:>8}{:>9}{:>9}", "", "queues", "waiting", "in hand");
        let mut lines = vec![("queues", head)];
        lines.extend(self.look.roles.iter().map(|role| ("", table_row(role))));
        lines.push(("backlog", self.backlog()));
        lines.push(("workers", self.counts()));
        lines.push(("", workers(&self.look.workers)));
        lines.push(("tasks", self.tasks()));
        lines.push(("blocks", self.bar()));
        lines.push(("time", self.times()));
        lines.push(("page", self.page.to_owned()));
        lines.push(("now", self.phase()));
        let lines = lines.iter().map(|(label, text)| style.line(label, text));
        lines.fold(String::new(), |all, line| all + &line + "\n")
    }

    /// All of it in one line.
    pub(crate) fn line(&self) -> String {
        let Self { look, done, blocks, .. } = self;
        let (ready, unacked) = self.in_queues();
        format!(
            "{} {}: backlog {} ({ready} waiting, {unacked} in hand), workers {} wanted {} \
             running, tasks {}, blocks {done}/{blocks}, {}",
            clock(self.gone()),
            self.phase.word(),
            told(look.backlog()),
            told(look.wanted),
            look.running,
            self.tasks(),
            self.left(),
        )
    }

    fn in_queues(&self) -> (String, String) {
        let work = || self.look.roles.iter().filter(|role| role.is_work());
        let sum = |count: fn(&Role) -> Option<u64>| told(work().map(count).sum::<Option<u64>>());
        (sum(|role| role.ready), sum(|role| role.unacked))
    }

    fn backlog(&self) -> String {
        let now = told(self.look.backlog());
        format!("{now:>4}  {}", sparkline(&self.progress.history))
    }

    fn counts(&self) -> String {
        let (look, max) = (self.look, self.max);
        format!("{} wanted, {} running, at most {max}", told(look.wanted), look.running)
    }

    fn tasks(&self) -> String {
        let Progress { done, tasks, .. } = self.progress;
        match done {
            Some(done) => format!("{done} of {tasks} done"),
            None => format!("{tasks} to do"),
        }
    }

    fn bar(&self) -> String {
        let Self { done, blocks, .. } = self;
        let full = done * BAR / (*blocks).max(1);
        let cells: String = (0..BAR).map(|cell| if cell < full { '█' } else { '░' }).collect();
        let numbers: Vec<String> = self.proving.iter().map(ToString::to_string).collect();
        let proving = match numbers.as_slice() {
            [] => String::new(),
            all => format!("  proving {}", all.join(", ")),
        };
        format!("{cells} {done}/{blocks}{proving}")
    }

    fn times(&self) -> String {
        format!("{} gone, {}", clock(self.gone()), self.left())
    }

    fn gone(&self) -> Duration {
        self.now.duration_since(self.progress.started)
    }

    fn left(&self) -> String {
        if self.done == self.blocks {
            return "all proved".to_owned();
        }
        match self.progress.left(self.now) {
            Some(left) if left < SOON => "a few seconds left".to_owned(),
            Some(left) => format!("about {} left", clock(left)),
            None => "time left: estimating".to_owned(),
        }
    }

    fn phase(&self) -> String {
        let word = self.phase.word();
        match &self.look.trouble {
            Some(trouble) => format!("{word}; the scaler says: {trouble}"),
            None => format!("{word}: {}", self.phase.sentence()),
        }
    }
}

impl Style {
    /// A line cut to the width before it is coloured, so that no escape sequence is cut.
    fn line(self, label: &str, text: &str) -> String {
        let room = self.columns.min(WIDTH).saturating_sub(INDENT + 1);
        let text: String = text.chars().take(room).collect();
        let text = text.trim_end();
        if self.colour {
            format!("  \u{1b}[36m{label:<9}\u{1b}[0m{text}")
        } else {
            format!("  {label:<9}{text}").trim_end().to_owned()
        }
    }
}

fn table_row(role: &Role) -> String {
    let Role { name, queues, ready, unacked } = role;
    format!("{name:<9}{queues:>8}{:>9}{:>9}", told(*ready), told(*unacked))
}

fn workers(all: &[Worker]) -> String {
    let alive: Vec<String> = all
        .iter()
        .filter(|worker| worker.pid.is_some() || worker.crash_loop)
        .map(|worker| format!("{} {}", worker.number, worker.state))
        .collect();
    if alive.is_empty() { "none".to_owned() } else { alive.join(" · ") }
}

/// One character for each point, as high as its share of the highest; only nothing is lowest.
fn sparkline(points: &VecDeque<u64>) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = points.iter().copied().max().unwrap_or_default().max(1);
    let height = |point: u64| if point == 0 { 0 } else { 1 + point * 6 / most };
    let step = |point: &u64| usize::try_from(height(*point)).ok().and_then(|at| STEPS.get(at));
    points.iter().filter_map(step).collect()
}

fn told(count: Option<u64>) -> String {
    count.map_or_else(|| "?".to_owned(), |count| count.to_string())
}

/// Minutes and seconds.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
mod tests {
    use super::*;

    fn role(name: &str, queues: u64, ready: Option<u64>, unacked: u64) -> Role {
        Role { name: name.into(), queues, ready, unacked: Some(unacked) }
    }

    fn worker(number: u64, state: &str) -> Worker {
        let (pid, crash_loop) = ((state != "ended").then_some(1), false);
        Worker { number, state: state.into(), pid, crash_loop, last_exit: None }
    }

    fn look() -> Look {
        Look {
            roles: vec![
                role("task", 1, Some(12), 4),
                role("other", 0, Some(0), 0),
                role("result", 6, Some(1), 0),
                role("control", 1, Some(0), 0),
            ],
            wanted: Some(16),
            running: 3,
            workers: vec![worker(1, "busy"), worker(2, "starting"), worker(3, "ended")],
            trouble: None,
        }
    }

    fn shown(look: &Look, done: Option<u64>, how: impl Fn(&View<'_>) -> String) -> String {
        let started = Instant::now();
        let mut progress = Progress::new(started, 84);
        for (second, ready) in [(0, 0), (10, 3), (12, 12)] {
            let look = Look { roles: vec![role("task", 1, Some(ready), 0)], ..look.clone() };
            progress.note(&look, started + Duration::from_secs(second));
        }
        if let Some(done) = done {
            progress.note_done(done, started + Duration::from_secs(42));
        }
        how(&View {
            look,
            progress: &progress,
            phase: Phase::Proving,
            proving: &[8, 1040],
            done: 2,
            blocks: 5,
            max: 4,
            page: "http://127.0.0.1:1/status",
            now: started + Duration::from_secs(42),
        })
    }

    const PLAIN: Style = Style { colour: false, columns: 80 };

    #[test]
    fn a_terminal_sees_everything_at_once() {
        let block = shown(&look(), Some(42), |view| view.block(PLAIN));
        let expected = "  \
  queues              queues  waiting  in hand
           task            1       12        4
           other           0        0        0
           result          6        1        0
           control         1        0        0
  backlog    16  ▁▃█
  workers  16 wanted, 3 running, at most 4
           1 busy · 2 starting
  tasks    42 of 84 done
  blocks   ████████████░░░░░░░░░░░░░░░░░░ 2/5  proving 8, 1040
  time     0:42 gone, about 0:42 left
  page     http://127.0.0.1:1/status
  now      proving: leaders cut blocks into tasks, workers take them
";
        assert_eq!(block, expected);
    }

    #[test]
    fn a_pipe_sees_one_line() {
        let line = shown(&look(), None, |view: &View<'_>| view.line());
        let expected = "0:42 proving: backlog 16 (12 waiting, 4 in hand), workers 16 wanted \
            3 running, tasks 84 to do, blocks 2/5, time left: estimating";
        assert_eq!(line, expected);
    }

    #[test]
    fn what_the_broker_does_not_say_is_not_nothing() {
        let mut look = look();
        look.roles = vec![role("task", 1, None, 4)];
        look.trouble = Some("no counts".into());
        let block = shown(&look, None, |view| view.block(PLAIN));
        assert!(block.contains("task            1        ?        4"), "{block}");
        assert!(block.contains("backlog     ?"), "{block}");
        assert!(block.contains("now      proving; the scaler says: no counts"), "{block}");
    }

    #[test]
    fn a_narrow_terminal_breaks_no_line_and_colour_only_colours() {
        let mut look = look();
        look.workers = (1..40).map(|number| worker(number, "settling")).collect();
        for columns in [20, 40, 80, 300] {
            let plain = shown(&look, None, |view| view.block(Style { colour: false, columns }));
            let longest = plain.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest < columns.min(81)), "{plain}");
            let colour = shown(&look, None, |view| view.block(Style { colour: true, columns }));
            let bare = colour.replace("\u{1b}[36m", "").replace("\u{1b}[0m", "");
            let bare: Vec<&str> = bare.lines().map(str::trim_end).collect();
            assert_eq!(bare, plain.lines().collect::<Vec<_>>());
        }
    }
}
