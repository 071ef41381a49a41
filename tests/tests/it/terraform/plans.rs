//! What the examples make: every variable reaches the resource it is meant for.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Map, Value};

use super::tool::Terraform;

const RUN: &str = r#"mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id = "example-project"
VARIABLES}

run "plan" {
  command = plan
}
"#;

/// The resources that would be made, and the outputs that are known before they are.
pub(super) struct Plan {
    /// By address, each with what is set.
    pub(super) resources: BTreeMap<String, Value>,
    pub(super) outputs: Value,
}

pub(super) fn of(terraform: &Terraform, root: &str, variables: &str) -> Plan {
    let tests = terraform.folder(root).join("tests");
    let _ = fs::remove_dir_all(&tests);
    fs::create_dir(&tests).unwrap();
    fs::write(tests.join("plan.tftest.hcl"), RUN.replace("VARIABLES", variables)).unwrap();
    let report = terraform.test(root, &["-verbose"]);
    let plan = report.iter().find_map(|line| line.get("test_plan"));
    let plan = plan.unwrap_or_else(|| panic!("no plan of {root}: {report:#?}"));
    let changes = plan["resource_changes"].as_array().unwrap().iter();
    let made = changes.filter(|change| change["change"]["actions"][0] == "create");
    let resources = made.map(|change| {
        let address = change["address"].as_str().unwrap().to_owned();
        (address, set(&change["change"]["after"]))
    });
    Plan { resources: resources.collect(), outputs: plan["output_changes"].clone() }
}

/// A value without what is null or empty in it.
fn set(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Array(items) => items.iter().map(set).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), set(value)));
            Value::Object(members.filter(|(_, value)| !empty(value)).collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Held against the snapshot. OpenTofu also makes up what only the provider would know, so its plan has more.
fn check(terraform: &Terraform, name: &str, variables: &str) {
    let plan = of(terraform, &format!("examples/{name}"), variables);
    if !terraform.is_opentofu() {
        insta::assert_snapshot!(name, serde_norway::to_string(&plan.resources).unwrap());
        return;
    }
    let path = format!("tests/it/terraform/snapshots/it__terraform__plans__{name}.snap");
    let text = fs::read_to_string(path).unwrap();
    let (_, snapshot) = text.split_once("\n---\n").unwrap();
    let wanted: Value = serde_norway::from_str(snapshot).unwrap();
    assert_holds(&plan.resources.into_iter().collect(), &wanted, name);
}

/// Fails unless all that is wanted is there; what is not known before it is made is null.
fn assert_holds(there: &Value, wanted: &Value, place: &str) {
    match (there, wanted) {
        (_, Value::Null) => {}
        (Value::Object(there), Value::Object(wanted)) => {
            for (name, wanted) in wanted {
                let there = there.get(name).unwrap_or(&Value::Null);
                assert_holds(there, wanted, &format!("{place}.{name}"));
            }
        }
        (Value::Array(there), Value::Array(wanted)) => {
            assert_eq!(there.len(), wanted.len(), "{place}: {there:?}");
            for (number, pair) in there.iter().zip(wanted).enumerate() {
                assert_holds(pair.0, pair.1, &format!("{place}[{number}]"));
            }
        }
        (there, wanted) => assert_eq!(there, wanted, "{place}"),
    }
}

#[test]
fn the_minimal_example_makes_the_least() {
    let Some(terraform) = Terraform::find("the_minimal_example") else { return };
    check(&terraform, "minimal", "");
}

#[test]
fn the_full_example_makes_what_it_says() {
    let Some(terraform) = Terraform::find("the_full_example") else { return };
    check(&terraform, "full", "billing_account = \"012345-6789AB-CDEF01\"\n");
}

/// Or the snapshot of the full example would not show that a variable reaches its resource.
#[test]
fn the_full_example_sets_every_variable() {
    let text = fs::read_to_string(super::tool::source().join("examples/full/main.tf")).unwrap();
    for variable in super::document::variables(&super::tool::source()) {
        let set = text.lines().any(|line| {
            line.trim_start().starts_with(&format!("{} ", variable.name)) && line.contains(" = ")
        });
        assert!(set, "examples/full does not set `{}`", variable.name);
    }
}

/// What a pool begins with counts in each zone, three where none is named; its limits count in all of them together.
#[test]
fn a_pool_begins_with_no_more_nodes_than_it_may_have() {
    let Some(terraform) = Terraform::find("a_pool_begins") else { return };
    let two = "zones = [\"us-central1-a\", \"us-central1-b\"]\n";
    for (variables, default, highmem) in [
        (String::new(), 1, 0),
        ("highmem_pool_min_nodes = 2\n".to_owned(), 1, 0),
        ("highmem_pool_min_nodes = 2\nhighmem_pool_max_nodes = 3\n".to_owned(), 1, 1),
        (format!("{two}default_pool_min_nodes = 3\nhighmem_pool_min_nodes = 2\n"), 2, 1),
    ] {
        let plan = of(&terraform, ".", &variables);
        let begins = ["default", "highmem"].map(|pool| {
            let address = format!("module.{pool}_pool.google_container_node_pool.pool");
            plan.resources[&address]["initial_node_count"].as_u64().unwrap()
        });
        assert_eq!(begins, [default, highmem], "{variables}");
    }
}
