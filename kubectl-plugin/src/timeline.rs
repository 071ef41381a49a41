//! PURE: a proof's report as one SVG picture: phases as bars, below them for each kind how many of its
//! tasks were out and how many of those in workers' hands, attempts and retries marked.
//!
//! Time runs from the first leader's start. Colours follow the reader's light or dark scheme.

mod lane;

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::report::{Attempt, Report, time};

/// The picture's size and where its lanes are, in pixels.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 56.0;
const TOP: f64 = 72.0;
const BAR: f64 = 24.0;
const GAP: f64 = 18.0;
const LANE: f64 = 64.0;
const BELOW: f64 = 66.0;
/// A word needs so much room to stand in a bar, for each of its letters.
const LETTER: f64 = 7.0;
/// Between two ticks of the axis at least.
const TICK: f64 = 70.0;

const STYLE: &str = "\
svg{--ground:#fff;--ink:#1f2328;--faint:#6e7781;--line:#d8dee4;--out:#b6d4f5;--hand:#2f7bd0;--bad:#c4321f;--again:#9a6700;\
--preparing:#8b949e;--first-task:#a37acc;--proving:#2f7bd0;--ending:#57a6c9;--writing:#2c974b;--verifying:#b58407;--clearing:#8b949e}\
@media (prefers-color-scheme:dark){svg{--ground:#0d1117;--ink:#e6edf3;--faint:#8b949e;--line:#30363d;--out:#1c3b5e;--hand:#58a6ff;--bad:#ff7b72;--again:#e3b341;\
--preparing:#6e7681;--first-task:#8957c4;--proving:#1f6feb;--ending:#2f81a3;--writing:#238636;--verifying:#9e6a03;--clearing:#6e7681}}\
text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:var(--ink)}.title{font-size:16px;font-weight:600}.faint{fill:var(--faint)}\
.in{fill:#fff}.end{text-anchor:end}.middle{text-anchor:middle}.line{stroke:var(--line)}.attempt{stroke:var(--faint);stroke-dasharray:3 3}\
.out{fill:var(--out)}.hand{fill:var(--hand)}.bad{stroke:var(--bad);stroke-width:2;fill:none}.again{fill:var(--again)}";

/// Seconds on the picture.
#[derive(Debug, Clone, Copy)]
struct Scale {
    end: f64,
}

impl Scale {
    fn x(self, seconds: f64) -> f64 {
        LEFT + (seconds / self.end).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }
}

/// An attempt and when it began, since the first one did.
type Placed<'a> = (&'a Attempt, f64);

/// Draws it.
pub(crate) fn svg(report: &Report) -> String {
    let placed = placed(report);
    let end = placed.iter().map(|(attempt, from)| from + length(attempt)).fold(0.0, f64::max);
    let scale = Scale { end: if end > 0.0 { end } else { 1.0 } };
    let lanes = lane::lanes(&placed);
    #[expect(clippy::cast_precision_loss, reason = "there are eight kinds of tasks")]
    let below = TOP + BAR + GAP + (LANE + GAP) * lanes.len() as f64;
    let height = below + BELOW;
    let title = escaped(&report.headline());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{title}</title>\n<style>{STYLE}</style>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"var(--ground)\"/>\n\
         <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n\
         <text class=\"faint\" x=\"16\" y=\"48\">{}</text>\n",
        escaped(&subtitle(report, end))
    );
    axis(&mut svg, scale, below);
    for (attempt, from) in &placed {
        phases(&mut svg, scale, (attempt, *from), below);
    }
    let _ = writeln!(
        svg,
        "<text class=\"end\" x=\"{}\" y=\"{}\">phases</text>",
        LEFT - 12.0,
        TOP + 16.0
    );
    let mut top = TOP + BAR + GAP;
    for lane in &lanes {
        lane.draw(&mut svg, scale, top);
        top += LANE + GAP;
    }
    legend(&mut svg, below + 44.0);
    svg + "</svg>\n"
}

/// Each attempt with its beginning; one whose clock makes no sense begins where the one before ended.
fn placed(report: &Report) -> Vec<Placed<'_>> {
    let mut first: Option<Timestamp> = None;
    let mut behind = 0.0_f64;
    let mut placed = Vec::new();
    for attempt in &report.attempts {
        let began: Option<Timestamp> = attempt.started_at.parse().ok();
        first = first.or(began);
        let since =
            began.zip(first).map(|(began, first)| began.duration_since(first).as_secs_f64());
        let from = since.unwrap_or(behind).max(behind);
        behind = from + length(attempt);
        placed.push((attempt, from));
    }
    placed
}

/// Seconds that are known of an attempt.
fn length(attempt: &Attempt) -> f64 {
    let phases = attempt.phases.iter().filter_map(|phase| phase.to_seconds.or(phase.from_seconds));
    let tasks =
        attempt.tasks.iter().filter_map(|task| task.answered_seconds.or(task.published_seconds));
    phases.chain(tasks).fold(0.0, f64::max)
}

