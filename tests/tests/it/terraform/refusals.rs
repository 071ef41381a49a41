//! Each refusal names the value and what to write instead, and each is tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

use super::tool::Terraform;

/// A test that expects failures does not show them: each of its runs is run again without its expectations.
fn refused(terraform: &Terraform, root: &str) -> (String, BTreeSet<String>) {
    let file = terraform.folder(root).join("tests/refused.tftest.hcl");
    let text = fs::read_to_string(&file).unwrap();
    let expectation = Regex::new(r"(?s)\n *expect_failures = \[.*?\]\n").unwrap();
    let text = expectation.replace_all(&text, "\n");
    let (head, first) = text.split_at(text.find("\nrun \"").unwrap());
    fs::remove_dir_all(terraform.folder(root).join("tests")).unwrap();
    fs::create_dir(terraform.folder(root).join("tests")).unwrap();
    // In a file of its own each: after a failed run the rest of a file is passed over.
    for (number, run) in first.split("\nrun \"").skip(1).enumerate() {
        let name = file.with_file_name(format!("{number:02}.tftest.hcl"));
        fs::write(name, format!("{head}\nrun \"{run}")).unwrap();
    }
    let (mut words, mut rules) = (String::new(), BTreeSet::new());
    for line in terraform.test(root, &[]) {
        if let Some(run) = line["test_run"]["run"].as_str()
            && line["test_run"]["progress"] != "teardown"
            && line["test_run"]["status"].is_string()
        {
            words += &format!("== {run}\n");
        }
        if line["diagnostic"].is_object() {
            let detail = line["diagnostic"]["detail"].as_str().unwrap();
            let (message, rule) = detail
                .split_once("\n\nThis was checked by the validation rule at ")
                .unwrap_or((detail, ""));
            words += &format!("{message}\n");
            rules.insert(place(rule));
        }
    }
    (words, rules)
}

/// `variables.tf:11,3-13.` is a rule of line 11.
fn place(rule: &str) -> String {
    rule.split(',').next().unwrap_or_default().to_owned()
}

/// File and line of every validation rule of a root.
fn rules(folder: &Path) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "tf") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = text.lines().enumerate().filter(|(_, line)| line.trim() == "validation {");
        rules.extend(found.map(|(index, _)| format!("{name}:{}", index + 1)));
    }
    rules
}

fn check(test: &str, root: &str) {
    let Some(terraform) = Terraform::find(test) else { return };
    let (words, broken) = refused(&terraform, root);
    let rules = rules(&terraform.folder(root));
    let untested: Vec<&String> = rules.difference(&broken).collect();
    assert!(untested.is_empty(), "no refused value breaks the rules at {untested:?}\n{words}");
    insta::assert_snapshot!(test, words);
}

#[test]
fn every_refusal_is_tested_and_says_what_to_write() {
    check("refusals", ".");
}

#[test]
fn the_states_bucket_refuses_too() {
    check("refusals_of_state", "state");
}

/// A message that only repeats the rule does not help.
#[test]
fn every_refusal_begins_with_the_name_of_its_variable() {
    let variable = Regex::new(r#"(?m)^variable "(\w+)""#).unwrap();
    let message = Regex::new(r#"error_message = "(\w+)"#).unwrap();
    for entry in fs::read_dir(super::tool::source()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "tf") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for at in message.captures_iter(&text) {
            let before = &text[..at.get(0).unwrap().start()];
            let of = variable.captures_iter(before).last().unwrap();
            assert_eq!(&at[1], &of[1], "{}", path.display());
        }
    }
}

/// Names what the report of a run is made of, should a newer program change it.
#[test]
fn a_report_has_diagnostics() {
    let Some(terraform) = Terraform::find("a_report_has_diagnostics") else { return };
    let tests = terraform.folder("state").join("tests");
    fs::write(tests.join("bucket.tftest.hcl"), "run \"x\" {\n command = plan\n}\n").unwrap();
    let report = terraform.test("state", &[]);
    assert!(report.iter().any(|line| line["diagnostic"]["summary"].is_string()), "{report:#?}");
    assert!(report.iter().all(|line| line["@level"] != Value::Null), "{report:#?}");
}
