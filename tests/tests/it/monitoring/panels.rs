//! Dashboards against a real Prometheus that has scraped the product at work.
//!
//! `ZERO_DASHBOARD_PICTURES=<directory in the repository>` lets it work for longer and draws each dashboard there.

use regex::Regex;
use serde_json::Value;
use tests::harness;
use tests::poll;
use tests::prometheus::{self, Prometheus};
use tests::repository;

use super::drawing::{self, Series};
use super::product::Product;
use super::{NAMESPACE, RELEASE, boards, panels, queries, rules};
use crate::stand_in::{LIMIT, V07};

/// Names a directory for pictures.
const PICTURES_ENV: &str = "ZERO_DASHBOARD_PICTURES";
/// Panels without data where there is no cluster; so have queries that ask only for metrics of others.
const OF_A_CLUSTER: [&str; 1] = ["Workers by deletion cost"];

/// A query with what Grafana puts in for its variables; it scrapes four times in the interval.
fn filled(query: &str) -> String {
    let broker = format!("{RELEASE}-rabbitmq");
    let variables = [
        ("$__rate_interval", "10s"),
        ("$namespace", NAMESPACE),
        ("$release", RELEASE),
        ("$broker", broker.as_str()),
        ("$proof", ".+"),
    ];
    variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value))
}

/// Queries that only others could answer.
fn is_of_others(query: &str) -> bool {
    let metric = Regex::new(r"\b(zero|rabbitmq|kube|keda)_[a-z_]+|\bup\b|\bALERTS\b").unwrap();
    let mut named = metric.find_iter(query).map(|found| found.as_str());
    named.all(|name| name.starts_with("kube_") || name.starts_with("keda_"))
}

/// The answers to a panel's queries over the time that was recorded.
fn answers(prometheus: &Prometheus, panel: &Value, recorded: (f64, f64)) -> Vec<Series> {
    let step = drawing::step(recorded).to_string();
    let (from, to) = (recorded.0.to_string(), recorded.1.to_string());
    let targets = panel["targets"].as_array().unwrap().iter();
    let answers = targets.flat_map(|target| {
        let query = filled(target["expr"].as_str().unwrap());
        let params = [
            ("query", query.as_str()),
            ("start", from.as_str()),
            ("end", to.as_str()),
            ("step", step.as_str()),
        ];
        let answer = prometheus.get("query_range", &params);
        let answer = answer.unwrap_or_else(|error| panic!("{query}: {error:#}"));
        let legend = target["legendFormat"].as_str().unwrap().to_owned();
        let series = answer["result"].as_array().unwrap().clone();
        series.into_iter().map(move |series| Series::read(&series, &legend)).collect::<Vec<_>>()
    });
    answers.collect()
}

/// Each panel with its answers; there are some, unless only a cluster would have them.
fn asked<'a>(
    prometheus: &Prometheus,
    board: &'a Value,
    recorded: (f64, f64),
) -> Vec<(&'a Value, Vec<Series>)> {
    let asked = panels(board).map(|panel| {
        let answers = answers(prometheus, panel, recorded);
        let title = panel["title"].as_str().unwrap();
        let excused = OF_A_CLUSTER.contains(&title) || queries(panel).all(is_of_others);
        assert_eq!(answers.is_empty(), excused, "{}, {title}: {}", board["uid"], prometheus.log());
        (panel, answers)
    });
    asked.collect()
}

/// What is filled in above is among what Grafana would offer.
fn can_be_chosen(prometheus: &Prometheus, board: &Value) {
    let variables = board["templating"]["list"].as_array().unwrap().iter();
    for variable in variables.filter(|variable| variable["type"] == "query") {
        let choices = choices(prometheus, variable);
        let name = variable["name"].as_str().unwrap();
        let there = choices.contains(&filled(&format!("${name}")));
        assert!(there || name == "proof" && !choices.is_empty(), "{name}: {choices:?}");
    }
}

/// What can be chosen for a variable, as Grafana finds it out.
fn choices(prometheus: &Prometheus, variable: &Value) -> Vec<String> {
    let query = filled(variable["query"]["query"].as_str().unwrap());
    let parts = Regex::new(r"^label_values\((.+), (\w+)\)$").unwrap();
    let parts = parts.captures(&query).unwrap_or_else(|| panic!("{query}"));
    let series = prometheus.get("series", &[("match[]", &parts[1])]).unwrap();
    let series = series.as_array().unwrap().clone();
    let values = series.iter().filter_map(|series| series[&parts[2]].as_str());
    let shown = variable["regex"].as_str().unwrap().trim_matches('/').replace("\\/", "/");
    let shown = Regex::new(&shown).unwrap();
    let mut values: Vec<String> = values
        .filter_map(|value| {
            let found = shown.captures(value)?;
            Some(found.get(1).map_or(value, |part| part.as_str()).to_owned())
        })
        .collect();
    values.sort();
    values.dedup();
    values
}

