//! Every Rust file is compiled: one that no `mod` names looks like a test and tests nothing.

use std::collections::{BTreeSet, HashMap};

use super::{File, Finding, Tree};

pub(super) fn every_file_is_compiled(tree: &Tree) -> Vec<Finding> {
    let files: HashMap<&str, &File> = tree.rust().map(|file| (file.path.as_str(), file)).collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<(String, bool)> = roots(tree).into_iter().map(|path| (path, true)).collect();
    while let Some((path, is_root)) = open.pop() {
        let Some(file) = files.get(path.as_str()) else { continue };
        if reached.insert(path) {
            open.extend(children(file, is_root).into_iter().map(|child| (child, false)));
        }
    }
    let lost = tree.rust().filter(|file| !reached.contains(&file.path));
    lost.map(|file| Finding::new(file, 1, "no `mod` line leads here: it is never compiled"))
        .collect()
}

/// Where cargo starts compiling: by convention, and by the `path` of a manifest's target.
fn roots(tree: &Tree) -> Vec<String> {
    let manifests = tree.files().iter().filter(|file| file.name() == "Cargo.toml");
    let folders: BTreeSet<&str> = manifests.clone().map(|file| folder_of(&file.path)).collect();
    let usual = tree.rust().filter(|file| {
        let package = folders.iter().rev().find(|folder| within(&file.path, folder).is_some());
        package.and_then(|folder| within(&file.path, folder)).is_some_and(is_usual_root)
    });
    let mut roots: Vec<String> = usual.map(|file| file.path.clone()).collect();
    for manifest in manifests {
        let lines = manifest.lines().filter_map(|(_, line)| quoted(line.strip_prefix("path = ")?));
        roots.extend(lines.map(|path| joined(folder_of(&manifest.path), path)));
    }
    roots
}

fn is_usual_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        *parts,
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["src", "bin", _, "main.rs"]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    )
}

/// The files that the `mod` lines of a file may mean.
fn children(file: &File, is_root: bool) -> Vec<String> {
    let folder = folder_of(&file.path);
    let stem = file.name().trim_end_matches(".rs");
    let own = if is_root || stem == "mod" { folder.to_owned() } else { joined(folder, stem) };
    let mut found = Vec::new();
    let mut named = None;
    for (_, line) in file.lines() {
        let line = line.trim();
        if let Some(path) = line.strip_prefix("#[path = ") {
            named = quoted(path);
        } else if let Some(module) = declared(line) {
            match named.take() {
                Some(path) => found.push(joined(folder, path)),
                None => found.extend(
                    [format!("{module}.rs"), format!("{module}/mod.rs")]
                        .map(|name| joined(&own, &name)),
                ),
            }
        }
    }
    found
}

/// The module that a line such as `pub(crate) mod name;` declares.
fn declared(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.rsplit_once(' ')?;
    let visibility = before.strip_suffix("mod")?;
    let plain = visibility.is_empty() || visibility.starts_with("pub");
    plain.then_some(name)
}

fn quoted(text: &str) -> Option<&str> {
    text.trim_start_matches('"').split_once('"').map(|(inside, _)| inside)
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The rest of a path inside a folder.
fn within<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() { Some(path) } else { path.strip_prefix(folder)?.strip_prefix('/') }
}

/// A path below a folder, with its `..` taken out.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn a_file_that_no_one_declares_is_found() {
        let files = [
            ("a/Cargo.toml", "[package]"),
            ("a/src/lib.rs", "pub(crate) mod one;\nmod two;\n// mod lost;\n"),
            ("a/src/one.rs", "mod inner;\n"),
            ("a/src/one/inner.rs", ""),
            ("a/src/two/mod.rs", "mod deep;"),
            ("a/src/two/deep.rs", ""),
            ("a/src/lost.rs", ""),
            ("a/tests/it/main.rs", "mod seen;"),
            ("a/tests/it/seen.rs", ""),
            ("a/tests/it/unseen.rs", ""),
        ];
        let found = every_file_is_compiled(&tree(&files));
        assert_eq!(places(&found), ["a/src/lost.rs:1", "a/tests/it/unseen.rs:1"]);
    }

    #[test]
    fn paths_given_by_hand_are_followed() {
        let files = [
            ("tests/Cargo.toml", "[package]"),
            ("tests/stand-in/v1/Cargo.toml", "[[bin]]\npath = \"../src/bin/worker.rs\"\n"),
            (
                "tests/stand-in/v1/src/lib.rs",
                "#[path = \"../../src/shared.rs\"]\npub mod shared;\n",
            ),
            ("tests/stand-in/src/bin/worker.rs", ""),
            ("tests/stand-in/src/shared.rs", ""),
            ("tests/stand-in/src/forgotten.rs", ""),
        ];
        let found = every_file_is_compiled(&tree(&files));
        assert_eq!(places(&found), ["tests/stand-in/src/forgotten.rs:1"]);
    }
}
