//! Alerts as the chart renders them: each fires when its cases in `tests/prometheus` say, and not a
//! minute before; each has a runbook; and a release has those of its parts alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::prometheus::{self, Programs};
use tests::repository;

use super::{alerts, files, rules};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prometheus");

fn name(rule: &Value) -> &str {
    rule["alert"].as_str().unwrap()
}

/// `ZeroBacklogStands` → `zero-backlog-stands.yaml`.
fn cases(rule: &Value) -> PathBuf {
    let mut file = String::new();
    for letter in name(rule).chars() {
        if letter.is_uppercase() && !file.is_empty() {
            file.push('-');
        }
        file.extend(letter.to_lowercase());
    }
    Path::new(CASES).join(file + ".yaml")
}

/// What promtool finds fault with when it tries one rule on its cases.
fn tried(programs: &Programs, rule: &Value) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::copy(cases(rule), folder.path().join("cases.yaml"))?;
    let mut rule = rule.clone();
    // Fixed texts: the cases would repeat them.
    for text in ["description", "runbook_url"] {
        rule["annotations"].as_object_mut().unwrap().remove(text);
    }
    let rules = json!({ "groups": [{ "name": "one", "rules": [rule] }] });
    std::fs::write(folder.path().join("rules.yaml"), rules.to_string())?;
    programs.check(&["test", "rules", "cases.yaml"], folder.path(), "")
}

fn of_all(test: &str) -> Option<(Programs, Vec<Value>)> {
    Some((prometheus::programs(test)?, alerts(&rules(test, &[])?)))
}

#[test]
fn every_alert_fires_when_its_cases_say() {
    let Some((programs, alerts)) = of_all("alerts_fire") else { return };
    for rule in &alerts {
        tried(&programs, rule).unwrap_or_else(|error| panic!("{}: {error:#}", name(rule)));
    }
    let of_rules: BTreeSet<PathBuf> = alerts.iter().map(cases).collect();
    let there: BTreeSet<PathBuf> = files(Path::new(CASES)).into_iter().collect();
    assert_eq!(of_rules, there);
}

#[test]
fn an_alert_that_waits_for_less_or_for_more_fails_its_cases() {
    let Some((programs, alerts)) = of_all("alerts_mutants") else { return };
    for rule in &alerts {
        let waits = rule["for"].as_str().unwrap();
        let (number, unit) = waits.split_at(waits.len() - 1);
        let minutes = number.parse::<u32>().unwrap() * if unit == "h" { 60 } else { 1 };
        let mut others = vec![minutes + 2];
        others.extend(minutes.checked_sub(2).or((minutes > 0).then_some(0)));
        for other in others {
            let mut mutant = rule.clone();
            mutant["for"] = json!(format!("{other}m"));
            let error = tried(&programs, &mutant).expect_err(name(rule)).to_string();
            assert!(error.contains("FAILED"), "{}: {error}", name(rule));
        }
        let mut mutant = rule.clone();
        mutant["expr"] =
            json!(format!("({}) and on () vector(1) == 2", rule["expr"].as_str().unwrap()));
        tried(&programs, &mutant).expect_err(name(rule));
    }
}

#[test]
fn promtool_takes_all_rules_together() {
    let Some(programs) = prometheus::programs("alerts_check") else { return };
    let Some(rules) = rules("alerts_check", &[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    let check = |rules: &Value| {
        std::fs::write(folder.path().join("rules.yaml"), rules.to_string()).unwrap();
        programs.check(&["check", "rules", "--lint-fatal", "rules.yaml"], folder.path(), "")
    };
    check(&rules).unwrap();
    let mut broken = rules.clone();
    broken["groups"][0]["rules"][0]["expr"] = json!("max by (");
    check(&broken).unwrap_err();
}

#[test]
fn every_alert_has_a_runbook_and_says_whose_it_is() {
    let Some(rules) = rules("alerts_runbooks", &[]) else { return };
    let runbooks = repository::text("docs/alerts.md");
    let book = repository::text("book.toml");
    let (_, home) = book.split_once("git-repository-url = \"").unwrap();
    let (home, _) = home.split_once('"').unwrap();
    let mut names = BTreeSet::new();
    for rule in alerts(&rules) {
        let name = name(&rule);
        assert!(runbooks.contains(&format!("\n## {name}\n")), "docs/alerts.md has no {name}");
        let link = format!("{home}/blob/main/docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], link.as_str());
        for text in ["summary", "description"] {
            assert!(
                rule["annotations"][text].as_str().is_some_and(|text| !text.is_empty()),
                "{rule:#}"
            );
        }
        let description = rule["annotations"]["description"].as_str().unwrap();
        assert!(!description.contains("{{"), "{name}: only the summary is tried with numbers");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{rule:#}");
        assert_eq!(
            (&rule["labels"]["namespace"], &rule["labels"]["release"]),
            (&json!("provers"), &json!("zp"))
        );
        assert!(names.insert(name.to_owned()), "{name} is there twice");
    }
    let told: BTreeSet<String> =
        runbooks.lines().filter_map(|line| Some(line.strip_prefix("## ")?.to_owned())).collect();
    assert_eq!(told, names);
}

#[test]
fn a_release_has_the_alerts_of_its_parts_alone() {
    let Some(all) = rules("alerts_parts", &[]) else { return };
    let names = |rules: &Value| -> BTreeSet<String> {
        alerts(rules).iter().map(|rule| name(rule).to_owned()).collect()
    };
    let all = names(&all);
    let without = |values: &[&str]| {
        let those = names(&rules("alerts_parts", values).unwrap());
        assert!(those.is_subset(&all), "{those:?}");
        all.difference(&those).cloned().collect::<Vec<_>>()
    };
    assert_eq!(
        without(&["leader.enabled=false"]),
        ["ZeroLeaderGone", "ZeroProofDiskFull", "ZeroProofsFail"]
    );
    assert_eq!(without(&["rabbitmq.queuePolicy=durable"]), ["ZeroQueueNearsExpiry"]);
    let gone = without(&[
        "rabbitmq.mode=external",
        "rabbitmq.external.host=mq",
        "rabbitmq.external.existingSecret=mq",
    ]);
    assert_eq!(gone, ["ZeroBrokerDiskAlarm", "ZeroBrokerMemoryAlarm", "ZeroQueueNearsExpiry"]);
    let gone = without(&["autoscaling.mode=none"]);
    assert!(
        gone.contains(&"ZeroScalerGone".to_owned())
            && gone.contains(&"ZeroScalingPaused".to_owned()),
        "{gone:?}"
    );
    assert_eq!(without(&["monitoring.rules.exclude={ZeroDeadLetters}"]), ["ZeroDeadLetters"]);
}
