//! The measurements as bars.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::report::Scale;

/// Pixels.
const SIZE: (u32, u32) = (900, 420);
/// Readable on a light and on a dark page alike.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// Told apart by people who see colours differently, too.
pub(super) const COLOURS: [RGBColor; 4] =
    [RGBColor(120, 120, 120), RGBColor(0, 114, 178), RGBColor(86, 180, 233), RGBColor(213, 94, 0)];

/// One group of bars.
type Group = (String, Vec<f64>);

/// Broker CPU by the minute.
pub(crate) fn cpu(scales: &[Scale], path: &Path) -> Result<()> {
    let groups = scales.iter().filter_map(|scale| {
        let minutes = scale.minutes?;
        let bars = vec![minutes.keda, minutes.one, minutes.many, minutes.changing];
        Some((scale.subject.short(), bars))
    });
    let names = ["KEDA page 500", "ours, 1 object", "ours, 100 objects", "ours, changing"];
    bars(
        path,
        "broker CPU, s in a minute, by queues and statistics interval",
        &names,
        &groups.collect::<Vec<_>>(),
    )
}

/// p99 from publish to view.
pub(crate) fn freshness(scales: &[Scale], path: &Path) -> Result<()> {
    let groups = scales.iter().map(|scale| {
        let seconds =
            [&scale.freshness.task, &scale.freshness.other, &scale.push].map(|s| s.ms(99) / 1e3);
        (scale.subject.short(), seconds.to_vec())
    });
    let names = ["task queue", "any queue", "push, idle vhost"];
    bars(
        path,
        "publish to KEDA's view, p99 in s, by queues and statistics interval",
        &names,
        &groups.collect::<Vec<_>>(),
    )
}

fn bars(path: &Path, title: &str, names: &[&str], groups: &[Group]) -> Result<()> {
    let drawn = draw(path, title, names, groups);
    drawn.map_err(|error| anyhow!("cannot draw `{}`: {error}", path.display()))
}

fn draw(
    path: &Path,
    title: &str,
    names: &[&str],
    groups: &[Group],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&PAPER)?;
    let highest =
        groups.iter().flat_map(|(_, bars)| bars).fold(0.1_f64, |high, bar| high.max(*bar));
    let right = f64::from(u32::try_from(groups.len())?);
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..right, 0.0..highest * 1.15)?;
    let label = |x: &f64| group_label(groups, *x);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(groups.len() * 2 + 1)
        .x_label_formatter(&label)
        .draw()?;
    let width = 0.8 / f64::from(u32::try_from(names.len())?);
    for (number, (name, colour)) in names.iter().zip(COLOURS).enumerate() {
        let shift = 0.1 + width * f64::from(u32::try_from(number)?);
        let bars = groups.iter().zip(0u32..).filter_map(|((_, bars), group)| {
            let left = f64::from(group) + shift;
            let bar = bars.get(number)?;
            Some(Rectangle::new(
                [(left, 0.0), (left + width * 0.95, bar.max(0.0))],
                colour.filled(),
            ))
        });
        let series = chart.draw_series(bars)?.label(*name);
        series.legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .background_style(PAPER)
        .border_style(BLACK)
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    root.present()?;
    Ok(())
}

/// The middle of each group carries its name.
fn group_label(groups: &[Group], x: f64) -> String {
    let named =
        groups.iter().zip(0u32..).find(|(_, group)| (x - f64::from(*group) - 0.5).abs() < 0.01);
    named.map_or_else(String::new, |((name, _), _)| name.clone())
}
