//! What is not to be in any file: places of one machine, and work put off.
//!
//! The words are written in parts here, or this file would find itself.

use super::{File, Finding, Tree};

/// Marks of what somebody meant to do later.
const LATER: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
];
/// Folders that exist on some machines only.
const FOLDERS: [&str; 3] = [concat!("/wo", "rk"), concat!("/ro", "ot"), concat!("/ho", "me/")];
/// Hosts of package registries: which one is used is each machine's own setting.
const HOSTS: [&str; 8] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("proxy.golang", ".org"),
    concat!("maven.apache", ".org"),
    concat!("maven", ".org/maven2"),
    concat!("deb.debian", ".org"),
];

pub(super) fn nothing_left_for_later(tree: &Tree) -> Vec<Finding> {
    let marked = |line: &str| LATER.iter().find(|mark| line.contains(**mark)).copied();
    find(tree, marked, "do it now, or leave it out")
}

pub(super) fn no_places_of_one_machine(tree: &Tree) -> Vec<Finding> {
    let folder = |line: &str| FOLDERS.iter().find(|folder| names(line, folder)).copied();
    let host = |line: &str| HOSTS.iter().find(|host| line.contains(**host)).copied();
    let mut found = find(tree, folder, "a path of one machine");
    found.extend(find(tree, host, "a package registry is named by no file but a lock file"));
    found
}

fn find(tree: &Tree, look: impl Fn(&str) -> Option<&'static str>, fault: &str) -> Vec<Finding> {
    let look = &look;
    let hits = |file: &'_ File| -> Vec<Finding> {
        let hits = file.lines().filter_map(|(number, line)| Some((number, look(line)?)));
        hits.map(|(number, word)| Finding::new(file, number, format!("`{word}`: {fault}")))
            .collect()
    };
    let checked = tree.files().iter().filter(|file| file.extension() != Some("lock"));
    checked.flat_map(hits).collect()
}

/// Whether a line names a folder at the top of a file system: not one inside another, not a longer word.
fn names(line: &str, folder: &str) -> bool {
    let in_a_path = |c: char| c.is_alphanumeric() || "_-./}".contains(c);
    line.match_indices(folder).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(folder).unwrap_or_default();
        let whole = if folder.ends_with('/') {
            after.starts_with(char::is_alphanumeric)
        } else {
            !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-')
        };
        whole && !before.ends_with(in_a_path)
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{places, tree};
    use super::*;

    #[test]
    fn work_put_off_is_found() {
        for mark in LATER {
            let text = format!("first\n  {mark}x)\n");
            let found = nothing_left_for_later(&tree(&[("a.rs", &text), ("Cargo.lock", &text)]));
            assert_eq!(places(&found), ["a.rs:2"], "{mark}");
        }
    }

    #[test]
    fn a_place_of_one_machine_is_found() {
        let [work, root, home] = FOLDERS;
        for text in [
            format!("cd {work}/main"),
            format!("\"{root}\""),
            format!("in {home}ann/x"),
            format!("`{work}`"),
        ] {
            let found = no_places_of_one_machine(&tree(&[("docs/a.md", &text)]));
            assert_eq!(places(&found), ["docs/a.md:1"], "{text}");
        }
    }

    #[test]
    fn a_word_that_only_looks_like_a_place_is_left_alone() {
        let [work, root, home] = FOLDERS;
        for text in [
            format!("{work}ers"),
            format!("target{work}"),
            format!("{root}less"),
            format!("${{dir}}{root}"),
            format!("the {home} folder"),
        ] {
            assert!(no_places_of_one_machine(&tree(&[("a", &text)])).is_empty(), "{text}");
        }
    }

    #[test]
    fn a_registry_is_found() {
        for host in HOSTS {
            let text = format!("see {host}");
            let found = no_places_of_one_machine(&tree(&[("a", &text), ("x/Cargo.lock", &text)]));
            assert_eq!(places(&found), ["a:1"], "{host}");
        }
    }
}
