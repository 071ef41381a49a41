//! actionlint, hadolint and shellcheck, which look for mistakes in workflows, Dockerfiles and shell scripts.

use std::path::PathBuf;

use super::Say;
use super::python::Packages;

/// The versions whose rules we know; a newer one may find what this one lets pass.
const LINTERS: Packages = Packages {
    name: "linters-actionlint-1.17.0-hadolint-2.15.1-shellcheck-0.11.0.1",
    requirements: include_str!("../../python/linters.txt"),
    why: "actionlint, hadolint and shellcheck look for mistakes in workflows, Dockerfiles and shell scripts; they are \
          put into a folder of the cache, 100 MB, which takes some seconds.",
};

/// Where the linters are.
pub struct Linters {
    /// Of GitHub's workflows.
    pub actionlint: PathBuf,
    /// Of Dockerfiles.
    pub hadolint: PathBuf,
    /// Of shell scripts.
    pub shellcheck: PathBuf,
}

/// The linters, put into a folder of the user's cache when they are missing.
pub fn ensure_linters(say: Say<'_>) -> anyhow::Result<Linters> {
    let programs = LINTERS.ensure(say)?;
    Ok(Linters {
        actionlint: programs.join("actionlint"),
        hadolint: programs.join("hadolint"),
        shellcheck: programs.join("shellcheck"),
    })
}
