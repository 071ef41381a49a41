//! Terraform's nodes and the chart's pods find each other: the same label and the same taint.

use std::fs;
use std::path::Path;

use regex::Regex;

use tests::repository;

use super::plans;
use super::tool::Terraform;

/// What one side says of the pool for workers.
#[derive(Debug, PartialEq, Eq)]
struct Placement {
    label: String,
    taint: String,
}

/// Of the nodes, from the plan.
fn nodes(terraform: &Terraform) -> Placement {
    let plan = plans::of(terraform, ".", "");
    let pool = "module.highmem_pool.google_container_node_pool.pool";
    let node = &plan.resources[pool]["node_config"][0];
    let labels = node["labels"].as_object().unwrap();
    let (key, value) = labels.iter().next().unwrap();
    assert_eq!((labels.len(), value.as_str()), (1, Some("highmem")), "{labels:?}");
    let taint = &node["taint"][0];
    let [name, is, effect] = ["key", "value", "effect"].map(|part| taint[part].as_str().unwrap());
    // Google's API spells it in its own way.
    assert_eq!(effect, "NO_SCHEDULE");
    Placement { label: key.clone(), taint: format!("{name}={is}:NoSchedule") }
}

/// Of the pods, from the chart's templates.
fn pods(chart: &Path) -> Placement {
    let templates = fs::read_dir(chart.join("templates")).unwrap();
    let files = templates.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let text: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    let label = Regex::new(r"nodeSelector:\n\s*(\S+): \{\{").unwrap().captures(&text).unwrap();
    let toleration = r#"- key: (\S+)\n\s*operator: Equal\n\s*value: "(\S+)"\n\s*effect: (\S+)"#;
    let toleration = Regex::new(toleration).unwrap().captures(&text).unwrap();
    let taint = format!("{}={}:{}", &toleration[1], &toleration[2], &toleration[3]);
    Placement { label: label[1].to_owned(), taint }
}

#[test]
fn nodes_are_labelled_and_tainted_as_the_outputs_say() {
    let Some(terraform) = Terraform::find("nodes_are_labelled") else { return };
    let placement = nodes(&terraform);
    assert_eq!(placement.label, "zero-prover.io/pool");
    assert_eq!(placement.taint, "highmem=true:NoSchedule");
    let outputs = plans::of(&terraform, ".", "").outputs;
    let pools = &outputs["node_pools"]["after"];
    assert_eq!(pools["highmem"]["node_selector"][&placement.label], "highmem", "{pools}");
    assert_eq!(pools["highmem"]["taint"], placement.taint.as_str(), "{pools}");
}

#[test]
fn pods_of_workers_select_and_tolerate_the_nodes() {
    let Some(terraform) = Terraform::find("pods_of_workers") else { return };
    assert_eq!(pods(&repository::root().join("helm/zero-prover")), nodes(&terraform));
}
