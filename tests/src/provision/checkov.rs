//! checkov, which looks for what is insecure in Terraform's files; a program in Python.

use std::path::PathBuf;

use super::Say;
use super::python::Packages;

/// The version whose checks we know; a newer one may find what this one lets pass.
const CHECKOV: Packages = Packages {
    name: "checkov-3.3.30",
    requirements: "checkov==3.3.30\n",
    why: "checkov looks for what is insecure in `terraform`; it is put into a folder of the cache, 300 MB, which takes a \
          minute or two.",
};

/// A Python that has checkov, put into a folder of the user's cache when it is missing.
pub fn ensure_checkov(say: Say<'_>) -> anyhow::Result<PathBuf> {
    Ok(CHECKOV.ensure(say)?.join("python"))
}
