//! Alerts, their runbooks, and dashboards: they ask for metrics that our programs have.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_norway::Value;
use tests::helm::CHART;

use super::text;

fn files(folder: &str) -> Vec<PathBuf> {
    let found = std::fs::read_dir(Path::new(CHART).join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn repository(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Whether a program says the name in the file in which it tells its metrics.
fn is_told(metric: &str) -> bool {
    let places: [(&str, &[&str]); 3] = [
        ("zero_scaler_", &["scaler/src/telemetry.rs", "scaler/src/telemetry/export.rs"]),
        ("zero_worker_", &["prover-host/src/telemetry.rs"]),
        ("zero_leader_", &["prover-host/src/proof_metrics.rs"]),
    ];
    let Some((rest, sources)) =
        places.iter().find_map(|(prefix, at)| Some((metric.strip_prefix(prefix)?, at)))
    else {
        return metric == "up";
    };
    let bare = rest.strip_suffix("_total").unwrap_or(rest);
    sources.iter().any(|source| repository(source).contains(&format!("\"{bare}\"")))
}

fn metrics(expression: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(zero_[a-z_]+|up)\b\{").unwrap();
    name.captures_iter(expression).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_alert_asks_for_what_is_told_and_has_a_runbook() {
    let runbooks = repository("docs/alerts.md");
    let mut names = BTreeSet::new();
    for path in files("rules") {
        let rule: Value = serde_norway::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let name = text(&rule, "alert");
        let asked = metrics(text(&rule, "expr"));
        assert!(!asked.is_empty(), "{name} asks for nothing");
        for metric in asked {
            assert!(is_told(&metric), "{name}: nobody tells {metric}");
        }
        for key in ["annotations.summary", "annotations.description", "labels.severity", "for"] {
            assert!(!text(&rule, key).is_empty(), "{name} has no {key}");
        }
        assert!(
            runbooks.contains(&format!("## {name}\n")),
            "docs/alerts.md has no runbook of {name}"
        );
        assert!(names.insert(name.to_owned()), "{name} is there twice");
    }
    let told: Vec<&str> = runbooks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(told.iter().all(|name| names.contains(*name)), "a runbook without its alert: {told:?}");
}

#[test]
fn every_panel_asks_for_what_is_told() {
    for path in files("dashboards") {
        let board: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(board["uid"], "zero-prover");
        for panel in board["panels"].as_array().unwrap() {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            for target in panel["targets"].as_array().unwrap() {
                let asked = metrics(target["expr"].as_str().unwrap());
                assert!(!asked.is_empty(), "{panel}");
                for metric in asked {
                    assert!(is_told(&metric), "{}: nobody tells {metric}", panel["title"]);
                }
            }
        }
    }
}

#[test]
fn a_metric_of_nobody_is_noticed() {
    assert!(is_told("zero_worker_dead_letters_total"));
    assert!(!is_told("zero_worker_dead_people_total") && !is_told("rabbitmq_queues"));
}
