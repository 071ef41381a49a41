//! Terraform, which runs the tests of `terraform`.
//!
//! One of the machine will do. Where there is none, OpenTofu is built with Go: it has grown from the same root, reads the
//! same files, and may be had as sources, from the pins in `tests/terraform/opentofu`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use serde_json::Value;

use super::go::{Module, Set};
use super::{Say, on_path};

/// The first in which a variable's validation may look at other variables; OpenTofu counts alike.
const OLDEST: (u32, u32) = (1, 9);

const SET: Set = Set {
    modules: &[Module {
        folder: "opentofu",
        manifest: include_str!("../../terraform/opentofu/go.mod"),
        sums: include_str!("../../terraform/opentofu/go.sum"),
        programs: &[("tofu", "github.com/opentofu/opentofu/cmd/tofu")],
        data: None,
    }],
    why: "Terraform 1.9 or newer is not on this machine; OpenTofu is built with Go in its stead, to run the tests of \
          `terraform`. It takes some five minutes on two cores, the first time only.",
    what: "OpenTofu",
    purpose: "run the tests of `terraform`, or install Terraform 1.9 or newer",
};

/// Terraform or OpenTofu of this machine, or one that was built before; looks and changes nothing.
#[must_use]
pub fn terraform() -> Option<PathBuf> {
    let of_machine = ["terraform", "tofu"].into_iter().filter_map(on_path);
    of_machine.into_iter().find(|program| is_new_enough(program)).or_else(|| built(&SET.folder()?))
}

/// Terraform or OpenTofu, built when it is missing.
///
/// `give_up` ends a build under way.
pub fn ensure_terraform(say: Say<'_>, give_up: &AtomicBool) -> anyhow::Result<PathBuf> {
    terraform().map_or_else(|| SET.ensure(built, say, give_up), Ok)
}

fn built(folder: &Path) -> Option<PathBuf> {
    Some(folder.join("tofu")).filter(|program| program.is_file())
}

fn is_new_enough(program: &Path) -> bool {
    let mut ask = Command::new(program);
    ask.args(["version", "-json"]).env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null());
    let said = ask.output().ok().and_then(|output| serde_json::from_slice(&output.stdout).ok());
    said.and_then(|said| version(&said)).is_some_and(|version| version >= OLDEST)
}

fn version(said: &Value) -> Option<(u32, u32)> {
    let mut numbers = said.get("terraform_version")?.as_str()?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_compared_as_numbers() {
        let said = |version: &str| super::version(&json!({ "terraform_version": version }));
        assert!(said("1.11.4") >= Some(OLDEST));
        assert!(said("1.9.0-rc1") >= Some(OLDEST));
        assert!(said("1.8.5") < Some(OLDEST));
        assert_eq!(said("new"), None);
    }
}
