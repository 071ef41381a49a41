//! Lines of each generation as they come out, and that nothing else is touched.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const GENERATIONS: [(&str, &str); 3] = [
    ("v0.5", include_str!("fixtures/v0.5.txt")),
    ("v0.6", include_str!("fixtures/v0.6.txt")),
    ("v0.7", include_str!("fixtures/v0.7.txt")),
];

fn written(line: &str, format: Format) -> String {
    read(line).and_then(|event| event.written(format)).unwrap_or_else(|| line.to_owned())
}

#[test]
fn every_generation_in_text_and_json() {
    for (generation, log) in GENERATIONS {
        for (format, name) in [(Format::Text, "text"), (Format::Json, "json")] {
            let told: Vec<String> = log.lines().map(|line| written(line, format)).collect();
            insta::assert_snapshot!(format!("{generation}_{name}"), told.join("\n"));
        }
    }
}

#[test]
fn the_id_of_a_block_and_a_transaction_becomes_fields() {
    let line = "2026-05-04T10:02:07.200506Z  INFO p_gen: ops: txn proof (Dummy) took 1.25s \
                id=\"b20362227 - 79\"";
    let event = read(line).unwrap();
    let id = Id { block: 20_362_227, txn: 79, txn_end: None, segment: None };
    assert_eq!((event.id, event.target, event.level), (Some(id), "ops", "INFO"));
    let took = Duration::from_millis(1250);
    assert_eq!(event.what, What::ProofEnded { phase: Phase::TxnProof, took });
    let text = written(line, Format::Text);
    assert!(text.ends_with(" block=20362227 txn=79 phase=txn_proof duration_ms=1250"), "{text}");
    assert!(!text.contains("id="), "{text}");
}

#[test]
fn json_is_json_whatever_a_message_holds() {
    let line = "2026-05-04T10:02:07.200506Z ERROR a::b: said \"no\" \\ \u{1b}[31m\t";
    let value: serde_json::Value = serde_json::from_str(&written(line, Format::Json)).unwrap();
    assert_eq!(value["message"], "said \"no\" \\ \u{1b}[31m");
}

#[test]
fn lines_that_are_no_events_are_left_alone() {
    for line in [
        "",
        "Error: connecting to AMQP host",
        "thread 'main' (5570) panicked at src/lib.rs:131:51:",
        "[{\"b_height\":3}]2026-06-07T11:00:19.030930Z ERROR a::b: error",
        "2026-06-07 11:00:19  INFO ops: not tracing's time",
        "2026-06-07T11:00:19.030930Z NOTE ops: not a level",
        "2026-06-07T11:00:19.030930Z  INFO no module at all",
        " 2026-06-07T11:00:19.030930Z  INFO ops: set in",
    ] {
        for format in [Format::Text, Format::Json] {
            assert_eq!(written(line, format), line);
        }
    }
}

proptest! {
    #[test]
    fn no_line_makes_it_panic_and_unknown_ones_stay_identical(line in "\\PC*") {
        prop_assert_eq!(written(&line, Format::Text), line);
    }

    #[test]
    fn anything_in_an_events_form_is_told_in_text_and_json(
        target in "[a-z_]{1,8}(::[a-z_]{1,8}){0,2}",
        message in "[^:\n\r]{0,40}",
        end in prop::option::of("( id=\"b[0-9]{1,21} - [0-9_]{1,5}( \\([0-9]\\))?\"| routing_key=[a-zA-Z0-9]{0,70}| took [0-9.]{1,4}m?s)"),
    ) {
        let end = end.unwrap_or_default();
        let line = format!("2026-06-07T11:00:19.030930Z  INFO {target}: {message}{end}");
        let told = read(&line).and_then(|event| event.written(Format::Json)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        prop_assert_eq!(&value["target"], &target);
        let text = written(&line, Format::Text);
        prop_assert!(text.contains(message.trim_end()), "{}", text);
    }
}
