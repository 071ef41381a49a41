//! Every relative link of every page leads to a file that is tracked, and to a heading that is there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{File, Finding, Tree};
use super::page::Page;
use crate::rules::reach::joined;

pub(crate) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let pages: BTreeMap<&str, Page> =
        tree.pages().map(|file| (file.path.as_str(), Page::read(file.words()))).collect();
    let files = tree.files().iter().map(|file| file.path.as_str());
    let files: BTreeSet<&str> = files.collect();
    tree.pages().flat_map(|file| dead(file, &pages, &files)).collect()
}

fn dead(file: &File, pages: &BTreeMap<&str, Page>, files: &BTreeSet<&str>) -> Vec<Finding> {
    let Some(page) = pages.get(file.path.as_str()) else { return Vec::new() };
    let fault = |target: &str| fault(&file.path, target, pages, files);
    let found = page.links.iter().filter_map(|link| Some((link, fault(&link.target)?)));
    found
        .map(|(link, fault)| {
            let before = file.words().get(..link.place.start).unwrap_or_default();
            Finding::new(file, before.matches('\n').count() + 1, fault)
        })
        .collect()
}

/// What is wrong with a link.
fn fault(
    from: &str,
    target: &str,
    pages: &BTreeMap<&str, Page>,
    files: &BTreeSet<&str>,
) -> Option<String> {
    if is_elsewhere(target) {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = resolved(from, path);
    // A folder has no file of its own in what git tracks.
    let folder = format!("{}/", path.trim_end_matches('/'));
    if !files.contains(path.as_str()) && !files.iter().any(|file| file.starts_with(&folder)) {
        return Some(format!("the link `{target}` leads to no file: there is no `{path}`"));
    }
    let page = pages.get(path.as_str()).filter(|_| !anchor.is_empty())?;
    let fault = || format!("the link `{target}` leads to no heading: `{path}` has no `#{anchor}`");
    (!page.anchors.contains(anchor)).then(fault)
}

/// Whether a link leaves the repository.
pub(crate) fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

/// The path that a relative link in a page means; the page itself, where it names none.
pub(crate) fn resolved(from: &str, path: &str) -> String {
    if path.is_empty() {
        return from.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    joined(folder, path)
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::tree;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let files = [
            ("docs/a.md", text),
            ("docs/b.md", "# Two words\n"),
            ("README.md", "# It\n"),
            ("x/y.rs", ""),
        ];
        links_lead_somewhere(&tree(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found_with_its_line() {
        assert_eq!(
            found("first\n\n[c](c.md)\n"),
            ["docs/a.md:3: the link `c.md` leads to no file: there is no `docs/c.md`"]
        );
        assert_eq!(
            found("[b](b.md#three-words)"),
            [
                "docs/a.md:1: the link `b.md#three-words` leads to no heading: `docs/b.md` has no `#three-words`"
            ]
        );
        assert_eq!(found("# One\n[up](#two)").len(), 1);
    }

    #[test]
    fn links_that_lead_somewhere_are_left_alone() {
        let good = "# One\n[b](b.md#two-words) [up](../README.md#it) [here](#one) [folder](../x) [code](../x/y.rs) [web](https://a.test/b#c)";
        assert_eq!(found(good), [""; 0]);
    }
}
