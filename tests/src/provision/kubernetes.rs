//! The programs of a Kubernetes control plane, built with Go.
//!
//! Distributions package no kube-apiserver and no KWOK, and etcd in versions too old for them (Debian 12: 3.4.23, which
//! lacks the progress requests that streamed lists need). So all are built once, from sources whose versions and
//! checksums are in `tests/cluster`, into a cache outside the tree: `zero-prover-infra/tools` in the user's cache folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::Say;
use super::go::{Module, Set};

/// Where the programs of a control plane are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Where the API server keeps its objects.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// What plays nodes and their kubelets.
    pub kwok: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
}

impl Programs {
    /// Those in a folder, if all are there.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let programs = Self {
            etcd: folder.join("etcd"),
            kube_apiserver: folder.join("kube-apiserver"),
            kwok: folder.join("kwok"),
            kubectl: folder.join("kubectl"),
        };
        let Self { etcd, kube_apiserver, kwok, kubectl } = &programs;
        [etcd, kube_apiserver, kwok, kubectl].iter().all(|path| path.is_file()).then_some(programs)
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.kubectl.parent().unwrap_or(&self.kubectl)
    }
}

const MODULES: &[Module] = &[
    Module {
        folder: "etcd",
        manifest: include_str!("../../cluster/etcd/go.mod"),
        sums: include_str!("../../cluster/etcd/go.sum"),
        programs: &[("etcd", "go.etcd.io/etcd/server/v3")],
        data: None,
    },
    Module {
        folder: "kwok",
        manifest: include_str!("../../cluster/kwok/go.mod"),
        sums: include_str!("../../cluster/kwok/go.sum"),
        programs: &[("kwok", "sigs.k8s.io/kwok/cmd/kwok")],
        data: None,
    },
    Module {
        folder: "kubernetes",
        manifest: include_str!("../../cluster/kubernetes/go.mod"),
        sums: include_str!("../../cluster/kubernetes/go.sum"),
        programs: &[
            ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
            ("kubectl", "k8s.io/kubernetes/cmd/kubectl"),
        ],
        data: None,
    },
];

const SET: Set = Set {
    modules: MODULES,
    why: "etcd, kube-apiserver, kubectl and KWOK are built with Go: tests of `kubectl zero` run against a real Kubernetes \
          API server. It takes eight to twenty minutes on two cores, the first time only, and some 3 GB of Go's build cache.",
    what: "etcd, kube-apiserver, kubectl and KWOK",
    purpose: "run the tests against a Kubernetes API server",
};

/// The programs, if they were built before; looks and changes nothing.
#[must_use]
pub fn programs() -> Option<Programs> {
    Programs::in_folder(&SET.folder()?)
}

/// The programs, built and installed when they are missing.
///
/// `give_up` ends a build under way.
pub fn ensure_programs(say: Say<'_>, give_up: &AtomicBool) -> anyhow::Result<Programs> {
    SET.ensure(Programs::in_folder, say, give_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_the_programs_has_none() {
        assert!(Programs::in_folder(Path::new("/nobody/lives/here")).is_none());
    }
}
