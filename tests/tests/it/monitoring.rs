//! What an operator sees: metrics, alerts and dashboards, with the real Prometheus and its promtool.

mod alerts;
mod drawing;
mod expressions;
mod monitors;
mod panels;
mod product;
mod told;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::helm::{CHART, Generation, Helm};

use crate::chart::{KINDS, NAMESPACE, RELEASE, documents};

/// Everything that the chart has for monitoring, at a broker of its own whose queues may expire.
const ALL: [&str; 4] = [
    "monitoring.enabled=true",
    "monitoring.rules.enabled=true",
    "monitoring.dashboards.enabled=true",
    "rabbitmq.queuePolicy=as-is",
];

/// The chart's objects with these values, as JSON.
fn rendered(test: &str, values: &[&str]) -> Option<Vec<Value>> {
    let helm = Helm::of(&tests::helm::programs(test)?, Generation::V4).unwrap();
    let mut args = vec!["template", RELEASE, CHART, "--namespace", NAMESPACE];
    args.extend(["--kube-version", "1.35.0"]);
    args.extend(KINDS.iter().flat_map(|kind| ["--api-versions", kind]));
    args.extend(ALL.iter().chain(values).flat_map(|value| ["--set", value]));
    let objects = documents(&helm.told(&args).unwrap());
    Some(objects.iter().map(|object| serde_json::to_value(object).unwrap()).collect())
}

/// The groups of rules of the chart with these values.
fn rules(test: &str, values: &[&str]) -> Option<Value> {
    let mut objects = rendered(test, values)?;
    let rules = objects.iter_mut().find(|object| object["kind"] == "PrometheusRule");
    Some(rules.map_or(Value::Null, |rules| rules["spec"].take()))
}

/// The alerts among them.
fn alerts(rules: &Value) -> Vec<Value> {
    let groups = rules["groups"].as_array().into_iter().flatten();
    groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

/// The chart's dashboards.
fn boards() -> Vec<Value> {
    let files = files(&Path::new(CHART).join("dashboards")).into_iter();
    files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

/// Panels with queries.
fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

fn queries(panel: &Value) -> impl Iterator<Item = &str> {
    panel["targets"].as_array().unwrap().iter().map(|target| target["expr"].as_str().unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
