//! PURE: one kind of task over time: how many were out, and how many of those in workers' hands.

use std::fmt::Write as _;

use super::{LANE, LEFT, Placed, RIGHT, Scale, WIDTH, cross, escaped, triangle};
use crate::report::Task;

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
        let (out, hand) = (levels(&self.out), levels(&self.hand));
        let most = out.iter().chain(&hand).map(|(_, level)| *level).max().unwrap_or(0);
        let (name, bottom, right) = (escaped(&self.operation), top + LANE, WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<g class=\"lane\" data-operation=\"{name}\" data-most=\"{most}\"><text class=\"end\" x=\"{}\" y=\"{:.1}\">{name}</text><line class=\"line\" x1=\"{LEFT}\" y1=\"{bottom:.1}\" x2=\"{right}\" y2=\"{bottom:.1}\"/><text class=\"faint\" x=\"{}\" y=\"{:.1}\">{most}</text>",
            LEFT - 12.0,
            top + LANE / 2.0 + 4.0,
            right + 6.0,
            top + 10.0
        );
        for (class, levels) in [("out", &out), ("hand", &hand)] {
            if let Some(path) = area(levels, scale, (top, most)) {
                let _ = writeln!(svg, "<path class=\"{class}\" d=\"{path}\"/>");
            }
        }
        for (at, number) in &self.again {
            let mark = triangle(scale.x(*at), bottom - 5.0);
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

/// A stepped area. Between two pixels the highest level counts, so its length is bounded.
fn area(levels: &[(f64, i32)], scale: Scale, (top, most): (f64, i32)) -> Option<String> {
    let (first, _) = levels.first().filter(|_| most > 0)?;
    let (bottom, height) = (top + LANE, LANE - 6.0);
    let y = |level: i32| bottom - f64::from(level) / f64::from(most) * height;
    let mut path = format!("M{:.1} {bottom:.1}", scale.x(*first));
    let (mut column, mut highest, mut last) = (scale.x(*first), 0, 0);
    for (at, level) in levels {
        let x = scale.x(*at);
        if x - column >= 0.5 {
            if highest != last {
                let _ = write!(path, "H{column:.1}V{:.1}", y(highest));
            }
            let _ = write!(path, "H{x:.1}V{:.1}", y(*level));
            (column, highest) = (x, *level);
        } else {
            highest = highest.max(*level);
        }
        last = *level;
    }
    if highest != last {
        let _ = write!(path, "H{column:.1}V{:.1}H{:.1}V{:.1}", y(highest), column + 0.5, y(last));
    }
    let _ = write!(path, "H{:.1}V{bottom:.1}Z", scale.x(scale.end).max(column));
    Some(path)
}
