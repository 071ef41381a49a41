//! PURE: what a page of Markdown links to, and what can be linked to in it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// A page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) links: Vec<Link>,
    /// The headings, as a link may name them.
    pub(crate) anchors: BTreeSet<String>,
}

/// A link, or a picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Where in the page all of it stands.
    pub(crate) place: Range<usize>,
    /// Where it leads.
    pub(crate) target: String,
}

impl Page {
    /// Reads a page.
    pub(crate) fn read(text: &str) -> Self {
        let mut page = Self::default();
        let (mut heading, mut seen) = (None::<String>, HashMap::<String, usize>::new());
        for (event, place) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            if let Some(target) = target(&event) {
                page.links.push(Link { place, target });
            } else if matches!(event, Event::Start(Tag::Heading { .. })) {
                heading = Some(String::new());
            } else if matches!(event, Event::End(TagEnd::Heading(_))) {
                let words = heading.take();
                page.anchors.extend(words.map(|words| numbered(slug(&words), &mut seen)));
            } else if let (Some(heading), Event::Text(words) | Event::Code(words)) =
                (&mut heading, &event)
            {
                heading.push_str(words);
            }
        }
        page
    }
}

/// Where a link or a picture that begins here leads; an address in angle brackets is none of ours.
fn target(event: &Event<'_>) -> Option<String> {
    let Event::Start(
        Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. },
    ) = event
    else {
        return None;
    };
    let is_ours = !matches!(link_type, LinkType::Autolink | LinkType::Email);
    is_ours.then(|| dest_url.to_string())
}

/// What a heading is called in links: as GitHub and mdBook do it.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// The second of the same name has `-1` behind it.
fn numbered(slug: String, seen: &mut HashMap<String, usize>) -> String {
    let times = seen.entry(slug.clone()).or_default();
    *times += 1;
    if *times == 1 { slug } else { format!("{slug}-{}", *times - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_pictures_are_found_with_their_places() {
        let text = "See [the *worker*](a.md#logs) and ![it](b.png), not `[this](c.md)` or <https://x.test>.\n\n[ref]\n\n[ref]: d.md\n";
        let page = Page::read(text);
        let found: Vec<_> = page
            .links
            .iter()
            .map(|link| (link.target.as_str(), &text[link.place.clone()]))
            .collect();
        let expected = [
            ("a.md#logs", "[the *worker*](a.md#logs)"),
            ("b.png", "![it](b.png)"),
            ("d.md", "[ref]"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn headings_are_called_as_they_are_linked_to() {
        let page = Page::read(
            "# `zero`, or *kubectl zero*\n## Who's busy?\n## Who's busy?\n```sh\n# no heading\n```\n",
        );
        let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["whos-busy", "whos-busy-1", "zero-or-kubectl-zero"]);
    }
}
