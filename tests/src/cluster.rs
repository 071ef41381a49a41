//! A real Kubernetes control plane of one's own on the loopback interface, without containers.
//!
//! etcd, kube-apiserver and kubectl are the real ones. Nodes and their kubelets are played by KWOK, of the Kubernetes
//! project: a pod is running as soon as it is bound to a node, and its ports lead to whatever local ports a test names.
//! There are no controllers and no scheduler unless somebody adds them (`crate::e2e` does): nobody makes pods of a
//! Deployment, and a deleted namespace stays.
//!
//! Dropping the value ends everything, and a guard process does so when the owner itself is killed.

mod files;
mod forward;
mod login;
mod networks;
mod pki;
mod pod;
mod port_forward;
mod programs;
mod shared;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use crate::poll;
use crate::process::Process;
use crate::provision::kubernetes::Programs;
use crate::rabbitmq::guard::Guard;
use files::Files;
use forward::Forwards;
pub use login::Login;
pub use pod::Pod;
pub use port_forward::PortForward;
pub use shared::shared;

/// The API server is up in some four seconds; on a busy small machine it takes several times that.
const START_LIMIT: Duration = Duration::from_secs(90);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Another process may take a port between our look and the start.
const ATTEMPTS: usize = 3;
/// What the tests' pods run on.
const NODE: &str = "\
apiVersion: v1
kind: Node
metadata:
  name: node-0
  labels:
    kubernetes.io/hostname: node-0
";

/// Who says what becomes of pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodLife {
    /// KWOK: a pod is ready as soon as it is bound, and gone as soon as it is deleted.
    Played,
    /// Whoever has the control plane.
    Ours,
}

/// A control plane that belongs to this value.
pub struct ControlPlane {
    programs: Programs,
    processes: Vec<Process>,
    guard: Guard,
    files: Files,
    forwards: Mutex<BTreeMap<(String, String), Forwards>>,
    counter: AtomicU32,
}

impl ControlPlane {
    /// Starts a control plane and waits until it and its node are ready.
    pub fn start(programs: &Programs) -> anyhow::Result<Self> {
        Self::start_with(programs, PodLife::Played)
    }

