//! Draws a dashboard as one SVG: Grafana's grid, titles, units and legends, with our own lines.
//!
//! It is not Grafana. It is there so that somebody who reads the handbook sees what the queries answer.

use std::fmt::Write as _;

use serde_json::Value;

/// Pixels of one column of Grafana's grid, and of one of its rows.
const CELL: (f64, f64) = (50.0, 34.0);
/// Told apart by people who see colours differently, too.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555", "#8c6d31"];
/// Names below a plot; more do not fit.
const LEGENDS: usize = 10;

/// One line: its name and its points, in seconds.
pub(super) struct Series {
    name: String,
    points: Vec<(f64, f64)>,
}

impl Series {
    /// From an answer of Prometheus, called by Grafana's legend.
    pub(super) fn read(answer: &Value, legend: &str) -> Self {
        let mut name = legend.to_owned();
        for (label, value) in answer["metric"].as_object().unwrap() {
            name = name.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap());
        }
        let points =
            answer["values"].as_array().unwrap().iter().map(|point| {
                (point[0].as_f64().unwrap(), point[1].as_str().unwrap().parse().unwrap())
            });
        Self { name, points: points.filter(|point: &(f64, f64)| point.1.is_finite()).collect() }
    }
}

/// Seconds between two points: a line has some 150 of them, or one for each scrape.
pub(super) fn step((from, to): (f64, f64)) -> f64 {
    ((to - from) / 150.0).max(1.0)
}

/// Where a panel is, in pixels.
#[derive(Clone, Copy)]
struct Place {
    x: f64,
    y: f64,
    w: f64,
    h: f64,
}

impl Place {
    fn of(panel: &Value) -> Self {
        let at = |key: &str| panel["gridPos"][key].as_f64().unwrap();
        let (w, h) = CELL;
        Self { x: at("x") * w + 4.0, y: at("y") * h, w: at("w") * w - 8.0, h: at("h") * h - 8.0 }
    }

    /// What is left for lines.
    fn plot(self, legend: f64) -> Self {
        Self { x: self.x + 58.0, y: self.y + 28.0, w: self.w - 70.0, h: self.h - 48.0 - legend }
    }
}

/// A dashboard: its headings, and its panels with their answers over the time from … to.
pub(super) fn svg(board: &Value, panels: &[(&Value, Vec<Series>)], time: (f64, f64)) -> String {
    let bottom = panels.iter().map(|(panel, _)| Place::of(panel)).map(|it| it.y + it.h);
    let height = bottom.fold(0.0, f64::max) + 8.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 {height:.0}" font-family="sans-serif" font-size="11" fill="#24292f"><rect width="100%" height="100%" fill="#f4f5f5"/>"##
    );
    for row in board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] == "row") {
        let Place { x, y, .. } = Place::of(row);
        let title = escaped(row["title"].as_str().unwrap());
        let _ =
            write!(svg, r#"<text x="{:.0}" y="{:.0}" font-size="14">{title}</text>"#, x, y + 20.0);
    }
    for (panel, series) in panels {
        let place = Place::of(panel);
        let Place { x, y, w, h } = place;
        let title = escaped(panel["title"].as_str().unwrap());
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        let _ = write!(
            svg,
            r##"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="#fff" stroke="#d8d9da"/>"##
        );
        let _ = write!(
            svg,
            r#"<text x="{:.0}" y="{:.0}" font-weight="bold">{title}</text>"#,
            x + 10.0,
            y + 18.0
        );
        match panel["type"].as_str().unwrap() {
            "stat" => number(&mut svg, place, series, unit),
            "state-timeline" => states(&mut svg, place, series, time),
            _ if series.is_empty() => {
                text(&mut svg, (x + w / 2.0, y + h / 2.0), "middle", "no data");
            }
            _ => lines(&mut svg, place, panel, (series, time)),
        }
    }
    svg + "</svg>\n"
}

/// A small number of things, for arithmetic on the page.
fn count(things: usize) -> f64 {
    f64::from(u16::try_from(things).unwrap())
}

fn number(svg: &mut String, place: Place, series: &[Series], unit: &str) {
    let mut last = series.iter().filter_map(|series| series.points.last());
    let shown = last.next_back().map_or_else(|| "–".to_owned(), |(_, value)| told(*value, unit));
    let (x, y) = (place.x + place.w / 2.0, place.y + place.h / 2.0 + 22.0);
    let _ = write!(
        svg,
        r##"<text x="{x:.0}" y="{y:.0}" font-size="30" text-anchor="middle" fill="#0072b2">{shown}</text>"##
    );
}

fn states(svg: &mut String, place: Place, series: &[Series], (from, to): (f64, f64)) {
    let plot = Place { x: place.x + 190.0, w: place.w - 202.0, ..place.plot(0.0) };
    let row = plot.h / count(series.len().max(1));
    for ((number, series), colour) in series.iter().enumerate().zip(COLOURS.iter().cycle()) {
        let y = plot.y + row * count(number);
        text(svg, (plot.x - 6.0, y + row / 2.0 + 4.0), "end", &series.name);
        let step = plot.w * step((from, to)) / (to - from) + 0.5;
        for (at, _) in &series.points {
            let x = plot.x + (at - from) / (to - from) * (plot.w - step);
            let _ = write!(
                svg,
                r#"<rect x="{x:.1}" y="{:.1}" width="{step:.1}" height="{:.1}" fill="{colour}"/>"#,
                y + 1.0,
                row - 2.0
            );
        }
    }
    time_axis(svg, plot, to - from);
}

