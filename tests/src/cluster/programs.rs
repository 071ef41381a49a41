//! The command lines of etcd, the API server, KWOK and kubectl.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use super::files::{FRONT_PROXY, Files};
use crate::process::Process;
use crate::provision::kubernetes::Programs;

impl Programs {
    pub(super) fn start_etcd(&self, files: &Files) -> anyhow::Result<Process> {
        let clients = format!("http://127.0.0.1:{}", files.ports.etcd);
        let peers = format!("http://127.0.0.1:{}", files.ports.etcd_peers);
        let mut command = own(&self.etcd, files.home());
        command.args(["--name", "tests", "--data-dir"]).arg(files.path("etcd"));
        command.args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients]);
        command.args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers]);
        command.args(["--initial-cluster", &format!("tests={peers}")]);
        command.arg("--log-level=warn");
        // Nobody reads the data after a crash.
        command.arg("--unsafe-no-fsync");
        Process::spawn(command, files.home(), &files.path("etcd.log"))
    }

    pub(super) fn start_api_server(&self, files: &Files) -> anyhow::Result<Process> {
        let mut command = own(&self.kube_apiserver, files.home());
        command.args([
            // Nobody finds this server through the cluster, and a loopback address may not be an endpoint.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            "--bind-address=127.0.0.1",
            &format!("--secure-port={}", files.ports.api_server),
            &format!("--etcd-servers=http://127.0.0.1:{}", files.ports.etcd),
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            // On the loopback interface, so that somebody can listen there.
            &format!("--service-cluster-ip-range={}", files.networks.services()),
            // The one wants each namespace to have a service account, the other gives nodes a taint: the controllers
            // that make these and take them away do not run.
            "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition",
            "--kubelet-preferred-address-types=InternalIP",
            "--profiling=false",
            // Servers that extend the API believe it who is asking.
            &format!("--requestheader-allowed-names={FRONT_PROXY}"),
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        ]);
        let paths = [
            ("--requestheader-client-ca-file", "front-proxy-ca.crt"),
            ("--proxy-client-cert-file", "front-proxy.crt"),
            ("--proxy-client-key-file", "front-proxy.key"),
            ("--client-ca-file", "ca.crt"),
            ("--tls-cert-file", "api-server.crt"),
            ("--tls-private-key-file", "api-server.key"),
            ("--service-account-key-file", "service-accounts.pub"),
            ("--service-account-signing-key-file", "service-accounts.key"),
            ("--kubelet-certificate-authority", "ca.crt"),
            ("--kubelet-client-certificate", "api-server-to-kubelet.crt"),
            ("--kubelet-client-key", "api-server-to-kubelet.key"),
        ];
        add_paths(&mut command, files, &paths);
        Process::spawn(command, files.home(), &files.path("kube-apiserver.log"))
    }

    /// KWOK reads what it plays of kubelets from the API server: the definitions must be there.
    pub(super) fn start_kwok(&self, files: &Files) -> anyhow::Result<Process> {
        let mut command = own(&self.kwok, files.home());
        command.args([
            "--manage-all-nodes=true",
            "--enable-crds=PortForward,Logs,Exec",
            "--node-ip=127.0.0.1",
            &format!("--node-port={}", files.ports.kubelet),
            &format!("--server-address=127.0.0.1:{}", files.ports.kubelet),
        ]);
        let paths = [
            ("--config", "kwok.yaml"),
            ("--kubeconfig", "admin.kubeconfig"),
            ("--tls-cert-file", "kubelet.crt"),
            ("--tls-private-key-file", "kubelet.key"),
        ];
        add_paths(&mut command, files, &paths);
        Process::spawn(command, files.home(), &files.path("kwok.log"))
    }

    /// The real kubectl with a kubeconfig, its caches in the control plane's own directory.
    pub(super) fn kubectl(&self, home: &Path, kubeconfig: &Path) -> Command {
        let mut command = own(&self.kubectl, home);
        command.env("KUBECONFIG", kubeconfig);
        command
    }
}

/// Nothing of the caller's environment but the path; `HOME` is how the guard knows our processes.
pub(super) fn own(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .current_dir(home);
    command
}

fn add_paths(command: &mut Command, files: &Files, paths: &[(&str, &str)]) {
    for (option, name) in paths {
        let mut argument = OsString::from(format!("{option}="));
        argument.push(files.path(name));
        command.arg(argument);
    }
}
