//! PURE: signs that differ by shape; each stands beside its word, so colour adds nothing.

use maud::{Markup, html};

/// What a sign says.
#[derive(Clone, Copy)]
pub(super) enum Mark {
    /// All is well: a ticked circle.
    Good,
    /// Nothing to do: an empty circle.
    Idle,
    /// Not known yet: three dots.
    Wait,
    /// Worth a look: a triangle.
    Warn,
    /// Needs a human: a crossed octagon.
    Bad,
}

/// The sign; the word beside it is what screen readers read.
pub(super) fn mark(mark: Mark) -> Markup {
    let (class, path) = match mark {
        Mark::Good => ("mark good", "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4.8 8.2l2.3 2.3 4.2-4.6"),
        Mark::Idle => ("mark idle", "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM5 8h6"),
        Mark::Wait => {
            ("mark wait", "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM4.6 8h.01M8 8h.01M11.4 8h.01")
        }
        Mark::Warn => ("mark warn", "M8 1.6 15 14.4H1zM8 6.2v4M8 12.2h.01"),
        Mark::Bad => ("mark bad", "M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8"),
    };
    html! {
        svg class=(class) viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
            path d=(path) {}
        }
    }
}
