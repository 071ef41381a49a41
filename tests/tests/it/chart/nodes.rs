//! Nodes as Terraform makes them and as the chart asks for them.

use regex::Regex;
use serde_norway::Value;

use super::{all_cases, at, list, of_kind, text};

fn terraform() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../terraform/main.tf");
    std::fs::read_to_string(path).unwrap()
}

fn found<'a>(text: &'a str, pattern: &str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

#[test]
fn labels_and_taint_are_those_of_terraform() {
    let made = terraform();
    let label = found(&made, r#"pool_label = "([^"]+)""#);
    let mut pools = found(&made, r#"\(local\.pool_label\) = "([a-z]+)""#);
    pools.sort_unstable();
    assert_eq!(
        (label.as_slice(), pools.as_slice()),
        (&["zero-prover.io/pool"][..], &["default", "highmem"][..])
    );
    let taint = Regex::new(
        r#"highmem_taint = \{\s*key\s*= "(\w+)"\s*value\s*= "(\w+)"\s*effect\s*= "(\w+)""#,
    );
    let taint = taint.unwrap().captures(&made).expect("the taint of the highmem pool");
    let effect = taint[3].replace("NO_SCHEDULE", "NoSchedule");
    let mut asked = Vec::new();
    for (_, objects) in all_cases("chart::nodes") {
        for deployment in of_kind(&objects, "Deployment") {
            let pod = at(deployment, "spec.template.spec");
            let Some(pool) = at(pod, "nodeSelector").get(label[0]).and_then(Value::as_str) else {
                continue;
            };
            let tolerates = list(pod, "tolerations").iter().any(|toleration| {
                [("key", &taint[1]), ("value", &taint[2]), ("effect", &effect)]
                    .iter()
                    .all(|(key, value)| text(toleration, key) == *value)
            });
            assert_eq!(tolerates, pool == "highmem", "{pool}");
            asked.push(pool.to_owned());
        }
    }
    asked.sort();
    asked.dedup();
    assert!(asked.is_empty() || asked == pools, "{asked:?}");
}
