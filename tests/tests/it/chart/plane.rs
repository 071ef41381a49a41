//! A control plane that knows every custom resource of the chart by its real definition.

use std::path::Path;
use std::sync::OnceLock;

use tests::cluster::ControlPlane;
use tests::harness::env;
use tests::helm::{Generation, Helm};
use tests::provision::{helm, kubernetes};

/// The programs of a control plane and Helm, and the plane that the tests of this folder share.
pub(super) struct Place {
    pub(super) plane: &'static ControlPlane,
    pub(super) helm: Helm,
    kubeconfig: String,
}

/// A value in a `static` is never dropped: the control plane's guard ends it with the process.
static PLANE: OnceLock<ControlPlane> = OnceLock::new();

impl Place {
    /// `None` when there are no programs, said aloud.
    pub(super) fn find(test: &str, generation: Generation) -> Option<Self> {
        let programs = tests::helm::programs(test)?;
        let plane = PLANE.get_or_init(|| start(&programs));
        let helm = Helm::of(&programs, generation).unwrap();
        let kubeconfig = plane.kubeconfig().to_str().unwrap().to_owned();
        Some(Self { plane, helm, kubeconfig })
    }

    /// Helm on the cluster: whether it went well, and all that it said.
    pub(super) fn helm(&self, namespace: &str, args: &[&str]) -> (bool, String) {
        let place = ["--namespace", namespace, "--kubeconfig", &self.kubeconfig];
        let output = self.helm.run(&[args, &place].concat()).unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// Helm, which has to go well.
    pub(super) fn helm_does(&self, namespace: &str, args: &[&str]) -> String {
        let (well, said) = self.helm(namespace, args);
        assert!(well, "helm {}: {said}", args.join(" "));
        said
    }
}

fn start(programs: &helm::Programs) -> ControlPlane {
    let folder = std::env::var_os(env::CLUSTER_DIR);
    let found = match folder {
        Some(folder) => kubernetes::Programs::in_folder(Path::new(&folder)),
        None => kubernetes::programs(),
    };
    let plane = ControlPlane::start(&found.expect("Helm is there and the control plane is not"));
    let plane = plane.unwrap();
    for folder in &programs.definitions {
        // Some are too large for the annotation that a plain apply leaves.
        let folder = folder.to_str().unwrap();
        let apply = ["apply", "--server-side", "--force-conflicts", "--filename", folder];
        plane.kubectl(&apply).unwrap();
    }
    let established = ["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"];
    plane.kubectl(&established).unwrap();
    plane
}

/// A namespace in which only pods of the strictest standard may be.
pub(super) fn restricted(plane: &ControlPlane, test: &str) -> String {
    let namespace = plane.namespace(test).unwrap();
    let labels =
        ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
    let [enforce, warn] = labels.each_ref().map(String::as_str);
    plane.kubectl(&["label", "namespace", &namespace, enforce, warn]).unwrap();
    namespace
}
