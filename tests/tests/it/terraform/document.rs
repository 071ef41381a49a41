//! The tables in `terraform/README.md` are those of the variables and outputs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::tool::source;

/// Set, the tables in the README are written anew.
const WRITE: &str = "ZERO_WRITE_DOCS";

/// A variable as its block says.
pub(super) struct Variable {
    pub(super) name: String,
    of_type: String,
    default: Option<String>,
    description: String,
}

/// The variables of a root, file by file; the general ones first.
pub(super) fn variables(root: &Path) -> Vec<Variable> {
    let blocks = blocks(root, "variable");
    let read = |(name, block): (String, String)| Variable {
        of_type: line(&block, "type").unwrap(),
        default: line(&block, "default"),
        description: line(&block, "description").unwrap().trim_matches('"').to_owned(),
        name,
    };
    blocks.into_iter().map(read).collect()
}

fn outputs(root: &Path) -> Vec<(String, String)> {
    let described = |(name, block): (String, String)| {
        (name, line(&block, "description").unwrap().trim_matches('"').to_owned())
    };
    blocks(root, "output").into_iter().map(described).collect()
}

/// Name and text of each block of a kind; `terraform fmt` has its end at the beginning of a line.
fn blocks(root: &Path, kind: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|end| end == "tf")).collect();
    // "variables.tf" before "variables-budget.tf".
    files.sort_by_key(|path| path.with_extension(""));
    let block = Regex::new(&format!("(?ms)^{kind} \"(\\w+)\" \\{{$(.*?)^\\}}$")).unwrap();
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    let found = |text: String| -> Vec<(String, String)> {
        block.captures_iter(&text).map(|at| (at[1].to_owned(), at[2].to_owned())).collect()
    };
    texts.flat_map(found).collect()
}

/// What one line of a block sets.
fn line(block: &str, name: &str) -> Option<String> {
    let set = Regex::new(&format!("(?m)^  {name} +?= (.*)$")).unwrap();
    set.captures(block).map(|at| at[1].to_owned())
}

fn tables(root: &Path) -> String {
    let mut text = "| variable | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for Variable { name, of_type, default, description } in variables(root) {
        let default = default.map_or("**needed**".to_owned(), |value| format!("`{value}`"));
        writeln!(text, "| `{name}` | `{of_type}` | {default} | {description} |").unwrap();
    }
    text += "\n| output | meaning |\n|---|---|\n";
    for (name, description) in outputs(root) {
        writeln!(text, "| `{name}` | {description} |").unwrap();
    }
    text
}

fn check(root: &Path, mark: &str) {
    let readme = source().join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
    let (before, rest) = text.split_once(&begin).unwrap();
    let (there, after) = rest.split_once(&end).unwrap();
    let wanted = tables(root);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&readme, [before, &begin, &wanted, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(
        there, wanted,
        "write the tables anew: {WRITE}=1 cargo test -p tests --test it -- terraform::document"
    );
}

/// One test, because both write to the same file.
#[test]
fn the_readme_has_every_variable_and_output() {
    check(&source(), "tables");
    check(&source().join("state"), "tables of state");
}

#[test]
fn every_variable_has_a_table_row_that_says_something() {
    let all = variables(&source());
    assert!(all.len() > 40, "{}", all.len());
    for variable in all {
        assert!(variable.description.len() > 10, "{}", variable.name);
    }
}
