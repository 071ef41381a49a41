//! The control plane's own directory: certificates, data, logs and kubeconfigs; and its ports.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use super::PodLife;
use super::login::Login;
use super::networks::Networks;
use super::pki::{Authority, Pair, service_account_key};
use crate::ports::free;
use crate::process::tail;

/// Who the API server is to servers that extend it.
pub(super) const FRONT_PROXY: &str = "front-proxy-client";

/// The directory; it goes when this value goes.
pub(super) struct Files {
    home: TempDir,
    authority: Authority,
    pub(super) ports: Ports,
    pub(super) networks: Networks,
}

/// The ports of one control plane, all on the loopback interface.
pub(super) struct Ports {
    pub(super) etcd: u16,
    pub(super) etcd_peers: u16,
    pub(super) api_server: u16,
    pub(super) kubelet: u16,
}

impl Files {
    /// Makes the directory with all that the programs read at their start.
    pub(super) fn write(pods: PodLife) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("zero-cluster-").tempdir()?;
        let [etcd, etcd_peers, api_server, kubelet] = free()?;
        let ports = Ports { etcd, etcd_peers, api_server, kubelet };
        let networks = Networks::claim()?;
        let files = Self { home, authority: Authority::new()?, ports, networks };
        files.add("ca.crt", &files.authority.pem())?;
        files.add_pair("api-server", &files.authority.server()?)?;
        files.add_pair("kubelet", &files.authority.server()?)?;
        let masters = Some("system:masters");
        files.add_pair(
            "api-server-to-kubelet",
            &files.authority.client("kube-apiserver", masters)?,
        )?;
        let key = service_account_key()?;
        files.add("service-accounts.key", &key.serialize_pem())?;
        files.add("service-accounts.pub", &key.public_key_pem())?;
        // An authority of its own: whoever has its certificate may speak in anybody's name.
        let aggregation = Authority::new()?;
        files.add("front-proxy-ca.crt", &aggregation.pem())?;
        files.add_pair("front-proxy", &aggregation.client(FRONT_PROXY, None)?)?;
        files.add("kwok.yaml", &stages(pods))?;
        files.add_kubeconfig("admin.kubeconfig", &Login::ADMIN)?;
        Ok(files)
    }

    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(super) fn server_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    /// A kubeconfig with a certificate of its own.
    pub(super) fn add_kubeconfig(&self, name: &str, login: &Login<'_>) -> anyhow::Result<PathBuf> {
        let pair = self.authority.client(login.user, login.group)?;
        self.add(name, &login.kubeconfig(&self.server_url(), &self.authority.pem(), &pair))?;
        Ok(self.path(name))
    }

    /// The ends of what the programs said.
    pub(super) fn last_words(&self) -> String {
        let logs = ["etcd.log", "kube-apiserver.log", "kwok.log"];
        logs.map(|name| format!("-- {name}\n{}", tail(&self.path(name)))).concat()
    }

    /// A folder with a certificate for both ends of connections between programs of this machine.
    pub(super) fn add_peers(&self, folder: &str) -> anyhow::Result<PathBuf> {
        fs::create_dir_all(self.path(folder))?;
        self.add(&format!("{folder}/ca.crt"), &self.authority.pem())?;
        self.add_pair(&format!("{folder}/tls"), &self.authority.peer()?)?;
        Ok(self.path(folder))
    }

    fn add(&self, name: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("write {name}"))
    }

    fn add_pair(&self, name: &str, pair: &Pair) -> anyhow::Result<()> {
        self.add(&format!("{name}.crt"), &pair.cert)?;
        self.add(&format!("{name}.key"), &pair.key)
    }
}

fn stages(pods: PodLife) -> String {
    let nodes = include_str!("../../cluster/kwok.yaml");
    match pods {
        PodLife::Played => [nodes, include_str!("../../cluster/kwok-pods.yaml")].join(""),
        PodLife::Ours => nodes.to_owned(),
    }
}
