//! Which `rabbitmq-server` is started: the machine's own, or one in the folder of another system.
//!
//! Such a folder becomes the root of the server's processes. A link inside it makes its own path
//! lead to itself, so that every path means the same within and without. The kernel's `/proc`, which
//! the server reads, is mounted for these processes alone and is gone with them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::Series;

/// Where Debian puts the script; the `rabbitmq-server` of its path is a wrapper that changes the user.
const PROGRAM: &str = "usr/lib/rabbitmq/bin/rabbitmq-server";
/// Turns into the program given, with the folder given as its root. Mounts of a namespace of one's
/// own end with its last process.
const ENTER: &str = r#"mount --rbind /proc "$1/proc" && exec chroot "$@""#;

/// A RabbitMQ that can be started, any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    series: Series,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Machine { program: PathBuf },
    Folder { root: PathBuf },
}

impl Server {
    /// The machine's own, by its script.
    #[must_use]
    pub fn of_machine(program: PathBuf) -> Self {
        Self { series: Series::default(), place: Place::Machine { program } }
    }

    /// One in the folder of another system, made by `make_root`; `None` when there is none.
    #[must_use]
    pub fn in_folder(series: Series, root: &Path) -> Option<Self> {
        let whole = root.join(PROGRAM).is_file() && way_back(root, root).is_symlink();
        let place = Place::Folder { root: root.to_owned() };
        whole.then_some(Self { series, place })
    }

    /// Of which series it is.
    #[must_use]
    pub fn series(&self) -> Series {
        self.series
    }

    /// Fails where this user may not start it.
    pub(super) fn check_rights(&self) -> anyhow::Result<()> {
        let Place::Folder { root } = &self.place else { return Ok(()) };
        ensure!(
            rustix::process::geteuid().is_root(),
            "RabbitMQ {} is started with {} as its root folder, and only root may do that",
            self.series,
            root.display(),
        );
        Ok(())
    }

    /// Where files can be that a node sees under the same path.
    pub(crate) fn temporary(&self) -> PathBuf {
        match &self.place {
            Place::Machine { .. } => std::env::temp_dir(),
            Place::Folder { root } => root.join("tmp"),
        }
    }

    /// The broker's script.
    pub(super) fn script(&self) -> Command {
        match &self.place {
            Place::Machine { program } => Command::new(program),
            Place::Folder { root } => inside(root, &format!("/{PROGRAM}")),
        }
    }

    /// Another program of the same system.
    pub(super) fn program(&self, name: &str) -> Command {
        match &self.place {
            Place::Machine { .. } => Command::new(name),
            Place::Folder { root } => inside(root, name),
        }
    }
}

/// Makes the root folder of a server out of a system in `built`, which will be moved to `root`.
pub(crate) fn make_root(built: &Path, root: &Path) -> anyhow::Result<()> {
    // A node's name ends in `localhost`, which is looked up.
    fs::write(built.join("etc/hosts"), "127.0.0.1 localhost\n::1 localhost\n")
        .context("write the hosts of the system")?;
    let link = way_back(built, root);
    fs::create_dir_all(link.parent().unwrap_or(built))?;
    symlink("/", link).context("link the folder's own path to its root")
}

/// The folder's own path within the folder.
fn way_back(built: &Path, root: &Path) -> PathBuf {
    built.join(root.strip_prefix("/").unwrap_or(root))
}

fn inside(root: &Path, program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", ENTER, "zero-broker"]).arg(root).arg(program);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_server_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Server::in_folder(Series::V4_3, dir.path()), None);
    }

    #[test]
    fn a_path_means_the_same_within_and_without() {
        let dir = tempfile::tempdir().unwrap();
        let (built, root) = (dir.path().join("built"), dir.path().join("root"));
        fs::create_dir_all(built.join("etc")).unwrap();
        make_root(&built, &root).unwrap();
        fs::rename(&built, &root).unwrap();
        assert_eq!(fs::read_link(way_back(&root, &root)).unwrap(), Path::new("/"));
        assert_eq!(Server::in_folder(Series::V4_3, &root), None, "there is no server in it yet");
    }
}
