//! Every page of `docs` is in the table of contents, once, and so are the pages elsewhere that users read.

use super::super::{Finding, Tree};
use super::SUMMARY;
use super::links::resolved;
use super::page::Page;

/// Pages outside `docs` that users read.
const OUTSIDE: [&str; 6] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "SECURITY.md",
    "helm/zero-prover/README.md",
    "terraform/README.md",
];

pub(crate) fn every_page_has_its_place(tree: &Tree) -> Vec<Finding> {
    let Some(summary) = tree.files().iter().find(|file| file.path == SUMMARY) else {
        return Vec::new();
    };
    let listed: Vec<String> = Page::read(summary.words())
        .links
        .iter()
        .map(|link| resolved(SUMMARY, &link.target))
        .collect();
    let mut found = Vec::new();
    let in_docs = |path: &str| path.starts_with("docs/") && path != SUMMARY;
    for file in
        tree.pages().filter(|file| in_docs(&file.path) || OUTSIDE.contains(&file.path.as_str()))
    {
        let times = listed.iter().filter(|path| **path == file.path).count();
        if times != 1 {
            let fault = format!("this page is {times} times in {SUMMARY}: once is right");
            found.push(Finding::new(file, 1, fault));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn a_page_without_a_place_and_one_with_two_are_found() {
        let summary =
            "# Contents\n- [A](a.md)\n- [A again](a.md)\n- [B](sub/b.md)\n- [Me](../README.md)\n";
        let files = [
            (SUMMARY, summary),
            ("docs/a.md", ""),
            ("docs/sub/b.md", ""),
            ("docs/c.md", ""),
            ("README.md", ""),
            ("SECURITY.md", ""),
            ("tests/README.md", ""),
        ];
        assert_eq!(
            places(&every_page_has_its_place(&tree(&files))),
            ["docs/a.md:1", "docs/c.md:1", "SECURITY.md:1"]
        );
    }
}
