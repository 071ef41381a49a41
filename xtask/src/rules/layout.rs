//! Sizes and beginnings of files.

use super::{Finding, Tree};

/// Longer files are read by nobody; their tests may be as long as they need.
const LINES: usize = 400;
/// Parse, run, pick an exit code: nothing else is `main`'s.
const LINES_OF_MAIN: usize = 25;
/// Beyond this a reader gives up before the second command.
const LINES_OF_README: usize = 200;
/// Data that large is made or fetched, not tracked.
const BYTES: u64 = 1_000_000;

pub(super) fn short_files(tree: &Tree) -> Vec<Finding> {
    let long = tree.rust().filter(|file| file.lines_of_product() > LINES);
    long.map(|file| {
        let lines = file.lines_of_product();
        Finding::new(file, lines, format!("{lines} lines before the tests, at most {LINES} may be"))
    })
    .collect()
}

pub(super) fn short_mains(tree: &Tree) -> Vec<Finding> {
    let mains = tree
        .rust()
        .filter(|file| file.path.ends_with("src/main.rs") || file.path.contains("/src/bin/"));
    mains
        .filter(|file| file.lines_of_product() > LINES_OF_MAIN)
        .map(|file| {
            let fault =
                format!("a main file has at most {LINES_OF_MAIN} lines: the rest is a module's");
            Finding::new(file, LINES_OF_MAIN + 1, fault)
        })
        .collect()
}

pub(super) fn modules_say_what_they_are_for(tree: &Tree) -> Vec<Finding> {
    let first = |text: &str| text.lines().next().is_some_and(|line| line.starts_with("//! "));
    tree.rust()
        .filter(|file| !file.text.as_deref().is_some_and(first))
        .map(|file| Finding::new(file, 1, "a module starts with `//!`: what it is for"))
        .collect()
}

pub(super) fn short_readme(tree: &Tree) -> Vec<Finding> {
    let readme = tree.files().iter().filter(|file| file.path == "README.md");
    readme
        .filter(|file| file.lines().count() > LINES_OF_README)
        .map(|file| {
            let fault =
                format!("the README has at most {LINES_OF_README} lines: the rest is for docs/");
            Finding::new(file, LINES_OF_README + 1, fault)
        })
        .collect()
}

pub(super) fn small_files(tree: &Tree) -> Vec<Finding> {
    let large = tree.files().iter().filter(|file| file.bytes > BYTES);
    large.map(|file| Finding::new(file, 1, "a tracked file has at most a million bytes")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let product = "//! x\n".repeat(LINES);
        let tested = format!("{product}#[cfg(test)]\nmod tests {{\n{product}");
        let long = format!("#[cfg(test)]\nfn one_more() {{}}\n{product}");
        let found = short_files(&tree(&[("a.rs", &tested), ("b.rs", &long)]));
        assert_eq!(places(&found), ["b.rs:402"]);
    }

    #[test]
    fn a_long_main_is_found() {
        let long = "//! x\n".repeat(LINES_OF_MAIN + 1);
        let files =
            [("scaler/src/main.rs", &*long), ("p/src/bin/zero.rs", &long), ("a/b.rs", &long)];
        let found = short_mains(&tree(&files));
        assert_eq!(places(&found), ["scaler/src/main.rs:26", "p/src/bin/zero.rs:26"]);
    }

    #[test]
    fn a_module_without_a_purpose_is_found() {
        let files =
            [("a.rs", "//! Reads.\n"), ("b.rs", "use std;\n"), ("c.rs", ""), ("d.rs", "//!\n")];
        let found = modules_say_what_they_are_for(&tree(&files));
        assert_eq!(places(&found), ["b.rs:1", "c.rs:1", "d.rs:1"]);
    }

    #[test]
    fn a_long_readme_is_found() {
        let long = "words\n".repeat(LINES_OF_README + 1);
        let found = short_readme(&tree(&[("README.md", &long), ("docs/README.md", &long)]));
        assert_eq!(places(&found), ["README.md:201"]);
    }

    #[test]
    fn a_large_file_is_found() {
        let mut sample = tree(&[("data.json", "{}")]);
        assert!(small_files(&sample).is_empty());
        sample.files.iter_mut().for_each(|file| file.bytes = BYTES + 1);
        assert_eq!(places(&small_files(&sample)), ["data.json:1"]);
    }
}
