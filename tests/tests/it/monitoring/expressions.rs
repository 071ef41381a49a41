//! Every query of a dashboard and every expression of an alert can be parsed, and asks for metrics and
//! labels that somebody tells.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};

use super::told::{self, Labels};
use super::{alerts, boards, panels, queries, rules};

/// Labels that Prometheus puts on whatever it scrapes.
const OF_TARGETS: [&str; 5] = ["namespace", "exported_namespace", "job", "pod", "instance"];

/// What a query asks for: metrics, and the labels by which it selects.
#[derive(Default)]
struct Asked(BTreeMap<String, BTreeSet<String>>);

impl Asked {
    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().expect("a metric's name");
        let labels = self.0.entry(name).or_default();
        labels.extend(selector.matchers.matchers.iter().map(|matcher| matcher.name.clone()));
    }
}

impl ExprVisitor for Asked {
    type Error = std::convert::Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Self::Error> {
        if let Expr::VectorSelector(selector) = expr {
            self.select(selector);
        } else if let Expr::MatrixSelector(selector) = expr {
            self.select(&selector.vs);
        }
        Ok(true)
    }
}

/// What a query asks for, with Grafana's variables filled in.
fn asked(query: &str) -> Result<Asked, String> {
    let query = query.replace("$__rate_interval", "1m");
    let mut asked = Asked::default();
    let Ok(_) = walk_expr(&mut asked, &parse(&query)?);
    Ok(asked)
}

/// What nobody tells of what is asked for.
fn unknown(asked: &Asked, told: &BTreeMap<String, Labels>) -> Vec<String> {
    let mut unknown = Vec::new();
    for (metric, labels) in &asked.0 {
        let Some(known) = told.get(metric) else {
            unknown.push(metric.clone());
            continue;
        };
        let strange = labels
            .iter()
            .filter(|label| !known.contains(*label) && !OF_TARGETS.contains(&label.as_str()));
        unknown.extend(strange.map(|label| format!("{metric}{{{label}}}")));
    }
    unknown
}

#[tokio::test]
async fn dashboards_and_alerts_ask_for_what_is_told() {
    let test = "monitoring_expressions";
    let Some(told) = told::everything(test).await else { return };
    let Some(rules) = rules(test, &[]) else { return };
    let all = told.samples();
    for rule in alerts(&rules) {
        let asked = asked(rule["expr"].as_str().unwrap()).unwrap();
        assert!(!asked.0.is_empty(), "{rule:#}");
        assert_eq!(unknown(&asked, &all), Vec::<String>::new(), "{}", rule["alert"]);
    }
    for board in boards() {
        for panel in panels(&board) {
            for query in queries(panel) {
                let asked = asked(query).unwrap_or_else(|error| panic!("{query}: {error}"));
                let place = format!("{}, {}: {query}", board["title"], panel["title"]);
                assert!(!asked.0.is_empty(), "{place}");
                assert_eq!(unknown(&asked, &all), Vec::<String>::new(), "{place}");
            }
        }
    }
}

#[test]
fn what_nobody_tells_is_noticed() {
    let labels = BTreeSet::from(["cause".to_owned()]);
    let told = BTreeMap::from([("zero_worker_child_ends_total".to_owned(), labels)]);
    let found = |query: &str| unknown(&asked(query).unwrap(), &told);
    assert!(
        found(r#"sum(rate(zero_worker_child_ends_total{job="x",cause!="abort"}[5m]))"#).is_empty()
    );
    assert_eq!(found("zero_worker_child_end_total > 1"), ["zero_worker_child_end_total"]);
    let odd = found(r#"max by (pod) (zero_worker_child_ends_total{reason="panic"})"#);
    assert_eq!(odd, ["zero_worker_child_ends_total{reason}"]);
    assert!(asked("max by (").is_err());
}
