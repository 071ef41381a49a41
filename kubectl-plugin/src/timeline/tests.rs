//! The picture is read back as XML and held against the numbers of its report.

use roxmltree::{Document, Node};

use super::*;
use crate::report::tests::report;

fn of_class<'a>(root: Node<'a, 'a>, class: &str) -> Vec<Node<'a, 'a>> {
    root.descendants().filter(|node| node.attribute("class") == Some(class)).collect()
}

fn number(node: Node<'_, '_>, name: &str) -> f64 {
    node.attribute(name).unwrap_or_else(|| panic!("{name}: {node:?}")).parse().unwrap()
}

#[test]
fn each_phase_is_a_bar_as_long_as_its_time() {
    let report = report();
    let svg = svg(&report);
    let document = Document::parse(&svg).unwrap();
    let bars = of_class(document.root(), "phase");
    let whole =
        |attempt: &&Attempt| attempt.phases.iter().filter(|phase| phase.took().is_some()).count();
    assert_eq!(bars.len(), report.attempts.iter().map(|it| whole(&it)).sum::<usize>());
    // 18.1 s: the second attempt began 8 s after the first, and took 10.1 s.
    let second = (WIDTH - LEFT - RIGHT) / 18.1;
    for bar in bars {
        let (from, to) = (number(bar, "data-from"), number(bar, "data-to"));
        assert!((number(bar, "width") - (to - from) * second).abs() < 0.5, "{bar:?}");
        let began = if bar.attribute("data-attempt") == Some("1") { 0.0 } else { 8.0 };
        assert!((number(bar, "x") - LEFT - (began + from) * second).abs() < 0.1, "{bar:?}");
    }
}

#[test]
fn each_kind_has_a_lane_with_the_most_that_was_out_at_once() {
    let svg = svg(&report());
    let document = Document::parse(&svg).unwrap();
    let lanes = of_class(document.root(), "lane");
    let told = |lane: &Node<'_, '_>| {
        let most = (number(*lane, "data-most"), number(*lane, "data-in-hand"));
        (lane.attribute("data-operation").unwrap().to_owned(), most)
    };
    let told: Vec<_> = lanes.iter().map(told).collect();
    assert_eq!(told, [("TxProof".to_owned(), (3.0, 1.0)), ("AggProof".to_owned(), (1.0, 1.0))]);
    // The one join of the second attempt, out from 14 s to 17 s.
    let x = |seconds: f64| LEFT + seconds / 18.1 * (WIDTH - LEFT - RIGHT);
    let [top, bottom] = [TOP + BAR + GAP + LANE + GAP, TOP + BAR + GAP + LANE + GAP + LANE - 20.0];
    let (from, to, end) = (x(14.0), x(17.0), x(18.1));
    let path = of_class(lanes[1], "out")[0].attribute("d").unwrap();
    let wanted = format!(
        "M{from:.1} {bottom:.1}H{from:.1}V{top:.1}H{to:.1}V{bottom:.1}H{end:.1}V{bottom:.1}Z"
    );
    assert_eq!(path, wanted);
    assert_eq!(of_class(document.root(), "retried").len(), 1);
    assert_eq!(of_class(document.root(), "failed").len(), 1);
    assert_eq!(of_class(document.root(), "mark").len(), 2);
}

#[test]
fn words_of_others_are_text_and_nothing_else() {
    let svg = svg(&report());
    let document = Document::parse(&svg).unwrap();
    let words: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
    assert!(words.contains(&"attempt 1 failed, tried again: the leader was <killed>"), "{words:?}");
    assert_eq!(escaped("a\u{0}b\n\"&"), "a b &quot;&amp;");
}

#[test]
fn the_axis_has_round_seconds_and_room_between_them() {
    let svg = svg(&report());
    let document = Document::parse(&svg).unwrap();
    let ticks: Vec<f64> = document
        .descendants()
        .filter_map(|node| node.attribute("data-seconds")?.parse().ok())
        .collect();
    assert_eq!(ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0]);
    let steps = [0.0007, 3.0, 5.0, 70.0].map(|wanted| step(wanted).to_string());
    assert_eq!(steps, ["0.001", "5", "5", "100"]);
    assert_eq!([tick(0.004, 0.002), tick(1.5, 0.5), tick(20.0, 10.0)], ["0.004", "1.5", "20"]);
}

#[test]
fn a_proof_that_has_not_begun_and_ten_thousand_tasks_are_both_drawn() {
    let empty = Report { attempts: Vec::new(), ..report() };
    Document::parse(&svg(&empty)).unwrap();
    let mut many = report();
    let task = many.attempts[1].tasks[0].clone();
    let out = |number: u32| crate::report::Task {
        number,
        published_seconds: Some(f64::from(number) / 2000.0),
        answered_seconds: Some(f64::from(number) / 1500.0 + 1.0),
        ..task.clone()
    };
    many.attempts[1].tasks = (1..=10_000).map(out).collect();
    let svg = svg(&many);
    Document::parse(&svg).unwrap();
    assert!(svg.len() < 200_000, "{}", svg.len());
}
