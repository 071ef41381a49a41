//! Flags and kubeconfig → a client of the API server.

use std::path::Path;

use anyhow::{Context as _, Result};
use kube::config::{
    AuthInfo, Cluster, Context as KubeContext, KubeConfigOptions, Kubeconfig, NamedAuthInfo,
    NamedCluster, NamedContext,
};
use kube::{Client, Config};

use super::flags::ClusterArgs;
use crate::exit::Usage;

/// Under this name flags alone make a context, where there is no kubeconfig.
const FROM_FLAGS: &str = "flags";
/// Set in every pod.
const IN_A_POD: &str = "KUBERNETES_SERVICE_HOST";

/// A client, and the namespace that the kubeconfig or the pod names.
pub(super) async fn log_in(args: &ClusterArgs) -> Result<(Client, String)> {
    let mut config = config(args).await?;
    let user = &mut config.auth_info;
    user.impersonate = args.as_user.clone().or(user.impersonate.take());
    user.impersonate_uid = args.as_uid.clone().or(user.impersonate_uid.take());
    if !args.as_groups.is_empty() {
        user.impersonate_groups = Some(args.as_groups.clone());
    }
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
    let client = Client::try_from(config).context("cannot use the cluster's address or keys")?;
    Ok((client, namespace))
}

async fn config(args: &ClusterArgs) -> Result<Config> {
    let Some(kubeconfig) = read(args)? else {
        return Config::incluster().context(
            "there is no kubeconfig, and what a pod is given to reach its cluster is incomplete",
        );
    };
    let (kubeconfig, options) = overridden(kubeconfig, args);
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.context(
        "the kubeconfig does not lead to a cluster; `kubectl config get-contexts` lists what it has",
    )
}

/// `None`: we are in a pod and are to use what the pod was given.
fn read(args: &ClusterArgs) -> Result<Option<Kubeconfig>> {
    if let Some(file) = &args.kubeconfig {
        let read = Kubeconfig::read_from(file);
        return read.map(Some).with_context(|| format!("--kubeconfig {}", file.display()));
    }
    if let Some(found) = Kubeconfig::from_env().context("the kubeconfig that KUBECONFIG names")? {
        return Ok(Some(found));
    }
    let home = std::env::home_dir().map(|home| home.join(".kube").join("config"));
    if let Some(file) = home.filter(|file| file.is_file()) {
        let read = Kubeconfig::read_from(&file);
        return read.map(Some).with_context(|| format!("the kubeconfig {}", file.display()));
    }
    if args.server.is_some() {
        return Ok(Some(Kubeconfig::default()));
    }
    if std::env::var_os(IN_A_POD).is_some() {
        return Ok(None);
    }
    Err(Usage(
        "no broker is named and no cluster: there is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config) and this is no pod; name a broker with --amqp-uri or ZERO_AMQP_URI, e.g. amqp://zero@rabbitmq:5672/ with --password-file".into(),
    )
    .into())
}

/// PURE: the kubeconfig as the flags change it, and what to choose from it.
fn overridden(mut file: Kubeconfig, args: &ClusterArgs) -> (Kubeconfig, KubeConfigOptions) {
    let wanted = args.context.clone().or(file.current_context.clone());
    let mut context = wanted.clone();
    if wanted.is_none() && args.server.is_some() {
        context = Some(FROM_FLAGS.to_owned());
        file.contexts.push(flags_alone());
        file.clusters.push(named_cluster());
        file.auth_infos.push(named_user());
    }
    let chosen = file.contexts.iter().find(|known| Some(&known.name) == context.as_ref());
    let chosen = chosen.and_then(|known| known.context.clone());
    let cluster = args.cluster.clone().or(chosen.as_ref().map(|chosen| chosen.cluster.clone()));
    let user = args.user.clone().or(chosen.and_then(|chosen| chosen.user));
    for known in file.clusters.iter_mut().filter(|known| Some(&known.name) == cluster.as_ref()) {
        change_cluster(known.cluster.get_or_insert_default(), args);
    }
    for known in file.auth_infos.iter_mut().filter(|known| Some(&known.name) == user.as_ref()) {
        change_user(known.auth_info.get_or_insert_default(), args);
    }
    let (cluster, user) = (args.cluster.clone(), args.user.clone());
    (file, KubeConfigOptions { context, cluster, user })
}