fn subtitle(report: &Report, end: f64) -> String {
    let waited = report.attempts.first().and_then(|attempt| attempt.waited_seconds);
    let tasks: u64 =
        report.attempts.iter().flat_map(|it| &it.kinds).map(|kind| kind.answered).sum();
    let parts = [
        waited.map(|waited| format!("waited {}", time(waited))),
        (end > 0.0).then(|| format!("took {}", time(end))),
        Some(format!("{tasks} tasks answered")),
        report.prover.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// A line for each round number of seconds.
fn axis(svg: &mut String, scale: Scale, below: f64) {
    let wanted = scale.end * TICK / (WIDTH - LEFT - RIGHT);
    let step = step(wanted);
    let (mut at, mut number) = (0.0, 0.0);
    while at <= scale.end {
        let x = scale.x(at);
        let label = tick(at, step);
        let _ = writeln!(
            svg,
            "<line class=\"line\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{:.1}\"/><text class=\"faint middle tick\" x=\"{x:.1}\" y=\"{:.1}\" data-seconds=\"{at}\">{label}</text>",
            TOP - 6.0,
            below - 6.0,
            below + 10.0
        );
        number += 1.0;
        at = number * step;
    }
    let _ = writeln!(
        svg,
        "<text class=\"faint end\" x=\"{}\" y=\"{:.1}\">seconds</text>",
        LEFT - 12.0,
        below + 10.0
    );
}

/// The least round number that is not less.
fn step(wanted: f64) -> f64 {
    let mut unit = 0.001;
    loop {
        for times in [1.0, 2.0, 5.0] {
            if unit * times >= wanted {
                return unit * times;
            }
        }
        unit *= 10.0;
    }
}

fn tick(at: f64, step: f64) -> String {
    match step {
        fine if fine < 0.01 => format!("{at:.3}"),
        fine if fine < 0.1 => format!("{at:.2}"),
        fine if fine < 1.0 => format!("{at:.1}"),
        _ => format!("{at:.0}"),
    }
}

fn phases(svg: &mut String, scale: Scale, (attempt, began): Placed<'_>, below: f64) {
    let number = attempt.number;
    for phase in &attempt.phases {
        let (Some(from), Some(to)) = (phase.from_seconds, phase.to_seconds) else { continue };
        let (left, right) = (scale.x(began + from), scale.x(began + to));
        let (name, width) = (escaped(&phase.name), (right - left).max(0.5));
        let took = time((to - from).max(0.0));
        let _ = writeln!(
            svg,
            "<rect class=\"phase\" data-attempt=\"{number}\" data-phase=\"{name}\" data-from=\"{from}\" data-to=\"{to}\" x=\"{left:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"var(--{})\"><title>attempt {number}: {name}, {took}</title></rect>",
            name.replace(' ', "-")
        );
        let words = format!("{name} {took}");
        let room = |words: &str| LETTER * f64::from(u32::try_from(words.len()).unwrap_or(u32::MAX));
        let shown = [words.as_str(), name.as_str()].into_iter().find(|words| room(words) < width);
        if let Some(shown) = shown {
            let _ = writeln!(
                svg,
                "<text class=\"in\" x=\"{:.1}\" y=\"{}\">{shown}</text>",
                left + 6.0,
                TOP + 16.0
            );
        }
    }
    let x = scale.x(began);
    let outcome = escaped(attempt.outcome.as_deref().unwrap_or("not ended"));
    let _ = writeln!(
        svg,
        "<g class=\"mark\" data-attempt=\"{number}\"><line class=\"attempt\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{:.1}\"/><text class=\"faint\" x=\"{:.1}\" y=\"{}\">attempt {number}</text><title>attempt {number}: {outcome}</title></g>",
        TOP - 14.0,
        below - 6.0,
        x + 4.0,
        TOP - 8.0
    );
    let good = matches!(attempt.outcome.as_deref(), Some("proved" | "verified") | None);
    if !good {
        let (x, y) = (scale.x(began + length(attempt)), TOP + BAR / 2.0);
        let _ = writeln!(svg, "<g class=\"failed\">{}<title>{outcome}</title></g>", cross(x, y));
    }
}

fn cross(x: f64, y: f64) -> String {
    let [left, right, top, bottom] = [x - 5.0, x + 5.0, y - 5.0, y + 5.0];
    format!(
        "<path class=\"bad\" d=\"M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}\"/>"
    )
}

fn legend(svg: &mut String, y: f64) {
    let (mut x, box_at) = (LEFT, y - 10.0);
    for (class, words) in
        [("out", "given out, not answered"), ("hand", "of those in workers’ hands")]
    {
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{box_at}\" width=\"12\" height=\"12\"/><text class=\"faint\" x=\"{}\" y=\"{y}\">{words}</text>",
            x + 18.0
        );
        x += 190.0;
    }
    let _ = writeln!(
        svg,
        "{}<text class=\"faint\" x=\"{}\" y=\"{y}\">tried more than once</text>",
        triangle(x + 6.0, y - 4.0),
        x + 18.0
    );
    x += 160.0;
    let _ = writeln!(
        svg,
        "{}<text class=\"faint\" x=\"{}\" y=\"{y}\">failed</text>",
        cross(x + 6.0, y - 4.0),
        x + 18.0
    );
}

fn triangle(x: f64, y: f64) -> String {
    format!("<path class=\"again\" d=\"M{:.1} {:.1}h10l-5 -9z\"/>", x - 5.0, y + 4.0)
}

/// Text as XML takes it.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // XML has no words for these.
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests;
