//! PURE: one kind of task over time: how many were out, and how many of those in workers' hands.

use std::fmt::Write as _;

use super::{LANE, LEFT, Placed, RIGHT, Scale, WIDTH, cross, escaped, triangle};
use crate::report::Task;

/// The strip of a lane that is for tasks in hand, in pixels.
const HAND: f64 = 16.0;
/// What is nearer together is one step.
const PIXEL: f64 = 0.5;

/// One kind of task.
#[derive(Debug, Default)]
pub(super) struct Lane {
    operation: String,
    /// Moments at which one more or one less was out, in order.
    out: Vec<(f64, i32)>,
    /// The same of those in workers' hands, of the tasks of which that is known.
    hand: Vec<(f64, i32)>,
    /// Answers of tasks that were tried more than once: when, and at which try.
    again: Vec<(f64, u32)>,
    /// Answers that were failures.
    failed: Vec<f64>,
}

/// The kinds, in the order in which they began.
pub(super) fn lanes(placed: &[Placed<'_>]) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for (attempt, began) in placed {
        let end = super::length(attempt);
        for kind in &attempt.kinds {
            if !lanes.iter().any(|lane| lane.operation == kind.operation) {
                lanes.push(Lane { operation: kind.operation.clone(), ..Lane::default() });
            }
        }
        let over = attempt.ended_at.is_some();
        for task in &attempt.tasks {
            if let Some(lane) = lanes.iter_mut().find(|lane| lane.operation == task.operation) {
                lane.add(task, *began);
            }
        }
        // What was never answered is out until its attempt ends; so nothing is out in between.
        for lane in lanes.iter_mut().filter(|_| over) {
            lane.close(began + end);
        }
    }
    for lane in &mut lanes {
        lane.out.sort_by(|one, other| one.0.total_cmp(&other.0));
        lane.hand.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    lanes
}

impl Lane {
    fn add(&mut self, task: &Task, began: f64) {
        if let Some(published) = task.published_seconds {
            self.out.push((began + published, 1));
        }
        let Some(answered) = task.answered_seconds else { return };
        self.out.push((began + answered, -1));
        if let Some(took) = task.in_hand_seconds {
            let from = (answered - took).max(task.published_seconds.unwrap_or(0.0));
            self.hand.extend([(began + from, 1), (began + answered, -1)]);
        }
        if let Some(number @ 2..) = task.r#try {
            self.again.push((began + answered, number));
        }
        if task.failed == Some(true) {
            self.failed.push(began + answered);
        }
    }

    fn close(&mut self, at: f64) {
        let left: i32 = self.out.iter().map(|(_, change)| change).sum();
        if left != 0 {
            self.out.push((at, -left));
        }
    }

    pub(super) fn draw(&self, svg: &mut String, scale: Scale, top: f64) {
        let (out, hand) = (Area::of(&self.out), Area::of(&self.hand));
        let (name, bottom, right) = (escaped(&self.operation), top + LANE, WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<g class=\"lane\" data-operation=\"{name}\" data-most=\"{}\" data-in-hand=\"{}\"><text class=\"end\" x=\"{}\" y=\"{:.1}\">{name}</text><line class=\"line\" x1=\"{LEFT}\" y1=\"{bottom:.1}\" x2=\"{right}\" y2=\"{bottom:.1}\"/>",
            out.most,
            hand.most,
            LEFT - 12.0,
            top + LANE / 2.0 + 4.0
        );
        // Each has a scale of its own: a hundred tasks may be out and three in hand.
        out.draw(svg, scale, ("out", top, LANE - HAND - 4.0));
        hand.draw(svg, scale, ("hand", bottom - HAND, HAND));
        for (at, number) in &self.again {
            let mark = triangle(scale.x(*at), bottom - HAND - 8.0);
            let _ = writeln!(
                svg,
                "<g class=\"retried\">{mark}<title>answered at try {number}</title></g>"
            );
        }
        for at in &self.failed {
            let mark = cross(scale.x(*at), top + LANE / 2.0);
            let _ = writeln!(svg, "<g class=\"lost\">{mark}<title>failed</title></g>");
        }
        svg.push_str("</g>\n");
    }
}

/// How many there were over time.
struct Area {
    levels: Vec<(f64, i32)>,
    most: i32,
}

impl Area {
    fn of(changes: &[(f64, i32)]) -> Self {
        let levels = levels(changes);
        let most = levels.iter().map(|(_, level)| *level).max().unwrap_or(0);
        Self { levels, most }
    }

    /// Its greatest number stands beside it.
    fn draw(&self, svg: &mut String, scale: Scale, (class, top, height): (&str, f64, f64)) {
        let Some(path) = self.path(scale, top, height) else { return };
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"{path}\"/><text class=\"faint\" x=\"{}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT + 6.0,
            top + 11.0,
            self.most
        );
    }

    /// A stepped outline. Within half a pixel the highest level counts, so its length is bounded.
    fn path(&self, scale: Scale, top: f64, height: f64) -> Option<String> {
        let (first, _) = self.levels.first().filter(|_| self.most > 0)?;
        let bottom = top + height;
        let y = |level: i32| bottom - f64::from(level) / f64::from(self.most) * height;
        let mut column = scale.x(*first);
        let mut path = format!("M{column:.1} {bottom:.1}");
        let (mut highest, mut last, mut drawn) = (0, 0, 0);
        let mut step = |x: f64, level: i32, path: &mut String| {
            if level != drawn {
                let _ = write!(path, "H{x:.1}V{:.1}", y(level));
                drawn = level;
            }
        };
        for (at, level) in &self.levels {
            let x = scale.x(*at);
            if x - column >= PIXEL {
                step(column, highest, &mut path);
                step(column + PIXEL, last, &mut path);
                (column, highest) = (x, *level);
            }
            highest = highest.max(*level);
            last = *level;
        }
        step(column, highest, &mut path);
        step(column + PIXEL, last, &mut path);
        let end = scale.x(scale.end).max(column + PIXEL);
        let _ = write!(path, "H{end:.1}V{bottom:.1}Z");
        Some(path)
    }
}

/// Changes → how many there are from each moment on.
fn levels(changes: &[(f64, i32)]) -> Vec<(f64, i32)> {
    let mut level = 0;
    let mut levels: Vec<(f64, i32)> = Vec::new();
    for (at, change) in changes {
        level += change;
        match levels.last_mut() {
            #[expect(clippy::float_cmp, reason = "the same moment, not a near one")]
            Some(last) if last.0 == *at => last.1 = level.max(0),
            Some(_) | None => levels.push((*at, level.max(0))),
        }
    }
    levels
}
