//! PURE: the depth of a vhost over the last minutes as inline SVG. The plot stretches with the
//! page; its words stay outside of it, so that they keep their size on a phone.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::words::{count, span};
use crate::drain::to_f64;
use crate::status::DepthPoint;

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 160.0;
/// Lengths of the time axis, in seconds; each has a half and quarters that read well.
const WINDOWS: [u64; 9] = [60, 120, 240, 480, 600, 1_200, 2_400, 3_600, 14_400];
/// Between readings of a healthy broker pass a few seconds at most.
const LONGEST_GAP: u64 = 15;

/// What one point counts.
type Depth = fn(&DepthPoint) -> u64;

/// How a run of readings is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// From reading to reading.
    Line,
    /// The same, closed along the time axis.
    Area,
    /// A reading without neighbours; with round caps a line of no length is a dot.
    Dot,
}

/// The chart, with its legend in words.
pub(super) fn depth(vhost: &str, points: &[DepthPoint]) -> Markup {
    let Some(last) = points.last() else {
        return html! {
            p .dim .small { "Nothing to draw yet: the chart begins with the second reading." }
        };
    };
    let axes = Axes::around(points);
    html! {
        figure .chart {
            figcaption {
                span { "Messages in task and other queues" }
                @if last.seconds_ago > LONGEST_GAP {
                    span .late { "last read " (span(last.seconds_ago)) " ago" }
                }
                span .key { (swatch("ready")) "ready " b { (count(last.ready)) } }
                span .key { (swatch("unacked")) "unacked " b { (count(last.unacked)) } }
            }
            div .plot {
                div .y aria-hidden="true" {
                    span { (count(axes.top)) } span { (count(axes.top / 2)) } span { "0" }
                }
                (axes.draw(points, &axes.words(vhost, points)))
                div .x aria-hidden="true" {
                    span { (span(axes.window)) " ago" } span { (span(axes.window / 2)) } span { "now" }
                }
            }
        }
    }
}

fn swatch(class: &str) -> Markup {
    html! {
        svg .swatch viewBox="0 0 24 8" aria-hidden="true" { path class={ "line " (class) } d="M1 4H23" {} }
    }
}

/// The ranges of both axes.
struct Axes {
    window: u64,
    top: u64,
}

impl Axes {
    fn around(points: &[DepthPoint]) -> Self {
        let oldest = points.iter().map(|point| point.seconds_ago).max().unwrap_or(0);
        let highest = points.iter().map(|point| point.ready.max(point.unacked)).max().unwrap_or(0);
        let window = WINDOWS.into_iter().find(|window| *window >= oldest);
        Self { window: window.unwrap_or(oldest), top: round_up(highest) }
    }

    fn draw(&self, points: &[DepthPoint], words: &str) -> Markup {
        let ready: Depth = |point| point.ready;
        let unacked: Depth = |point| point.unacked;
        html! {
            svg .area viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none"
                role="img" aria-label=(words) {
                path .grid d={ "M0 0H" (WIDTH) "M0 " (HEIGHT / 2.0) "H" (WIDTH) } {}
                path .grid .base d={ "M0 " (HEIGHT) "H" (WIDTH) } {}
                path .under .ready d=(self.path(points, ready, Shape::Area)) {}
                path .line .ready d=(self.path(points, ready, Shape::Line)) {}
                path .line .unacked d=(self.path(points, unacked, Shape::Line)) {}
                path .line .ready .dot d=(self.path(points, ready, Shape::Dot)) {}
                path .line .unacked .dot d=(self.path(points, unacked, Shape::Dot)) {}
            }
        }
    }

