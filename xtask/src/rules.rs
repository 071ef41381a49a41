//! The rules of the house that no compiler lint knows, checked over the files that git tracks.
//!
//! Each rule is a function from the tree to findings, so that its tests need no files.

mod arrows;
pub(crate) mod handbook;
mod layout;
mod purity;
mod reach;
mod tests_wait;
mod words;

use std::fmt::{self, Display};
use std::process::Command;

use serde_json::Value;

use crate::shell;

/// One fault, where it is, and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    fault: String,
}

impl Finding {
    fn new(file: &File, line: usize, fault: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, fault: fault.into() }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.fault)
    }
}

/// A file as the rules see it.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: String,
    bytes: u64,
    /// Nothing for what is not text.
    text: Option<String>,
}

impl File {
    /// Where it is, from the root of the repository.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_dockerfile(&self) -> bool {
        self.name() == "Dockerfile" || self.extension() == Some("Dockerfile")
    }

    pub(crate) fn is_workflow(&self) -> bool {
        self.path().starts_with(".github/workflows")
    }

    /// By the program that its first line names; what a script reads in is looked at with the script.
    pub(crate) fn is_shell_script(&self) -> bool {
        let first = self.lines().next().map_or("", |(_, line)| line);
        let named = first.strip_prefix("#!").and_then(|line| line.rsplit(['/', ' ']).next());
        matches!(named, Some("sh" | "bash"))
    }

    fn is_rust(&self) -> bool {
        self.extension() == Some("rs")
    }

    fn extension(&self) -> Option<&str> {
        self.name().rsplit_once('.').map(|(_, extension)| extension)
    }

    fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Its text; nothing of what is not text.
    pub(crate) fn words(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// The lines with their numbers, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.words().lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    /// The number of lines before the unit tests.
    fn lines_of_product(&self) -> usize {
        let lines: Vec<&str> = self.lines().map(|(_, line)| line).collect();
        let tests = lines
            .windows(2)
            .position(|pair| matches!(pair, ["#[cfg(test)]", module] if opens_module(module)));
        tests.unwrap_or(lines.len())
    }
}

/// All files of the repository, and what cargo says of its packages.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
    metadata: Value,
}

impl Tree {
    /// Reads what git tracks, and what it would track were it added.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut list = Command::new("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = shell::read(list.current_dir(shell::root()))?;
        let mut files: Vec<File> = listed.split_terminator('\0').filter_map(read_file).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { files, metadata: shell::metadata()? })
    }

    /// The files.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// The pages of Markdown; what is in a `src` is a part of a page elsewhere.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &File> {
        let is_page = |file: &&File| file.extension() == Some("md") && !file.path.contains("/src/");
        self.files.iter().filter(is_page)
    }

    fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

/// Everything that breaks a rule.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let rules = [
        arrows::only_those_drawn,
        handbook::every_page_has_its_place,
        handbook::links_lead_somewhere,
        layout::short_files,
        layout::short_mains,
        layout::modules_say_what_they_are_for,
        layout::short_readme,
        layout::small_files,
        purity::decisions_import_no_io,
        purity::no_count_has_a_default,
        reach::every_file_is_compiled,
        tests_wait::no_sleeping_in_tests,
        words::nothing_left_for_later,
        words::no_places_of_one_machine,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

/// A file that was deleted but is still tracked has nothing to check.
fn read_file(path: &str) -> Option<File> {
    let bytes = std::fs::read(shell::root().join(path)).ok()?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Some(File { path: path.to_owned(), bytes: size, text: String::from_utf8(bytes).ok() })
}

/// Whether a line is the first of a module written out in place.
fn opens_module(line: &str) -> bool {
    has_word(line, "mod") && line.ends_with('{')
}

/// Whether `text` holds `word` with nothing of an identifier on either side.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        !before.ends_with(part_of_word) && !after.starts_with(part_of_word)
    })
}

/// Trees made by hand, for the tests of the rules.
#[cfg(test)]
mod sample {
    use super::{File, Tree};
    use serde_json::Value;

    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: Some(text.to_owned()),
        };
        Tree { files: files.iter().map(file).collect(), metadata: Value::Null }
    }

    pub(super) fn places(findings: &[super::Finding]) -> Vec<String> {
        findings.iter().map(|found| format!("{}:{}", found.path, found.line)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert!(has_word("use tokio::time;", "tokio"));
        assert!(!has_word("let tokio_like = 1;", "tokio"));
    }

    #[test]
    fn scripts_are_known_by_first_line_dockerfiles_by_name_and_workflows_by_folder() {
        let tree = sample::tree(&[
            ("a.sh", ""),
            (".ci/run", "#!/usr/bin/env bash\n"),
            ("b", "#!/bin/sh\n"),
            ("c", "#!/usr/bin/env python3\n"),
            ("d.md", "run sh\n"),
            ("docker/Dockerfile", ""),
            ("zk-evm.Dockerfile", ""),
            (".github/workflows/ci.yml", ""),
        ]);
        let of = |is: fn(&File) -> bool| -> Vec<&str> {
            tree.files().iter().filter(|file| is(file)).map(File::path).collect()
        };
        assert_eq!(of(File::is_shell_script), [".ci/run", "b"]);
        assert_eq!(of(File::is_dockerfile), ["docker/Dockerfile", "zk-evm.Dockerfile"]);
        assert_eq!(of(File::is_workflow), [".github/workflows/ci.yml"]);
    }

    #[test]
    fn a_finding_reads_like_a_compiler_error() {
        let tree = sample::tree(&[("a.rs", "")]);
        let finding = Finding::new(tree.files().first().unwrap(), 7, "too long");
        assert_eq!(finding.to_string(), "a.rs:7: too long");
    }

    #[test]
    fn the_handbook_is_whole() {
        let tree = Tree::read().unwrap();
        assert!(tree.files().iter().any(|file| file.path == handbook::SUMMARY));
        let rules = [handbook::every_page_has_its_place, handbook::links_lead_somewhere];
        let found: Vec<String> =
            rules.iter().flat_map(|rule| rule(&tree)).map(|found| found.to_string()).collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn this_repository_can_be_read() {
        let tree = Tree::read().unwrap();
        assert!(tree.rust().any(|file| file.path == "xtask/src/rules.rs"));
    }
}