fn lines(svg: &mut String, place: Place, panel: &Value, (series, time): (&[Series], (f64, f64))) {
    let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
    let stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"].is_object();
    let layers =
        if stacked { stack(series) } else { series.iter().map(|it| it.points.clone()).collect() };
    let highest = layers.iter().flatten().map(|(_, value)| *value).fold(0.0, f64::max);
    let highest = if highest > 0.0 { highest * 1.1 } else { 1.0 };
    let plot = place.plot(14.0 * count(series.len().min(LEGENDS).div_ceil(2)));
    for tick in 0..=4 {
        let value = highest * f64::from(tick) / 4.0;
        let y = plot.y + plot.h - plot.h * f64::from(tick) / 4.0;
        let _ =
            write!(svg, r##"<path d="M{:.0} {y:.1}h{:.0}" stroke="#e9e9ea"/>"##, plot.x, plot.w);
        text(svg, (plot.x - 6.0, y + 4.0), "end", &told(value, unit));
    }
    // The topmost layer first: the others lie upon it.
    for (number, points) in layers.iter().enumerate().rev() {
        let colour = COLOURS[number % COLOURS.len()];
        let fill = if stacked { colour } else { "none" };
        for run in runs(points, step(time) * 2.5) {
            let path = path(run, plot, (time, highest), stacked);
            let _ = write!(
                svg,
                r#"<path d="{path}" fill="{fill}" stroke="{colour}" stroke-width="1.5"/>"#
            );
        }
    }
    time_axis(svg, plot, time.1 - time.0);
    for (number, series) in series.iter().take(LEGENDS).enumerate() {
        let x = place.x + 14.0 + place.w / 2.0 * count(number % 2);
        let y = plot.y + plot.h + 30.0 + 14.0 * count(number / 2);
        let colour = COLOURS[number % COLOURS.len()];
        let _ = write!(
            svg,
            r#"<rect x="{x:.0}" y="{:.0}" width="10" height="4" fill="{colour}"/>"#,
            y - 6.0
        );
        text(svg, (x + 15.0, y), "start", &series.name);
    }
}

/// Each upon the ones before it, at the moments of any.
fn stack(series: &[Series]) -> Vec<Vec<(f64, f64)>> {
    let mut times: Vec<f64> =
        series.iter().flat_map(|it| it.points.iter().map(|it| it.0)).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut below = vec![0.0; times.len()];
    let layers = series.iter().map(|series| {
        let mut points = series.points.iter().peekable();
        let layer = times.iter().zip(&mut below).map(|(time, below)| {
            if let Some((_, value)) = points.next_if(|point| point.0 <= *time) {
                *below += value;
            }
            (*time, *below)
        });
        layer.collect()
    });
    layers.collect()
}

/// Parts without a gap.
fn runs(points: &[(f64, f64)], gap: f64) -> impl Iterator<Item = &[(f64, f64)]> {
    points.chunk_by(move |one, next| next.0 - one.0 <= gap)
}

fn path(
    points: &[(f64, f64)],
    plot: Place,
    ((from, to), highest): ((f64, f64), f64),
    closed: bool,
) -> String {
    let x = |time: f64| plot.x + (time - from) / (to - from) * plot.w;
    let mut path = String::new();
    for (time, value) in points {
        let letter = if path.is_empty() { 'M' } else { 'L' };
        let _ = write!(
            path,
            "{letter}{:.1} {:.1}",
            x(*time),
            plot.y + plot.h - value / highest * plot.h
        );
    }
    if closed {
        let floor = plot.y + plot.h;
        let (first, last) = (x(points[0].0), x(points[points.len() - 1].0));
        let _ = write!(path, "L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z");
    } else if points.len() == 1 {
        path += "h1";
    }
    path
}

fn time_axis(svg: &mut String, plot: Place, seconds: f64) {
    let y = plot.y + plot.h + 14.0;
    text(svg, (plot.x, y), "start", "0 s");
    text(svg, (plot.x + plot.w, y), "end", &told(seconds, "s"));
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    let _ = write!(svg, r#"<text x="{x:.0}" y="{y:.0}" text-anchor="{anchor}">{words}</text>"#);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// A number with its unit, for people.
fn told(value: f64, unit: &str) -> String {
    let scaled = |base: f64, units: &[&str]| {
        let mut value = value;
        let mut units = units.iter();
        let mut unit = units.next().unwrap();
        while value >= base {
            let Some(next) = units.next() else { break };
            (value, unit) = (value / base, next);
        }
        format!("{}{unit}", rounded(value))
    };
    match unit {
        "percentunit" => format!("{} %", rounded(value * 100.0)),
        "s" if value < 1.0 && value > 0.0 => format!("{} ms", rounded(value * 1000.0)),
        "s" => scaled(60.0, &[" s", " min", " h"]),
        "bytes" => scaled(1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"]),
        _ => scaled(1000.0, &["", " k", " M"]),
    }
}

fn rounded(value: f64) -> String {
    let digits = usize::from(value < 100.0) + usize::from(value < 1.0);
    let text = format!("{value:.digits$}");
    let text = if digits > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.to_owned()
}

#[test]
fn numbers_are_told_with_their_unit() {
    let all = [
        (0.25, "percentunit"),
        (90.0, "s"),
        (0.02, "s"),
        (1536.0, "bytes"),
        (1200.0, "short"),
        (0.0, "short"),
    ];
    let told: Vec<String> = all.iter().map(|(value, unit)| told(*value, unit)).collect();
    assert_eq!(told, ["25 %", "1.5 min", "20 ms", "1.5 KiB", "1.2 k", "0"]);
}
