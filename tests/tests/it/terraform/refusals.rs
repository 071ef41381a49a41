//! Each refusal names the value and what to write instead, and each is tested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use regex::Regex;

use super::tool::Terraform;

/// What the program says after a message of ours.
const CHECKED_BY: &str = "\n\nThis was checked by the validation rule at ";

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
    let mut names = Vec::new();
    for (number, run) in first.split("\nrun \"").skip(1).enumerate() {
        names.push(run.split('"').next().unwrap_or_default().to_owned());
        let name = file.with_file_name(format!("{number:02}.tftest.hcl"));
        fs::write(name, format!("{head}\nrun \"{run}")).unwrap();
    }
    let mut told: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for line in terraform.test(root, &[]) {
        if let Some(detail) = line["diagnostic"]["detail"].as_str() {
            let run = names.iter().position(|name| line["@testrun"] == *name).unwrap();
            told.entry(run).or_default().push(detail.to_owned());
        }
    }
    let (mut words, mut rules) = (String::new(), BTreeSet::new());
    for (run, mut details) in told {
        writeln!(words, "== {}", names[run]).unwrap();
        // They come in any order.
        details.sort_unstable();
        for detail in details {
            let (message, rule) = detail.split_once(CHECKED_BY).unwrap_or((&detail, ""));
            writeln!(words, "{message}").unwrap();
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
    if !terraform.is_opentofu() {
        insta::assert_snapshot!(test, words);
        return;
    }
    // It stops at the first broken rule of a variable, and so says less.
    let path = format!("tests/it/terraform/snapshots/it__terraform__refusals__{test}.snap");
    let snapshot = fs::read_to_string(path).unwrap();
    for line in words.lines() {
        assert!(snapshot.lines().any(|known| known == line), "not in the snapshot: {line}");
    }
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