    /// The same, with a say in what becomes of pods.
    pub fn start_with(programs: &Programs, pods: PodLife) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::first_start(programs, pods) {
                Err(error) if attempt < ATTEMPTS && is_bad_luck(&error) => attempt += 1,
                outcome => return outcome.context("start a Kubernetes control plane"),
            }
        }
    }

    fn first_start(programs: &Programs, pods: PodLife) -> anyhow::Result<Self> {
        let files = Files::write(pods)?;
        let guard = Guard::start(files.home())?;
        let mut plane = Self {
            programs: programs.clone(),
            processes: Vec::new(),
            guard,
            files,
            forwards: Mutex::default(),
            counter: AtomicU32::new(0),
        };
        match plane.bring_up(pods) {
            Ok(()) => Ok(plane),
            Err(error) => Err(error.context(plane.files.last_words())),
        }
    }

    fn bring_up(&mut self, pods: PodLife) -> anyhow::Result<()> {
        self.processes.push(self.programs.start_etcd(&self.files)?);
        self.processes.push(self.programs.start_api_server(&self.files)?);
        self.wait_for("the API server to be ready", |plane| {
            plane.kubectl(&["get", "--raw=/readyz"]).map(drop)
        })?;
        self.apply(include_str!("../cluster/crds.yaml"))?;
        if pods == PodLife::Played {
            self.apply(include_str!("../cluster/scaledobjects.yaml"))?;
        }
        self.apply(NODE)?;
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all"])?;
        self.processes.push(self.programs.start_kwok(&self.files)?);
        let kubelet = format!("http://127.0.0.1:{}/healthz", self.files.ports.kubelet);
        self.wait_for("the kubelet to be ready", |plane| {
            ureq::get(&kubelet).call().context("ask the kubelet")?;
            let wait = ["wait", "--for=condition=Ready", "--timeout=10s", "node/node-0"];
            plane.kubectl(&wait).map(drop)
        })
    }

    /// Waits, and gives up at once when one of the programs has ended.
    fn wait_for(
        &mut self,
        what: &str,
        mut probe: impl FnMut(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let died = poll::until_blocking(what, START_LIMIT, || {
            for process in &mut self.processes {
                match process.exited() {
                    Ok(None) => {}
                    Ok(Some(status)) => return Ok(Some(format!("a program ended: {status}"))),
                    Err(error) => return Ok(Some(format!("{error:#}"))),
                }
            }
            probe(self).map(|()| None).map_err(|error| format!("{error:#}"))
        })?;
        died.map_or(Ok(()), |why| bail!("{why}"))
    }

    /// The directory of this control plane, and the `HOME` of its processes.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.files.home()
    }

    /// Where the API server listens.
    #[must_use]
    pub fn server_url(&self) -> String {
        self.files.server_url()
    }

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.files.path("admin.kubeconfig")
    }

    /// A kubeconfig for somebody, with a client certificate of their own; it goes with the control plane.
    pub fn kubeconfig_for(&self, login: &Login<'_>) -> anyhow::Result<PathBuf> {
        self.files.add_kubeconfig(&format!("login-{}.kubeconfig", self.number()), login)
    }

    /// Runs the real kubectl as administrator for what it prints.
    pub fn kubectl(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = self.kubectl_as(&self.kubeconfig(), args)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`kubectl {}`: {}", args.join(" "), said.trim());
        String::from_utf8(output.stdout).context("kubectl did not print UTF-8")
    }

    /// Runs the real kubectl with a kubeconfig, to whatever end.
    pub fn kubectl_as(&self, kubeconfig: &Path, args: &[&str]) -> anyhow::Result<Output> {
        self.kubectl_command(kubeconfig).args(args).output().context("run kubectl")
    }

    /// The real kubectl with a kubeconfig, for what else may be done with it.
    #[must_use]
    pub fn kubectl_command(&self, kubeconfig: &Path) -> Command {
        let mut command = self.programs.kubectl(self.home(), kubeconfig);
        command.stdin(Stdio::null());
        command
    }

    /// Makes or changes what the YAML describes, as administrator.
    pub fn apply(&self, yaml: &str) -> anyhow::Result<()> {
        let file = self.files.path(&format!("applied-{}.yaml", self.number()));
        std::fs::write(&file, yaml).context("write what to apply")?;
        self.kubectl(&["apply", "--filename", &file.to_string_lossy()]).map(drop)
    }

    /// Makes a namespace that no other test has, its name made from the test's.
    pub fn namespace(&self, test: &str) -> anyhow::Result<String> {
        let start: String = test.replace('_', "-").chars().take(50).collect();
        let name = format!("{}-{}", start.trim_end_matches('-'), self.number());
        self.kubectl(&["create", "namespace", &name])?;
        Ok(name)
    }

    /// Makes a pod and waits until it is running and ready.
    pub fn pod(&self, pod: &Pod<'_>) -> anyhow::Result<()> {
        self.apply(&pod.manifest("node-0"))?;
        let name = format!("pod/{}", pod.name);
        let wait = ["wait", "--for=condition=Ready", "--timeout=30s", "--namespace", pod.namespace];
        self.kubectl(&[&wait[..], &[&name]].concat()).map(drop)
    }

    /// Lets a port of a pod lead to a port of the loopback interface, for whoever forwards it from now on.
    ///
    /// Unlike a kubelet, KWOK (0.8) hands on no end of a connection: the server is not told that its client has gone,
    /// and the client learns that the server has gone when it next sends something.
    pub fn forward(
        &self,
        namespace: &str,
        pod: &str,
        pod_port: u16,
        local_port: u16,
    ) -> anyhow::Result<()> {
        // Held to the end: of two changes of one pod the later must know the earlier.
        let mut all = self.forwards.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let forwards = all.entry((namespace.to_owned(), pod.to_owned())).or_default();
        forwards.add(pod_port, local_port);
        self.apply(&forwards.manifest(namespace, pod))?;
        poll::until_blocking("KWOK to know of the forward", START_LIMIT, || {
            forwards.in_effect(self.files.ports.kubelet, namespace, pod)
        })?;
        Ok(())
    }

    /// Forwards a free local port to a port of a pod, with the real `kubectl port-forward`.
    pub fn port_forward(
        &self,
        kubeconfig: &Path,
        namespace: &str,
        pod: &str,
        pod_port: u16,
    ) -> anyhow::Result<PortForward> {
        let mut command = self.programs.kubectl(self.home(), kubeconfig);
        command.args(["port-forward", "--address=127.0.0.1", "--namespace", namespace]);
        command.arg(format!("pod/{pod}")).arg(format!(":{pod_port}"));
        let log = self.files.path(&format!("port-forward-{}.log", self.number()));
        PortForward::start(command, self.home(), &log)
    }

    /// Starts one more program of the control plane; what it says goes into a file of that name.
    pub(crate) fn add_program(
        &mut self,
        program: &Path,
        log: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> anyhow::Result<()> {
        let mut command = programs::own(program, self.home());
        prepare(&mut command);
        self.processes.push(Process::spawn(command, self.home(), &self.files.path(log))?);
        Ok(())
    }

    /// The real kubectl.
    pub(crate) fn kubectl_program(&self) -> &Path {
        &self.programs.kubectl
    }

    /// The second number of the addresses that pods may have: 127.N.0.0/16 is this control plane's.
    pub(crate) fn pod_network(&self) -> u8 {
        self.files.networks.pods()
    }

    /// A file of the control plane's directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.files.path(name)
    }

    /// A folder with certificates for programs that are server and client to one another.
    pub(crate) fn peer_certificates(&self, folder: &str) -> anyhow::Result<PathBuf> {
        self.files.add_peers(folder)
    }

    /// How a program of the control plane has ended, if one has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<std::process::ExitStatus>> {
        for process in &mut self.processes {
            if let Some(status) = process.exited()? {
                return Ok(Some(status));
            }
        }
        Ok(None)
    }

    fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for process in &self.processes {
            let _ = process.signal(Signal::KILL);
        }
        for process in &mut self.processes {
            let _ = process.wait_gone(KILL_LIMIT);
        }
        self.guard.dismiss();
    }
}

/// A port was taken under our hands, or KWOK 0.8 fell over a race of its own, which it has at its start.
fn is_bad_luck(error: &anyhow::Error) -> bool {
    let words = format!("{error:#}");
    ["address already in use", "concurrent map writes"].iter().any(|told| words.contains(told))
}
