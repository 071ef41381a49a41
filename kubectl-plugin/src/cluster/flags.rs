//! kubectl's own connection flags, by kubectl's own names.

use std::path::PathBuf;

use clap::Args;

/// A cluster, who we are in it, and one release.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Cluster")]
pub(crate) struct ClusterArgs {
    /// The namespace of the release; without it the kubeconfig's.
    #[arg(long, short, global = true, env = "ZERO_NAMESPACE", value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// The release, where a namespace has several.
    #[arg(long, global = true, env = "ZERO_RELEASE", value_name = "NAME")]
    pub(crate) release: Option<String>,
    /// The kubeconfig; without it KUBECONFIG, then ~/.kube/config, then the pod's own account.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig's cluster, instead of the context's.
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub(crate) cluster: Option<String>,
    /// The kubeconfig's user, instead of the context's.
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Act as this user; a service account is system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", global = true, hide_short_help = true, value_name = "USER")]
    pub(crate) as_user: Option<String>,
    /// Act as a member of this group. May be repeated.
    #[arg(
        long = "as-group",
        global = true,
        hide_short_help = true,
        requires = "as_user",
        value_name = "GROUP"
    )]
    pub(crate) as_groups: Vec<String>,
    /// Act as the user with this UID.
    #[arg(
        long = "as-uid",
        global = true,
        hide_short_help = true,
        requires = "as_user",
        value_name = "UID"
    )]
    pub(crate) as_uid: Option<String>,
    /// The API server's address.
    #[arg(long, short, global = true, hide_short_help = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The name in the API server's certificate, where it is not the address's.
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub(crate) tls_server_name: Option<String>,
    /// The certificate authority of the API server, PEM.
    #[arg(long, global = true, hide_short_help = true, value_name = "FILE")]
    pub(crate) certificate_authority: Option<PathBuf>,
    /// Trust whoever answers as the API server. Unsafe.
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Our certificate for the API server, PEM.
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        requires = "client_key",
        value_name = "FILE"
    )]
    pub(crate) client_certificate: Option<PathBuf>,
    /// The key of our certificate, PEM.
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        requires = "client_certificate",
        value_name = "FILE"
    )]
    pub(crate) client_key: Option<PathBuf>,
}

impl ClusterArgs {
    /// Whether the command line names a cluster, or something in one.
    pub(crate) fn names_any(&self) -> bool {
        let Self { namespace, release, context, cluster, server, .. } = self;
        let named = [namespace, release, context, cluster, server];
        named.iter().any(|name| name.is_some()) || self.kubeconfig.is_some()
    }
}
