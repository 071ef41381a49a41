//! What scales Deployments: Kubernetes' own controllers and scheduler, and KEDA, built with Go.
//!
//! KEDA's definitions of its kinds come from the same module as its programs.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::Say;
use super::go::{Data, Module, Set};

/// The folder of KEDA's `CustomResourceDefinition`s beside the programs.
const DEFINITIONS: &str = "keda-crds";

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Deployments, `ReplicaSet`s, autoscalers and the like.
    pub kube_controller_manager: PathBuf,
    /// Binds pods to nodes.
    pub kube_scheduler: PathBuf,
    /// Reads scalers, makes autoscalers, activates.
    pub keda_operator: PathBuf,
    /// Serves KEDA's numbers to autoscalers.
    pub keda_adapter: PathBuf,
    /// The folder of KEDA's `CustomResourceDefinition`s.
    pub keda_crds: PathBuf,
}

impl Programs {
    /// Those in a folder, if all are there.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Option<Self> {
        let programs = Self {
            kube_controller_manager: folder.join("kube-controller-manager"),
            kube_scheduler: folder.join("kube-scheduler"),
            keda_operator: folder.join("keda-operator"),
            keda_adapter: folder.join("keda-adapter"),
            keda_crds: folder.join(DEFINITIONS),
        };
        let Self {
            kube_controller_manager,
            kube_scheduler,
            keda_operator,
            keda_adapter,
            keda_crds,
        } = &programs;
        let files = [kube_controller_manager, kube_scheduler, keda_operator, keda_adapter];
        let all = files.iter().all(|path| path.is_file()) && keda_crds.is_dir();
        all.then_some(programs)
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.keda_operator.parent().unwrap_or(&self.keda_operator)
    }
}

const SET: Set = Set {
    modules: &[
        Module {
            folder: "kubernetes",
            manifest: include_str!("../../cluster/kubernetes/go.mod"),
            sums: include_str!("../../cluster/kubernetes/go.sum"),
            programs: &[
                ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager"),
                ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler"),
            ],
            data: None,
        },
        Module {
            folder: "keda",
            manifest: include_str!("../../cluster/keda/go.mod"),
            sums: include_str!("../../cluster/keda/go.sum"),
            programs: &[
                ("keda-operator", "github.com/kedacore/keda/v2/cmd/operator"),
                ("keda-adapter", "github.com/kedacore/keda/v2/cmd/adapter"),
            ],
            data: Some(Data {
                module: "github.com/kedacore/keda/v2",
                folder: "config/crd/bases",
                name: DEFINITIONS,
            }),
        },
    ],
    why: "kube-controller-manager, kube-scheduler and KEDA are built with Go: the end-to-end run scales with the real \
          KEDA. It takes twenty to forty minutes on two cores, the first time only, and some 3 GB of Go's build cache.",
    what: "kube-controller-manager, kube-scheduler and KEDA",
    purpose: "run the whole product on a control plane with KEDA",
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
