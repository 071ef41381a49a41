//! buildah, which builds images from Dockerfiles without a daemon and, as root, without namespaces of its own.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::{Say, apt, on_path};

/// buildah, installed when it is missing.
pub fn ensure_buildah(say: Say<'_>) -> anyhow::Result<PathBuf> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "images are built in a chroot, which only root may make: run this as root"
    );
    if let Some(buildah) = on_path("buildah") {
        return Ok(buildah);
    }
    say("buildah is not on this machine; it builds our images from their Dockerfiles.");
    apt::install("buildah", say)?;
    on_path("buildah").context("`buildah` was installed but is not on the path")
}