/// Proves blocks one after the other, and stops in the middle of the last one.
async fn work(product: &Product<'_>, proofs: u32) {
    for number in 1..=proofs {
        let block = 6 + u64::from(number % 3);
        let proof = product.service.submit(&V07, block, "?force=true").await;
        let id = proof["id"].as_str().unwrap().to_owned();
        let looked = poll::until("the proof to come further", LIMIT * 2, async || {
            product.scale().await;
            let told = product.service.proof(&id).await;
            let done = told["progress"]["done"].as_f64().unwrap_or_default();
            let enough = if number == proofs { done >= 0.5 } else { told["settled"] == true };
            if enough { Ok(()) } else { Err(format!("{told:#}\n{}", product.service.log())) }
        });
        looked.await.unwrap();
    }
}

/// Until what came last, a task that was not done at its first try, has a rate.
async fn scraped_twice(prometheus: &Prometheus) {
    let query = r#"rate(zero_worker_task_seconds_total{outcome!="done"}[1m])"#;
    let looked = poll::until("a rate of wasted time", LIMIT, async || {
        let told =
            prometheus.get("query", &[("query", query)]).map_err(|error| format!("{error:#}"))?;
        let any = told["result"].as_array().is_some_and(|series| !series.is_empty());
        if any { Ok(()) } else { Err(told.to_string()) }
    });
    looked.await.unwrap();
}

fn now(prometheus: &Prometheus) -> f64 {
    let told = prometheus.get("query", &[("query", "time()")]).unwrap();
    told["result"][1].as_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_shows_what_happens_and_every_rule_can_be_asked() {
    let test = "monitoring_panels";
    let Some(programs) = prometheus::programs(test) else { return };
    let Some(rules) = rules(test, &[]) else { return };
    let Some(vhost) = harness::vhost(test) else { return };
    let pictures = std::env::var_os(PICTURES_ENV).map(|folder| repository::root().join(folder));
    let home = tempfile::tempdir().unwrap();
    let (ms_per_txn, proofs) = if pictures.is_some() { ("1500", 8) } else { ("600", 4) };
    let product = Product::start(&vhost, home.path(), ms_per_txn).await;
    let targets = product.targets().await;
    let prometheus = Prometheus::start(&programs, &targets, &rules).unwrap();
    let from = now(&prometheus);
    work(&product, proofs).await;
    scraped_twice(&prometheus).await;
    let recorded = (from, now(&prometheus));
    for board in boards() {
        let drawn = asked(&prometheus, &board, recorded);
        can_be_chosen(&prometheus, &board);
        if let Some(folder) = &pictures {
            std::fs::create_dir_all(folder).unwrap();
            let file = folder.join(format!("{}.svg", board["uid"].as_str().unwrap()));
            std::fs::write(file, drawing::svg(&board, &drawn, recorded)).unwrap();
        }
    }
    let told = prometheus.get("rules", &[]).unwrap();
    for rule in told["groups"][0]["rules"].as_array().unwrap() {
        assert_eq!(rule["health"], "ok", "{rule:#}");
    }
}

#[test]
fn every_dashboard_can_be_moved_to_another_datasource() {
    let boards = boards();
    assert_eq!(boards.len(), 5);
    let handbook = repository::text("docs/monitoring.md");
    let mut uids = Vec::new();
    for board in &boards {
        let uid = board["uid"].as_str().unwrap();
        assert!(uid.starts_with("zero-prover-") && uid.len() <= 40, "{uid}");
        let title = board["title"].as_str().unwrap();
        assert!(handbook.contains(&format!("monitoring/{uid}.svg")), "no picture of {title}");
        let variables = board["templating"]["list"].as_array().unwrap();
        assert_eq!(
            (&variables[0]["name"], &variables[0]["type"]),
            (&"datasource".into(), &"datasource".into())
        );
        let text = board.to_string();
        assert_eq!(
            text.matches(r#""uid":"${datasource}""#).count(),
            text.matches(r#""type":"prometheus""#).count()
        );
        for panel in panels(board) {
            assert_eq!(panel["datasource"]["uid"], "${datasource}");
            assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel:#}");
        }
        uids.push(uid);
    }
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), boards.len());
}
