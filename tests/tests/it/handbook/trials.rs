//! What `docs/coming-from-the-seed.md` says each step was tried by is there.

use std::fs;

use regex::Regex;

use tests::repository::{self, root};

/// What begins the cell of a step that nothing tries.
const UNTRIED: &str = "not tried";

#[test]
fn each_step_names_what_has_tried_it() {
    let text = repository::text("docs/coming-from-the-seed.md");
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 2)
        .collect();
    let steps =
        rows.iter().filter(|row| !row.starts_with("| in the seed") && !row.starts_with("| ---"));
    let code = Regex::new("`([^`]+)`").unwrap();
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for row in steps {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        if cell.starts_with(UNTRIED) {
            continue;
        }
        let named: Vec<String> = code.captures_iter(cell).map(|name| name[1].to_owned()).collect();
        if named.is_empty() {
            wrong.push(format!("names nothing, and does not say `{UNTRIED}`: {row}"));
        }
        wrong.extend(
            named.iter().filter(|name| !is_there(name)).map(|name| format!("there is no `{name}`")),
        );
        tried += named.len();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 20, "only {tried} tests are named");
}

/// Whether a test, a scenario, or a file with tests is there.
fn is_there(name: &str) -> bool {
    if let Some(scenario) = name.strip_prefix("cargo xtask e2e --only ") {
        return tests::e2e::scenarios::ALL.iter().any(|one| one.name == scenario);
    }
    if name.starts_with("cargo xtask ") {
        return super::programs::called(&shell_words::split(name).unwrap())
            .is_some_and(|(program, args)| super::programs::takes(program, args).is_ok());
    }
    if name.contains('/') {
        return root().join(name).is_file();
    }
    let Some((module, test)) = name.rsplit_once("::") else { return false };
    let file = root().join("tests/tests/it").join(format!("{}.rs", module.replace("::", "/")));
    fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {test}(")))
}

#[test]
fn a_test_that_is_not_there_would_be_noticed() {
    assert!(is_there("handbook::trials::each_step_names_what_has_tried_it"));
    assert!(is_there("terraform/tests/cluster.tftest.hcl"));
    assert!(is_there("cargo xtask e2e --only backlog"));
    for name in [
        "handbook::trials::no_such_test",
        "no::such::module",
        "terraform/tests/none.hcl",
        "cargo xtask e2e --only nothing",
        "cargo xtask fly",
        "word",
    ] {
        assert!(!is_there(name), "{name}");
    }
}
