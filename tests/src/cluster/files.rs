//! The control plane's own directory: certificates, data, logs and kubeconfigs; and its ports.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use super::login::Login;
use super::pki::{Authority, Pair, service_account_key};
use crate::ports::free;
use crate::process::tail;

/// The directory; it goes when this value goes.
pub(super) struct Files {
    home: TempDir,
    authority: Authority,
    pub(super) ports: Ports,
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
    pub(super) fn write() -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("zero-cluster-").tempdir()?;
        let [etcd, etcd_peers, api_server, kubelet] = free()?;
        let ports = Ports { etcd, etcd_peers, api_server, kubelet };
        let files = Self { home, authority: Authority::new()?, ports };
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
        files.add("kwok.yaml", include_str!("../../cluster/kwok.yaml"))?;
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

    fn add(&self, name: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.path(name), text).with_context(|| format!("write {name}"))
    }

    fn add_pair(&self, name: &str, pair: &Pair) -> anyhow::Result<()> {
        self.add(&format!("{name}.crt"), &pair.cert)?;
        self.add(&format!("{name}.key"), &pair.key)
    }
}
