//! The handbook: every link leads somewhere, every page is in its table of contents.

mod links;
pub(crate) mod page;
mod summary;

pub(crate) use links::{is_elsewhere, links_lead_somewhere, resolved};
pub(crate) use summary::every_page_has_its_place;

/// The table of contents, whose links are relative to its own folder.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";
