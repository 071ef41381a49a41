//! The repository that the tests are in, and its files.

use std::path::{Path, PathBuf};

/// Its folder.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text of one of its files.
///
/// # Panics
///
/// When it cannot be read: the message names the file.
#[must_use]
#[expect(clippy::panic, reason = "a file of the repository that is not there is a failed test")]
pub fn text(path: &str) -> String {
    let text = std::fs::read_to_string(root().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}"))
}
