//! Every folder that can be applied is formatted, is valid, and passes its own tests.

use std::fs;

use serde_json::Value;

use super::tool::{ROOTS, Terraform, said};

#[test]
fn all_files_are_formatted() {
    let Some(terraform) = Terraform::find("all_files_are_formatted") else { return };
    let output = terraform.call(".", &["fmt", "-check", "-recursive", "-diff", "-no-color"]);
    assert!(
        output.status.success(),
        "run `terraform fmt -recursive terraform`:\n{}",
        said(&output)
    );
}

#[test]
fn every_root_is_valid() {
    let Some(terraform) = Terraform::find("every_root_is_valid") else { return };
    for root in ROOTS {
        let output = terraform.run(root, &["validate", "-json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["valid"], true, "{root}: {report:#}");
        assert_eq!(report["warning_count"], 0, "{root}: {report:#}");
    }
}

#[test]
fn what_the_provider_does_not_know_is_not_valid() {
    let Some(terraform) = Terraform::find("what_the_provider_does_not_know") else { return };
    let file = terraform.folder("modules/node-pool").join("main.tf");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("total_max_node_count", "total_max_nodes")).unwrap();
    let output = terraform.run(".", &["validate", "-json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["valid"], false);
    assert!(report.to_string().contains("\\\"total_max_nodes\\\" is not expected"), "{report:#}");
}

#[test]
fn the_tests_in_the_tree_pass() {
    let Some(terraform) = Terraform::find("the_tests_in_the_tree_pass") else { return };
    for (root, least) in [(".", 50), ("state", 3)] {
        let report = terraform.test(root, &[]);
        let summary = report.iter().find_map(|line| line.get("test_summary")).unwrap();
        let faults: Vec<&Value> = report.iter().filter_map(|line| line.get("diagnostic")).collect();
        assert_eq!(summary["status"], "pass", "{root}: {summary} {faults:#?}");
        assert!(summary["passed"].as_u64() >= Some(least), "{root}: {summary}");
        assert_eq!((&summary["skipped"], faults.len()), (&0.into(), 0), "{root}: {faults:#?}");
    }
}