fn change_cluster(cluster: &mut Cluster, args: &ClusterArgs) {
    cluster.server = args.server.clone().or(cluster.server.take());
    cluster.tls_server_name = args.tls_server_name.clone().or(cluster.tls_server_name.take());
    if let Some(file) = &args.certificate_authority {
        cluster.certificate_authority = Some(text(file));
        cluster.certificate_authority_data = None;
    }
    if args.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
    }
}

fn change_user(user: &mut AuthInfo, args: &ClusterArgs) {
    if let Some((certificate, key)) = args.client_certificate.as_ref().zip(args.client_key.as_ref())
    {
        *user = AuthInfo {
            client_certificate: Some(text(certificate)),
            client_key: Some(text(key)),
            ..AuthInfo::default()
        };
    }
}

fn text(file: &Path) -> String {
    file.display().to_string()
}

fn flags_alone() -> NamedContext {
    let context = KubeContext {
        cluster: FROM_FLAGS.to_owned(),
        user: Some(FROM_FLAGS.to_owned()),
        ..KubeContext::default()
    };
    NamedContext { name: FROM_FLAGS.to_owned(), context: Some(context), ..NamedContext::default() }
}

fn named_cluster() -> NamedCluster {
    NamedCluster { name: FROM_FLAGS.to_owned(), ..NamedCluster::default() }
}

fn named_user() -> NamedAuthInfo {
    NamedAuthInfo { name: FROM_FLAGS.to_owned(), ..NamedAuthInfo::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
apiVersion: v1
kind: Config
current-context: staging
contexts:
- {name: staging, context: {cluster: one, user: alice, namespace: provers}}
- {name: live, context: {cluster: two, user: bob}}
clusters:
- {name: one, cluster: {server: 'https://one:6443'}}
- {name: two, cluster: {server: 'https://two:6443', certificate-authority-data: QUJD}}
users:
- {name: alice, user: {}}
- {name: bob, user: {}}
";

    fn changed(args: &ClusterArgs) -> (Kubeconfig, KubeConfigOptions) {
        overridden(Kubeconfig::from_yaml(FILE).unwrap(), args)
    }

    #[test]
    fn flags_change_the_cluster_and_user_that_are_chosen_and_no_other() {
        let args = ClusterArgs {
            context: Some("live".into()),
            server: Some("https://127.0.0.1:1".into()),
            certificate_authority: Some("ca.pem".into()),
            client_certificate: Some("me.pem".into()),
            client_key: Some("me.key".into()),
            ..ClusterArgs::default()
        };
        let (file, options) = changed(&args);
        let cluster = |at: usize| file.clusters[at].cluster.clone().unwrap();
        assert_eq!(cluster(0).server.as_deref(), Some("https://one:6443"));
        assert_eq!(cluster(1).server.as_deref(), Some("https://127.0.0.1:1"));
        assert_eq!(cluster(1).certificate_authority_data, None, "the flag's file counts");
        let user = |at: usize| file.auth_infos[at].auth_info.clone().unwrap().client_key;
        assert_eq!((user(0), user(1).as_deref()), (None, Some("me.key")));
        assert_eq!(options.context.as_deref(), Some("live"));
    }

    #[test]
    fn without_a_kubeconfig_flags_alone_lead_to_a_cluster() {
        let server = Some("https://127.0.0.1:1".to_owned());
        let args = ClusterArgs { server: server.clone(), ..ClusterArgs::default() };
        let (file, options) = overridden(Kubeconfig::default(), &args);
        assert_eq!(options.context.as_deref(), Some(FROM_FLAGS));
        assert_eq!(file.clusters[0].cluster.as_ref().unwrap().server, server);
    }
}
