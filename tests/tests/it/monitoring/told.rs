//! What is told on the real `/metrics` of started programs: what queries may ask for, what the handbook
//! explains, and what promtool has to say of it.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use regex::Regex;
use scaler::status::{ProtectStatus, ProtectedStatus, Status};
use tests::prometheus;
use tests::repository;
use tokio::sync::OnceCell;

use super::product;
use crate::double::busy;

/// Names of labels.
pub(super) type Labels = BTreeSet<String>;

/// Texts of `/metrics`, by whose they are.
#[derive(Clone)]
pub(super) struct Told(Vec<(&'static str, String)>);

/// One family: the name of its samples in queries, without a histogram's endings.
struct Family {
    name: String,
    kind: String,
    help: String,
}

static EVERYTHING: OnceCell<Option<Told>> = OnceCell::const_new();

/// All that our programs and their broker can tell; `None` without a broker, on record.
pub(super) async fn everything(test: &str) -> Option<Told> {
    let gathered = EVERYTHING.get_or_init(async || {
        let mut texts = product::texts(test).await?;
        texts.push(("zero-scaler", protecting()));
        Some(Told(texts))
    });
    gathered.await.clone()
}

/// What a scaler tells that keeps deletion costs, which it does in a cluster only.
fn protecting() -> String {
    let target = ProtectedStatus {
        namespace: "provers".into(),
        selector: "app=worker".into(),
        busy: Some(1),
        idle: Some(1),
        unknown: Some(0),
    };
    let protect = ProtectStatus {
        leads: true,
        leader: None,
        age_ms: Some(1),
        error: None,
        targets: vec![target],
        unmatched: 0,
        unmatched_holders: vec![],
        changes: 1,
        failures: 0,
    };
    let mut registry = Registry::with_prefix("zero_scaler");
    let status = move || Status { protect: Some(protect.clone()), ..busy() };
    scaler::telemetry::register_status(&mut registry, status);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

impl Told {
    /// The names of all samples with their labels; those of others too that the handbook lists.
    pub(super) fn samples(&self) -> BTreeMap<String, Labels> {
        let mut all = others();
        for (_, text) in &self.0 {
            for (name, labels) in samples(text) {
                all.entry(name).or_default().extend(labels);
            }
        }
        all
    }

    /// Our own families and their labels.
    fn ours(&self) -> BTreeMap<String, (String, Labels)> {
        let mut ours = BTreeMap::new();
        for (_, text) in self.0.iter().filter(|(whose, _)| *whose != "rabbitmq") {
            let samples = samples(text);
            for family in families(text) {
                let Family { name, kind, .. } = family;
                let first =
                    if kind == "histogram" { format!("{name}_count") } else { name.clone() };
                let labels = samples.get(&first).cloned().unwrap_or_default();
                let entry = ours.entry(name).or_insert((kind, Labels::new()));
                entry.1.extend(labels);
            }
        }
        ours
    }
}

fn samples(text: &str) -> BTreeMap<String, Labels> {
    let line = Regex::new(r"^([a-z_:0-9]+)(?:\{(.*)\})? \S+").unwrap();
    let label = Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut all: BTreeMap<String, Labels> = BTreeMap::new();
    for found in text.lines().filter_map(|text| line.captures(text)) {
        let labels = found.get(2).map_or("", |labels| labels.as_str());
        let names = label.captures_iter(labels).map(|label| label[1].to_owned());
        all.entry(found[1].to_owned()).or_default().extend(names);
    }
    all
}

fn families(text: &str) -> Vec<Family> {
    let line = Regex::new(r"(?m)^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$").unwrap();
    let families = line.captures_iter(text).map(|found| {
        let end = match &found[3] {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        // A registry ends every help with a full stop that the code does not write.
        let help = found[2].trim_end_matches('.').to_owned();
        Family { name: found[1].to_owned() + end, kind: found[3].to_owned(), help }
    });
    families.collect()
}

/// The same in the older text format, which is the one that promtool reads.
fn classic(text: &str) -> String {
    let mut told = String::new();
    let all = families(text);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = all.iter().find(|family| {
            name == family.name
                || family.kind == "histogram"
                    && name
                        .strip_prefix(family.name.as_str())
                        .is_some_and(|end| end.starts_with('_'))
        });
        let Family { name, kind, help } = family.unwrap_or_else(|| panic!("no family: {line}"));
        let kind: &str = if kind == "info" { "gauge" } else { kind };
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        if !told.contains(&head) {
            told += &head;
        }
        told += line;
        told.push('\n');
    }
    told
}

/// Rows of a table below a heading of docs/monitoring.md: a metric with its labels, and the next cell.
fn rows(heading: &str) -> BTreeMap<String, (String, Labels)> {
    let handbook = repository::text("docs/monitoring.md");
    let (_, section) = handbook.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let row = Regex::new(r"(?m)^\| `([a-zA-Z_]+)(?:\{([a-zA-Z_,]+)\})?` \| ([a-z]+) \|").unwrap();
    let rows = row.captures_iter(section).map(|found| {
        let labels = found.get(2).map_or("", |labels| labels.as_str());
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(ToOwned::to_owned);
        (found[1].to_owned(), (found[3].to_owned(), labels.collect()))
    });
    rows.collect()
}

/// Metrics of programs that are not ours, as the handbook lists them.
fn others() -> BTreeMap<String, Labels> {
    let others = rows("Metrics of others");
    assert!(!others.is_empty());
    others.into_iter().map(|(name, (_, labels))| (name, labels)).collect()
}

#[tokio::test]
async fn the_handbook_explains_every_metric_that_is_told_and_no_other() {
    let Some(told) = everything("monitoring_handbook").await else { return };
    let explained = rows("Metrics");
    let told = told.ours();
    let names = |all: &BTreeMap<String, (String, Labels)>| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&explained), names(&told), "{told:#?}");
    for (name, told) in &told {
        assert_eq!(&explained[name], told, "{name}");
    }
}

#[tokio::test]
async fn promtool_finds_no_fault_with_what_is_told() {
    let test = "monitoring_lint";
    let Some(programs) = prometheus::programs(test) else { return };
    let Some(told) = everything(test).await else { return };
    let folder = std::env::temp_dir();
    for (whose, text) in told.0.iter().filter(|(whose, _)| *whose != "rabbitmq") {
        let checked = programs.check(&["check", "metrics"], &folder, &classic(text));
        checked.unwrap_or_else(|error| panic!("{whose}: {error:#}"));
    }
    let wrong = "# TYPE zero_worker_task_total gauge\nzero_worker_task_total 1\n";
    let error = programs.check(&["check", "metrics"], &folder, wrong).unwrap_err().to_string();
    assert!(error.contains("no help text") && error.contains("_total"), "{error}");
}

#[test]
fn the_older_format_says_the_same() {
    let new = "# HELP a_b B.\n# TYPE a_b counter\na_b_total{x=\"1\"} 2\n# HELP c C.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
    let old = "# HELP a_b_total B\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 2\n# HELP c_info C\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
    assert_eq!(classic(new), old);
}