    /// One stroke for each run of readings: where the broker was silent nothing is drawn.
    fn path(&self, points: &[DepthPoint], depth: Depth, shape: Shape) -> String {
        let runs =
            points.chunk_by(|a, b| a.seconds_ago.saturating_sub(b.seconds_ago) <= LONGEST_GAP);
        let mut path = String::new();
        for run in runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            if (run.len() == 1) != (shape == Shape::Dot) {
                continue;
            }
            let mut command = 'M';
            for point in run {
                push(&mut path, command, self.x(point), self.y(depth(point)));
                command = 'L';
            }
            if shape == Shape::Area {
                push(&mut path, 'L', self.x(last), HEIGHT);
                push(&mut path, 'L', self.x(first), HEIGHT);
                path.push('Z');
            } else if shape == Shape::Dot {
                path.push_str("h0");
            }
        }
        path
    }

    fn x(&self, point: &DepthPoint) -> f64 {
        WIDTH * (1.0 - to_f64(point.seconds_ago) / to_f64(self.window.max(1)))
    }

    fn y(&self, depth: u64) -> f64 {
        HEIGHT * (1.0 - to_f64(depth) / to_f64(self.top))
    }

    fn words(&self, vhost: &str, points: &[DepthPoint]) -> String {
        let told = |name: &str, depth: Depth| {
            let first = points.first().map_or(0, depth);
            let most = points.iter().map(depth).max().unwrap_or(0);
            let last = points.last().map_or(0, depth);
            format!(
                "{name}: {} at first, {} at most, {} at last",
                count(first),
                count(most),
                count(last)
            )
        };
        format!(
            "Depth of vhost {vhost} over the last {}. {}. {}.",
            span(self.window),
            told("Ready", |point| point.ready),
            told("Unacked", |point| point.unacked)
        )
    }
}

fn push(path: &mut String, command: char, x: f64, y: f64) {
    // Writing to a string cannot fail.
    let _ = write!(path, "{command}{x:.1} {y:.1}");
}

/// The lowest of 2, 4, 6, 8, 10, 20, … that is not below: its half is whole.
fn round_up(highest: u64) -> u64 {
    let mut scale = 1_u64;
    loop {
        for step in [2, 4, 6, 8, 10] {
            match scale.checked_mul(step) {
                Some(top) if top >= highest => return top,
                Some(_) => {}
                None => return u64::MAX,
            }
        }
        scale = scale.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(seconds_ago: u64, ready: u64, unacked: u64) -> DepthPoint {
        DepthPoint { seconds_ago, ready, unacked }
    }

    #[test]
    fn the_axis_ends_at_an_even_number_above_all_depths() {
        assert_eq!([0, 1, 2, 3, 9, 11, 4_001].map(round_up), [2, 2, 2, 4, 10, 20, 6_000]);
        assert!(round_up(u64::MAX) == u64::MAX && round_up(u64::MAX / 3) >= u64::MAX / 3);
    }

    #[test]
    fn a_silent_broker_leaves_a_gap_in_the_line() {
        let points = [point(60, 0, 0), point(58, 4, 0), point(20, 4, 0), point(18, 0, 0)];
        let axes = Axes::around(&points);
        assert_eq!((axes.window, axes.top), (60, 4));
        let line = axes.path(&points, |point| point.ready, Shape::Line);
        assert_eq!(line, "M0.0 160.0L20.0 0.0M400.0 0.0L420.0 160.0");
    }

    #[test]
    fn one_reading_is_a_dot() {
        let points = [point(0, 1, 0)];
        let axes = Axes::around(&points);
        assert_eq!(axes.path(&points, |point| point.ready, Shape::Dot), "M600.0 80.0h0");
        assert_eq!(axes.path(&points, |point| point.ready, Shape::Line), "");
    }

    #[test]
    fn the_words_tell_what_the_lines_show() {
        let points = [point(50, 3, 0), point(45, 12, 2), point(40, 7, 4)];
        let words = Axes::around(&points).words("/", &points);
        insta::assert_snapshot!(words, @"Depth of vhost / over the last 60 s. Ready: 3 at first, 12 at most, 7 at last. Unacked: 0 at first, 4 at most, 4 at last.");
    }
}
