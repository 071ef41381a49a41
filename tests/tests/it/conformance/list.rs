//! The list in `docs/conformance.md` and the tests are held against each other.

use std::collections::BTreeSet;

use tests::repository::root;

/// `module::name` of every test below this folder, and the numbers of the lines it says it holds.
fn tests() -> (BTreeSet<String>, BTreeSet<u32>) {
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(root().join("tests/tests/it/conformance")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if let Some(said) = line.strip_prefix("/// Conformance ") {
                let number: String = said.chars().take_while(char::is_ascii_digit).collect();
                numbers.insert(number.parse().unwrap());
            }
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, named)) = line.split_once("fn ")
                && std::mem::take(&mut is_test)
            {
                names.insert(format!("{module}::{}", named.split('(').next().unwrap()));
            }
        }
    }
    (names, numbers)
}

/// Every test that the list names is there, and every line of the list has one or says where it is.
#[test]
fn the_list_names_tests_that_are_there_and_every_line_has_one() {
    let list = std::fs::read_to_string(root().join("docs/conformance.md")).unwrap();
    let (held_by, numbers) = tests();
    let quoted: BTreeSet<_> = list.split('`').skip(1).step_by(2).collect();
    let pointers =
        quoted.iter().filter(|words| words.contains("::") && !words.starts_with("scaler::"));
    let missing: Vec<_> = pointers.filter(|name| !held_by.contains(**name)).collect();
    assert!(missing.is_empty(), "the list names tests that are not there: {missing:?}");

    for number in 1..=41 {
        let line = list.lines().find(|line| line.starts_with(&format!("| {number} |")));
        let line = line.unwrap_or_else(|| panic!("the list has no line {number}"));
        let elsewhere = line.contains("comes with the cluster tests");
        assert!(numbers.contains(&number) || elsewhere, "no test holds line {number}");
    }
}
