//! The chart, rendered by the real Helm of both generations and held against a real API server with the real
//! definitions of every custom resource that it makes.

mod broker;
mod gke;
mod install;
mod meaning;
mod network;
mod nodes;
mod notes;
mod numbers;
mod options;
mod plane;
mod refusals;
mod render;
mod server;
mod trouble;
mod values_table;

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_norway::{Deserializer, Value};
use tests::helm::{CHART, Generation, Helm};

/// What a cluster has in which everything is installed.
pub(crate) const KINDS: [&str; 3] = [
    "keda.sh/v1alpha1/ScaledObject",
    "monitoring.coreos.com/v1/ServiceMonitor",
    "rabbitmq.com/v1beta1/RabbitmqCluster",
];
pub(crate) const NAMESPACE: &str = "provers";
pub(crate) const RELEASE: &str = "zp";

/// The values that the chart is rendered with, by name.
fn cases() -> Vec<(String, PathBuf)> {
    let files = std::fs::read_dir(Path::new(CHART).join("ci")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let named = paths.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path));
    let gke = ("gke".to_owned(), Path::new(CHART).join("values-gke.yaml"));
    let mut cases: Vec<_> = named.chain([gke]).collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

fn rendered_as(helm: &Helm, release: &str, values: &Path) -> Vec<Value> {
    let values = values.to_str().unwrap();
    let mut args = vec!["template", release, CHART, "--namespace", NAMESPACE, "--values", values];
    args.extend(["--kube-version", "1.35.0"]);
    args.extend(KINDS.iter().flat_map(|kind| ["--api-versions", kind]));
    documents(&helm.told(&args).unwrap())
}

/// Every case as parsed documents, by Helm 4.
fn all_cases(test: &str) -> Vec<(String, Vec<Value>)> {
    let Some(programs) = tests::helm::programs(test) else { return Vec::new() };
    let helm = Helm::of(&programs, Generation::V4).unwrap();
    let render = |(name, path): (String, PathBuf)| (name, rendered_as(&helm, RELEASE, &path));
    cases().into_iter().map(render).collect()
}

/// The documents of a stream in order of kind and name.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let parsed = Deserializer::from_str(text).map(|each| Value::deserialize(each).unwrap());
    let mut all: Vec<Value> = parsed.filter(|value| !value.is_null()).collect();
    all.sort_by_key(title);
    all
}

/// `Kind/name`.
fn title(object: &Value) -> String {
    format!("{}/{}", text(object, "kind"), text(object, "metadata.name"))
}

/// What stands at a path of keys, `null` where nothing does.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, key| value.get(key).unwrap_or(&Value::Null))
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).as_sequence().map_or(&[], Vec::as_slice)
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| text(object, "kind") == kind)
}

/// The pod of an object that has one, and where it stands.
fn pod(object: &Value) -> Option<&Value> {
    match text(object, "kind") {
        "Pod" => Some(object),
        "Deployment" | "StatefulSet" | "Job" => Some(at(object, "spec.template")),
        _ => None,
    }
}
