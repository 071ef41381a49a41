//! PURE: pages of the repository → pages of the book: their places, and the links between them.

use std::collections::BTreeSet;

use anyhow::{Context, bail};

use crate::rules::handbook::SUMMARY;
use crate::rules::handbook::page::Page;
use crate::rules::handbook::{is_elsewhere, resolved};

/// Where what is not in the book can be read.
const REPOSITORY: &str = "https://github.com/zero-prover-infra/zero-prover-infra";

/// The pages that the table of contents names.
#[derive(Debug)]
pub(super) struct Book {
    pages: BTreeSet<String>,
}

impl Book {
    /// Of a table of contents.
    pub(super) fn of(summary: &str) -> Self {
        let links = Page::read(summary).links.into_iter();
        Self { pages: links.map(|link| resolved(SUMMARY, &link.target)).collect() }
    }

    /// Whether a page is in it.
    pub(super) fn has(&self, path: &str) -> bool {
        self.pages.contains(path)
    }

    /// The table of contents, as it leads to the book's pages.
    pub(super) fn summary(&self, text: &str) -> anyhow::Result<String> {
        self.rewritten(SUMMARY, "SUMMARY.md", text)
    }

    /// A page, as it leads to the book's pages and to what is not in the book.
    pub(super) fn page(&self, path: &str, text: &str) -> anyhow::Result<String> {
        self.rewritten(path, &name(path), text)
    }

    fn rewritten(&self, path: &str, place: &str, text: &str) -> anyhow::Result<String> {
        let mut links = Page::read(text).links;
        // From the end, so that places stay what they are; a picture in a link comes after it begins.
        links.sort_by_key(|link| std::cmp::Reverse(link.place.start));
        let mut text = text.to_owned();
        for link in links.iter().filter(|link| !is_elsewhere(&link.target)) {
            let (old, new) = (format!("]({}", link.target), self.lead(path, place, &link.target));
            let within = text.get(link.place.clone()).context("a link is outside its page")?;
            let Some(at) = within.rfind(&old) else {
                bail!("{path}: the link `{}` is not written out in its place", link.target);
            };
            let start = link.place.start + at;
            text.replace_range(start..start + old.len(), &format!("]({new}"));
        }
        Ok(text)
    }

    /// Where a link of a page leads in the book.
    fn lead(&self, path: &str, place: &str, target: &str) -> String {
        let (file, anchor) = target
            .split_once('#')
            .map_or((target, String::new()), |(file, anchor)| (file, format!("#{anchor}")));
        if file.is_empty() {
            return target.to_owned();
        }
        let meant = resolved(path, file);
        if self.has(&meant) {
            return relative(place, &name(&meant)) + &anchor;
        }
        if super::PICTURES.iter().any(|ending| meant.ends_with(ending)) {
            return relative(place, &meant);
        }
        format!("{REPOSITORY}/blob/main/{meant}{anchor}")
    }
}

/// Where a page is in the book: mdBook calls the first page of a folder `index`.
pub(super) fn name(path: &str) -> String {
    match path.strip_suffix("README.md") {
        Some(folder) => format!("{folder}index.md"),
        None => path.to_owned(),
    }
}

/// The way from one file to another, both given from the same folder.
fn relative(from: &str, to: &str) -> String {
    let up = from.matches('/').count();
    "../".repeat(up) + to
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book::of("- [Start](../README.md)\n- [A](a.md)\n- [Chart](../helm/x/README.md)\n")
    }

    #[test]
    fn the_table_of_contents_leads_to_the_books_pages() {
        let text = book().summary("# All\n- [A](a.md)\n- [Chart](../helm/x/README.md)\n").unwrap();
        assert_eq!(text, "# All\n- [A](docs/a.md)\n- [Chart](helm/x/index.md)\n");
    }

    #[test]
    fn links_lead_to_pages_pictures_or_the_repository() {
        let text = "[chart](../helm/x/README.md#values) [me](#one) ![p](p.svg) [code](../src/a.rs) [web](https://a.test) [again](../src/a.rs)";
        let expected = "[chart](../helm/x/index.md#values) [me](#one) ![p](../docs/p.svg) [code](https://github.com/zero-prover-infra/zero-prover-infra/blob/main/src/a.rs) [web](https://a.test) [again](https://github.com/zero-prover-infra/zero-prover-infra/blob/main/src/a.rs)";
        assert_eq!(book().page("docs/a.md", text).unwrap(), expected);
        assert_eq!(book().page("README.md", "[a](docs/a.md)").unwrap(), "[a](docs/a.md)");
    }

    #[test]
    fn a_link_by_reference_is_refused_with_its_page() {
        let error = book().page("docs/a.md", "[x]\n\n[x]: b.md\n").unwrap_err().to_string();
        assert_eq!(error, "docs/a.md: the link `b.md` is not written out in its place");
    }
}
