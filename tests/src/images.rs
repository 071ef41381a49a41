//! Our images, built from `docker` by buildah without a registry, and started on this machine.
//!
//! What the Dockerfiles start from is in registries that a test does without: the doubles of `tests/images` stand for
//! it, by build arguments. Everything that comes after is the Dockerfiles' own work.

mod container;
mod store;

use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use crate::provision::{self, Say};
use crate::rabbitmq::guard::Guard;
pub use container::{Container, Launch};
use store::Build;
pub use store::{Image, Store};

/// Names the folder of the built images, for the tests that start them.
pub const STORE_ENV: &str = "ZERO_TEST_IMAGES";
/// The images, each a stage of `docker/Dockerfile`.
pub const NAMES: [&str; 5] = ["scaler", "kubectl-zero", "worker", "leader", "jumpbox"];
/// The version they are built with, which their labels tell.
pub const VERSION: &str = "0.0.0-test";
/// The commit they are built with, which labels and programs tell.
pub const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// What of this machine the images are built from.
pub struct Sources {
    /// The repository.
    pub repository: PathBuf,
    /// The folder of the stand-in prover's programs.
    pub stand_in: PathBuf,
    /// Rust's toolchain: the folder with `bin/cargo`.
    pub toolchain: PathBuf,
    /// The crates that are here already: cargo's folder `registry`.
    pub crates: PathBuf,
}

/// Images that go with this value, and all that was needed to build them.
pub struct Built {
    store: Store,
    folder: TempDir,
    guard: Guard,
}

impl Built {
    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        self.guard.dismiss();
    }
}

/// Builds every image.
pub fn build(sources: &Sources, say: Say<'_>) -> anyhow::Result<Built> {
    let buildah = provision::ensure_buildah(say)?;
    let debian = provision::ensure_bare_debian(say)?;
    let cache = provision::images_cache()?;
    let folder = tempfile::Builder::new().prefix("images-").tempdir_in(&cache)?;
    let guard = Guard::start(folder.path())?;
    let store = Store::new(buildah, folder.path()).caching_in(&cache);
    let built = Built { store, folder, guard };
    built.doubles(sources, &debian, say)?;
    built.own(sources, say)?;
    Ok(built)
}

impl Built {
    /// The images that ours start from.
    fn doubles(&self, sources: &Sources, debian: &Path, say: Say<'_>) -> anyhow::Result<()> {
        let doubles = [("debian", debian), ("rust", debian), ("zk-evm", &sources.stand_in)];
        for (name, context) in doubles {
            say(&format!("building the double of {name}"));
            let dockerfile = sources.repository.join(format!("tests/images/{name}.Dockerfile"));
            let build = Build::new(&dockerfile, context, &double(name));
            self.store.build(&build).with_context(|| format!("build the double of {name}"))?;
        }
        Ok(())
    }

    /// Ours; the programs are compiled with the first and taken from there by the others.
    fn own(&self, sources: &Sources, say: Say<'_>) -> anyhow::Result<()> {
        let dockerfile = sources.repository.join("docker/Dockerfile");
        for name in NAMES {
            say(&match name {
                "scaler" => format!("building {name}, and compiling all programs: some minutes"),
                _ => format!("building {name}"),
            });
            let build = Build::new(&dockerfile, &sources.repository, &Image::reference(name))
                .target(name)
                .argument("RUST_IMAGE", &double("rust"))
                .argument("ZK_EVM_IMAGE", &double("zk-evm"))
                .argument("VERSION", VERSION)
                .argument("REVISION", REVISION)
                .mount(&sources.toolchain, "/opt/rust")
                .mount(&sources.crates, "/opt/cargo/registry");
            self.store.build(&build).with_context(|| format!("build the image {name}"))?;
        }
        Ok(())
    }
}

fn double(name: &str) -> String {
    format!("localhost/double/{name}:latest")
}
