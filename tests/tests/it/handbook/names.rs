//! Options, variables and values of the chart that a page names are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;
use tests::repository;

use super::pages;
use super::programs;

/// Options of other programs that pages name, and whose they are.
const OTHERS: [(&str, &[&str]); 6] = [
    (
        "the prover's leader",
        &[
            "--batch-size",
            "--output-proof-file",
            "--previous-proof",
            "--proof-output-dir",
            "--worker-run-mode",
        ],
    ),
    (
        "the prover's",
        &[
            "--amqp-uri",
            "--runtime",
            "--serializer",
            "--test-only",
            "--use-test-config",
            "--version",
        ],
    ),
    ("the prover's rpc", &["--rpc-type", "--rpc-url", "--start-block", "--end-block"]),
    (
        "helm",
        &["--create-namespace", "--reset-then-reuse-values", "--reuse-values", "--set", "--values"],
    ),
    ("cargo", &["--ignored", "--nocapture"]),
    ("kubectl, and refused by us", &["--token", "--password"]),
];
/// Values of the chart whose keys are the user's own.
const FREE: [&str; 6] = [
    "prover.circuitSizes",
    "commonLabels",
    "serviceAccount.annotations",
    "monitoring.labels",
    "monitoring.dashboards.labels",
    "resources",
];

#[test]
fn every_option_that_a_page_names_is_there() {
    let option = Regex::new("--[a-z][a-z0-9-]+").unwrap();
    let known: BTreeSet<&str> =
        option.find_iter(programs::help()).map(|found| found.as_str()).collect();
    let of_others: BTreeSet<&str> =
        OTHERS.iter().flat_map(|(_, options)| *options).copied().collect();
    let mut wrong = Vec::new();
    for page in pages::all() {
        for spot in page.inline() {
            // A whole command of somebody else's has options of its own.
            let starts_with_option = spot.text.starts_with("--");
            let ours = spot.text.starts_with("zero") || spot.text.starts_with("kubectl zero");
            if !starts_with_option && !ours {
                continue;
            }
            for found in option.find_iter(spot.text.split(" -- ").next().unwrap_or_default()) {
                let name = found.as_str();
                let is_others = starts_with_option && of_others.contains(name);
                if !known.contains(name) && !is_others {
                    wrong.push(format!(
                        "{}:{}: no program of ours has `{name}`",
                        page.path, spot.line
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(known.len() > 60, "{known:?}");
}

#[test]
fn every_variable_that_a_page_names_is_read() {
    let variable = Regex::new(r"\bZERO_[A-Z0-9_]+").unwrap();
    let mut read: BTreeSet<String> =
        variable.find_iter(programs::help()).map(|found| found.as_str().to_owned()).collect();
    for folder in [
        "kubectl-plugin/src",
        "prover-host/src",
        "scaler/src",
        "tests/src",
        "tests/tests",
        "xtask/src",
    ] {
        in_sources(&repository::root().join(folder), &mut read);
    }
    let mut wrong = Vec::new();
    for page in pages::all() {
        for (at, line) in page.text.lines().enumerate() {
            for found in variable.find_iter(line).map(|found| found.as_str()) {
                // `ZERO_WORKER_…` stands for all that begin so.
                let is_there = if found.ends_with('_') {
                    read.iter().any(|name| name.starts_with(found))
                } else {
                    read.contains(found)
                };
                if !is_there {
                    wrong.push(format!("{}:{}: nothing reads `{found}`", page.path, at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn in_sources(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            in_sources(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|ending| ending == "rs") {
        let text = fs::read_to_string(path).unwrap();
        let names = Regex::new(r#""(ZERO_[A-Z0-9_]+)""#).unwrap();
        found.extend(names.captures_iter(&text).map(|name| name[1].to_owned()));
    }
}

#[test]
fn every_value_of_the_chart_that_a_page_names_is_there() {
    let text = repository::text("helm/zero-prover/values.yaml");
    let values: Value = serde_norway::from_str(&text).unwrap();
    let top: Vec<&str> = values.as_object().unwrap().keys().map(String::as_str).collect();
    let key =
        Regex::new(&format!(r"^(?:--set[= ])?((?:{})(?:\.[A-Za-z*]+)+)", top.join("|"))).unwrap();
    let set = Regex::new(r"--set[= ]([A-Za-z.*]+)=").unwrap();
    let (mut wrong, mut named) = (Vec::new(), 0);
    for page in pages::all() {
        for spot in page.inline() {
            let Some(found) = key.captures(&spot.text) else { continue };
            // The name of a file is none of a value.
            if spot.text.split('.').any(|part| part == "rs") || spot.text.contains('/') {
                continue;
            }
            named += 1;
            if !has(&values, &found[1]) {
                wrong.push(format!(
                    "{}:{}: the chart has no value `{}`",
                    page.path, spot.line, &found[1]
                ));
            }
        }
        for block in page.blocks("sh") {
            for found in set.captures_iter(&block.text).filter(|found| !has(&values, &found[1])) {
                wrong.push(format!(
                    "{}:{}: the chart has no value `{}`",
                    page.path, block.line, &found[1]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named > 100, "only {named} values");
}

#[test]
fn every_output_of_terraform_that_a_page_names_is_there() {
    let made = ["terraform/outputs.tf", "terraform/state/outputs.tf"].map(repository::text);
    let output = Regex::new(r"terraform (?:-chdir=\S+ )?output -(?:raw|json) (\w+)").unwrap();
    let (mut wrong, mut named) = (Vec::new(), BTreeSet::new());
    for page in pages::all() {
        for found in output.captures_iter(&page.text) {
            let block = format!("output \"{}\" {{", &found[1]);
            if !made.iter().any(|text| text.contains(&block)) {
                wrong.push(format!("{}: Terraform has no output `{}`", page.path, &found[1]));
            }
            named.insert(found[1].to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(named.len() >= 6, "{named:?}");
}

/// Whether there is such a value; `*` stands for any key.
fn has(values: &Value, path: &str) -> bool {
    if FREE.iter().any(|free| path.contains(free)) {
        return true;
    }
    let mut here = vec![values];
    for part in path.split('.') {
        here = match part {
            "*" => here
                .iter()
                .filter_map(|value| value.as_object())
                .flat_map(|fields| fields.values())
                .collect(),
            _ => here.iter().filter_map(|value| value.get(part)).collect(),
        };
    }
    !here.is_empty()
}

#[test]
fn a_value_that_is_not_there_would_be_noticed() {
    let values = serde_json::json!({"workers": {"pools": {"heavy": {"max": 4}}, "extraEnv": []}});
    for path in ["workers.pools.*.max", "workers.extraEnv", "workers.pools"] {
        assert!(has(&values, path), "{path}");
    }
    for path in ["workers.pools.*.least", "workers.pool", "worker.pools"] {
        assert!(!has(&values, path), "{path}");
    }
}
