//! A day's replicas beside the ideal, one panel for each autoscaler.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::race::{Day, MOST, Outcome};
use crate::bench::plot::{COLOURS, PAPER};

/// Pixels.
const SIZE: (u32, u32) = (900, 620);
/// Hours between two marks below.
const MARKS: usize = 13;

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

/// Draws them.
pub(crate) fn draw(path: &Path, day: &Day) -> Result<()> {
    let drawn = panels(path, day);
    drawn.map_err(|error| anyhow!("cannot draw `{}`: {error}", path.display()))
}

fn panels(path: &Path, day: &Day) -> Drawn<()> {
    let Some((ideal, others)) = day.outcomes.split_first() else { return Ok(()) };
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&PAPER)?;
    let areas = root.split_evenly((others.len().max(1), 1));
    for ((area, outcome), colour) in areas.iter().zip(others).zip(COLOURS.iter().skip(1)) {
        panel(area, day, (ideal, outcome), *colour)?;
    }
    root.present()?;
    Ok(())
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    day: &Day,
    (ideal, outcome): (&Outcome, &Outcome),
    colour: RGBColor,
) -> Drawn<()> {
    let corners = |outcome: &Outcome| {
        let corners = outcome.wanted.corners(day.end).into_iter();
        corners.map(|(at, number)| (day.hours(at), number)).collect::<Vec<_>>()
    };
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: replicas wanted (grey: ideal)", outcome.name), ("sans-serif", 16))
        .margin(6)
        .x_label_area_size(22)
        .y_label_area_size(36)
        .build_cartesian_2d(0.0..day.hours(day.end), 0..MOST + 1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(MARKS)
        .x_label_formatter(&|hour| format!("{hour:.0}:00"))
        .y_labels(5)
        .draw()?;
    let grey = COLOURS.first().copied().unwrap_or(BLACK).mix(0.45);
    let mut below = corners(ideal);
    below.push((day.hours(day.end), 0));
    chart.draw_series([Polygon::new(below, grey.filled())])?;
    chart.draw_series([PathElement::new(corners(outcome), colour.stroke_width(2))])?;
    Ok(())
}
