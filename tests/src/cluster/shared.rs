//! The control plane that the tests of one process share.

use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use super::ControlPlane;
use crate::harness::env;
use crate::provision::kubernetes::{self, Programs};

/// A value in a `static` is never dropped: the control plane's guard ends it with the process.
static SHARED: OnceLock<Option<ControlPlane>> = OnceLock::new();

/// The control plane that the tests of this process share, started by the first that asks; `None` when its programs
/// are not to be had, said aloud.
///
/// # Panics
///
/// When `CI` is `true` and there are no programs; when it does not start.
#[must_use]
pub fn shared(test: &str) -> Option<&'static ControlPlane> {
    let shared = SHARED.get_or_init(|| programs().map(|programs| start(&programs))).as_ref();
    if shared.is_none() {
        let why = format!(
            "SKIPPED {test}: the programs of a Kubernetes control plane are missing (`cargo xtask test` makes them)"
        );
        // Written past the test runner, which keeps the output of passed tests to itself.
        let _ = writeln!(std::io::stderr(), "{why}");
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    }
    shared
}

/// Where the run says they are, else where an earlier run has put them.
fn programs() -> Option<Programs> {
    match std::env::var_os(env::CLUSTER_DIR) {
        Some(folder) => Programs::in_folder(Path::new(&folder)),
        None => kubernetes::programs(),
    }
}

#[expect(clippy::panic, reason = "programs that are there and fail are a failed test")]
fn start(programs: &Programs) -> ControlPlane {
    match ControlPlane::start(programs) {
        Ok(plane) => plane,
        Err(error) => panic!("could not start a control plane: {error:#}"),
    }
}
