//! Other releases of Debian in the user's cache: with RabbitMQ in a folder, and bare in an archive for images.
//!
//! `debootstrap` makes the folder. Nothing of it is installed on the machine, no service of it is
//! started, and removing the folder removes it all.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};

use super::{Say, apt, cache, on_path};
use crate::process::{Process, tail};
use crate::rabbitmq::guard::Guard;
use crate::rabbitmq::{Series, Server, server};

/// What only an installation needs: half of the folder.
const LEFTOVERS: [&str; 2] = ["var/cache/apt", "var/lib/apt/lists"];
/// The release that images are made of.
const BARE: &str = "trixie";
/// Its archive.
const ARCHIVE: &str = "debian.tar";

/// The server of another release, if it was installed before; looks and changes nothing.
pub(super) fn installed(series: Series, suite: &str) -> Option<Server> {
    Server::in_folder(series, &root(suite).ok()?)
}

/// The server of another release, installed when it is missing.
pub(super) fn ensure(series: Series, suite: &str, say: Say<'_>) -> anyhow::Result<Server> {
    let root = root(suite)?;
    if let Some(server) = Server::in_folder(series, &root) {
        return Ok(server);
    }
    say(&format!(
        "RabbitMQ {series} is not on this machine; the tests are to run against it too. A small \
         system of Debian {suite} that has it is put into {}: one to five minutes, 250 MB, the \
         first time only. Nothing else on this machine changes.",
        root.display()
    ));
    ensure!(
        rustix::process::geteuid().is_root(),
        "only root may make and enter a system in a folder: RabbitMQ {series} needs root"
    );
    let debootstrap = debootstrap(say)?;
    let give_up = AtomicBool::new(false);
    let _lock = cache::lock("lock-debian", say, &give_up)?;
    if Server::in_folder(series, &root).is_none() {
        install(&debootstrap, suite, &root, &give_up)
            .with_context(|| format!("install RabbitMQ {series} of Debian {suite}"))?;
    }
    Server::in_folder(series, &root).context("it was installed but is not where it should be")
}

fn root(suite: &str) -> anyhow::Result<PathBuf> {
    Ok(cache::folder()?.join(format!("debian-{suite}")))
}

fn debootstrap(say: Say<'_>) -> anyhow::Result<PathBuf> {
    if let Some(program) = on_path("debootstrap") {
        return Ok(program);
    }
    apt::install("debootstrap", say)?;
    on_path("debootstrap").context("`debootstrap` was installed but is not on the path")
}

/// Installs beside the place, and puts all into it at once.
fn install(
    debootstrap: &Path,
    suite: &str,
    root: &Path,
    give_up: &AtomicBool,
) -> anyhow::Result<()> {
    let cache = root.parent().context("the cache has no folder")?;
    let work = tempfile::Builder::new().prefix("building-").tempdir_in(cache)?;
    let mut guard = Guard::start(work.path())?;
    let built = work.path().join("root");
    let suite = Suite { name: suite, packages: Some("rabbitmq-server") };
    let outcome = suite.make(debootstrap, &built, work.path(), give_up);
    guard.dismiss();
    outcome?;
    for folder in LEFTOVERS {
        fs::remove_dir_all(built.join(folder)).with_context(|| format!("remove {folder}"))?;
    }
    // The node's own directories are made in it.
    fs::set_permissions(built.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    server::make_root(&built, root)?;
    if root.exists() {
        fs::remove_dir_all(root).context("remove a folder that is not whole")?;
    }
    fs::rename(&built, root).context("put what was installed into its place")
}

/// A bare system of the newest stable release, for images that no registry gives: the folder of an archive.
pub fn ensure_bare_debian(say: Say<'_>) -> anyhow::Result<PathBuf> {
    let folder = cache::folder()?.join(format!("bare-debian-{BARE}"));
    if folder.join(ARCHIVE).is_file() {
        return Ok(folder);
    }
    say(&format!(
        "A small system of Debian {BARE} stands for the images of a registry; debootstrap puts it into {}: a minute or \
         two, 200 MB, the first time only.",
        folder.display()
    ));
    ensure!(rustix::process::geteuid().is_root(), "only root may make a system in a folder");
    let debootstrap = debootstrap(say)?;
    let give_up = AtomicBool::new(false);
    let _lock = cache::lock("lock-debian", say, &give_up)?;
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let work = tempfile::Builder::new().prefix("building-").tempdir_in(cache::folder()?)?;
    let mut guard = Guard::start(work.path())?;
    let suite = Suite { name: BARE, packages: None };
    let built = work.path().join("root");
    let outcome = suite.make(&debootstrap, &built, work.path(), &give_up);
    guard.dismiss();
    outcome?;
    archive(&built, &work.path().join(ARCHIVE))?;
    fs::rename(work.path().join(ARCHIVE), folder.join(ARCHIVE)).context("put it into its place")?;
    Ok(folder)
}

/// Devices are the container's to make, and what only an installation needs is half of it.
fn archive(built: &Path, archive: &Path) -> anyhow::Result<()> {
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--file").arg(archive).arg("--directory").arg(built);
    tar.args(LEFTOVERS.iter().chain(&["dev"]).map(|folder| format!("--exclude=./{folder}/*")));
    let status = tar.arg(".").status().context("run `tar`")?;
    ensure!(status.success(), "`tar` ended with {status}");
    Ok(())
}

/// A release, and what is in it besides the least.
struct Suite<'a> {
    name: &'a str,
    packages: Option<&'a str>,
}

impl Suite<'_> {
    fn make(
        &self,
        debootstrap: &Path,
        built: &Path,
        work: &Path,
        give_up: &AtomicBool,
    ) -> anyhow::Result<()> {
        let log = work.join("debootstrap.log");
        // What it mounts is seen by its own processes alone, and ends with them.
        let mut command = Command::new("unshare");
        command.arg("--mount").arg(debootstrap).arg("--variant=minbase");
        command.args(self.packages.map(|packages| format!("--include={packages}")));
        command.arg(self.name).arg(built);
        // The guard knows what to end by its HOME.
        command.env("HOME", work);
        let ended = cache::finish(Process::spawn(command, work, &log)?, give_up);
        ended.with_context(|| format!("run `debootstrap`: {}", tail(&log)))
    }
}
