//! The table of values in the chart's README is made from the comments in `values.yaml`: `INSTA_UPDATE=always` writes it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_norway::Value;
use tests::helm::CHART;

const START: &str = "<!-- values: made from values.yaml -->\n";
const END: &str = "<!-- end of values -->\n";

/// A value: where it is, what it is unless told otherwise, what it means.
struct Row {
    path: String,
    default: String,
    words: String,
}

/// The rows: a key with a comment above it. Comments of sections stand for nothing.
fn rows(source: &str) -> Vec<Row> {
    let values: Value = serde_norway::from_str(source).unwrap();
    let mut above: Vec<(usize, String)> = Vec::new();
    let (mut rows, mut comment) = (Vec::new(), String::new());
    for line in source.lines() {
        let depth = line.len() - line.trim_start().len();
        let line = line.trim();
        if let Some(words) = line.strip_prefix('#') {
            comment.push_str(words);
        } else if line.is_empty() {
            comment.clear();
        } else if let Some((key, _)) = line.split_once(':') {
            above.retain(|(other, _)| *other < depth);
            above.push((depth, key.to_owned()));
            let words = std::mem::take(&mut comment);
            if !words.is_empty() {
                let keys: Vec<&str> = above.iter().map(|(_, key)| key.as_str()).collect();
                let value = keys.iter().fold(&values, |value, key| value.get(*key).unwrap());
                let default = serde_json::to_string(value).unwrap();
                let words = words.trim().to_owned();
                rows.push(Row { path: keys.join("."), default, words });
            }
        }
    }
    rows
}

fn table(rows: &[Row]) -> String {
    let head = "| value | default | meaning |\n| --- | --- | --- |\n".to_owned();
    rows.iter().fold(head, |table, Row { path, default, words }| {
        table + &format!("| `{path}` | `{default}` | {} |\n", words.replace('|', "\\|"))
    })
}

/// The paths of everything that is no map, or an empty one.
fn leaves(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value.as_mapping().filter(|map| !map.is_empty()) {
        Some(map) => {
            for (key, value) in map {
                let key = key.as_str().unwrap();
                let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                leaves(value, &path, found);
            }
        }
        None => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn the_readme_has_every_value() {
    let source = std::fs::read_to_string(Path::new(CHART).join("values.yaml")).unwrap();
    let rows = rows(&source);
    let mut all = BTreeSet::new();
    leaves(&serde_norway::from_str(&source).unwrap(), "", &mut all);
    for leaf in all {
        let told =
            rows.iter().any(|row| leaf == row.path || leaf.starts_with(&format!("{}.", row.path)));
        assert!(told, "no comment says what {leaf} means");
    }
    let path = Path::new(CHART).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{START}\n{}\n{END}{after}", table(&rows));
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert_eq!(readme, wanted, "run this test with INSTA_UPDATE=always");
    }
}

#[test]
fn a_comment_belongs_to_the_key_below_it() {
    let rows = rows(
        "# about the file\n\na:\n  # The\n  # first.\n  b: 1\n  c:\n    # Map.\n    d: {e: [x]}\n",
    );
    let told: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row.path, row.default, row.words)).collect();
    assert_eq!(told, ["a.b 1 The first.", "a.c.d {\"e\":[\"x\"]} Map."]);
}
