//! The pages, and what in them is to be typed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use tests::repository::root;

/// A page that people read who run the product.
pub(super) struct Page {
    /// From the repository's root.
    pub(super) path: String,
    pub(super) text: String,
}

/// Something in a page, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Every page of the handbook.
pub(super) fn all() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for place in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs",
        "helm/zero-prover/README.md",
        "terraform/README.md",
        "witnesses/README.md",
    ] {
        gather(&root().join(place), &mut paths);
    }
    paths.sort();
    assert!(paths.len() > 15, "{paths:?}");
    paths.into_iter().map(|path| read(&path)).collect()
}

fn gather(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            gather(&entry.unwrap().path(), found);
        }
    } else if path.extension().is_some_and(|ending| ending == "md") && path.is_file() {
        found.push(path.to_owned());
    }
}

fn read(path: &Path) -> Page {
    let name = path.strip_prefix(root()).unwrap().display().to_string();
    Page { path: name, text: fs::read_to_string(path).unwrap() }
}

impl Page {
    /// The fenced blocks of a language.
    pub(super) fn blocks(&self, language: &str) -> Vec<Spot> {
        let (mut found, mut open) = (Vec::new(), None::<(bool, Spot)>);
        for (at, line) in self.text.lines().enumerate() {
            match (&mut open, line.trim_start().strip_prefix("```")) {
                (Some(_), Some(_)) => found.extend(open.take().filter(|(wanted, _)| *wanted)),
                (None, Some(info)) => {
                    open =
                        Some((info.trim() == language, Spot { line: at + 2, text: String::new() }));
                }
                (Some((_, block)), None) => writeln!(block.text, "{line}").unwrap(),
                (None, None) => {}
            }
        }
        found.into_iter().map(|(_, block)| block).collect()
    }

    /// What stands between single backticks, outside of blocks.
    pub(super) fn inline(&self) -> Vec<Spot> {
        let code = Regex::new("`([^`]+)`").unwrap();
        let (mut found, mut in_block) = (Vec::new(), false);
        for (at, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_block = !in_block;
            } else if !in_block {
                let texts = code.captures_iter(line).map(|code| code[1].to_owned());
                found.extend(texts.map(|text| Spot { line: at + 1, text }));
            }
        }
        found
    }
}

#[test]
fn blocks_and_code_are_found_with_their_lines() {
    let page = Page {
        path: String::new(),
        text: "a `b c`\n```sh\nd `e`\n```\n```yaml\nf\n```\n`g`\n".into(),
    };
    assert_eq!(page.blocks("sh"), [Spot { line: 3, text: "d `e`\n".into() }]);
    let spot = |line, text: &str| Spot { line, text: text.into() };
    assert_eq!(page.inline(), [spot(1, "b c"), spot(8, "g")]);
}
