//! Helm of both generations, built with Go, and the definitions of the custom resources that the chart makes.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::Say;
use super::go::{Data, Module, Set};

/// Where they are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The newest Helm 3.
    pub helm3: PathBuf,
    /// The newest Helm 4.
    pub helm4: PathBuf,
    /// Folders of `CustomResourceDefinition`s: KEDA's, RabbitMQ's cluster operator's, the Prometheus operator's.
    pub definitions: [PathBuf; 3],
}

impl Programs {
    /// Those in a folder, if all are there.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let (helm3, helm4) = (folder.join("helm3"), folder.join("helm4"));
        let definitions = DEFINITIONS.map(|name| folder.join(name));
        let all = helm3.is_file() && helm4.is_file() && definitions.iter().all(|dir| dir.is_dir());
        all.then_some(Self { helm3, helm4, definitions })
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.helm4.parent().unwrap_or(&self.helm4)
    }
}

/// What the folders of definitions are called beside the programs.
const DEFINITIONS: [&str; 3] = ["crds-keda", "crds-rabbitmq", "crds-prometheus"];

/// A module that is there for its definitions.
const fn definitions(module: &'static str, folder: &'static str, name: &'static str) -> Module {
    Module {
        folder: "definitions",
        manifest: include_str!("../../cluster/definitions/go.mod"),
        sums: include_str!("../../cluster/definitions/go.sum"),
        programs: &[],
        data: Some(Data { module, folder, name }),
    }
}

const SET: Set = Set {
    modules: &[
        Module {
            folder: "helm4",
            manifest: include_str!("../../cluster/helm4/go.mod"),
            sums: include_str!("../../cluster/helm4/go.sum"),
            programs: &[("helm4", "helm.sh/helm/v4/cmd/helm")],
            data: None,
        },
        Module {
            folder: "helm3",
            manifest: include_str!("../../cluster/helm3/go.mod"),
            sums: include_str!("../../cluster/helm3/go.sum"),
            programs: &[("helm3", "helm.sh/helm/v3/cmd/helm")],
            data: None,
        },
        definitions("github.com/kedacore/keda/v2@v2.20.2", "config/crd/bases", DEFINITIONS[0]),
        definitions(
            "github.com/rabbitmq/cluster-operator/v2@v2.22.1",
            "config/crd/bases",
            DEFINITIONS[1],
        ),
        definitions(
            "github.com/prometheus-operator/prometheus-operator@v0.93.1",
            "example/prometheus-operator-crd",
            DEFINITIONS[2],
        ),
    ],
    why: "Helm 3 and 4 are built with Go: the chart is tested with both. It takes five to ten minutes on two cores, the \
          first time only.",
    what: "Helm 3 and 4",
    purpose: "test the chart",
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
