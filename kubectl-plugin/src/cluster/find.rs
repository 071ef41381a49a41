//! Finds the release, and reads its Secrets.

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use kube::api::ListParams;

use super::release::{OPERATOR_SELECTOR, SELECTOR, choose};
use super::{Asked, Cluster, Refusal, Release};

/// The release of that name in the namespace, or the only one.
pub(crate) async fn find(cluster: &Cluster, wanted: Option<&str>) -> Result<Release> {
    let (told, denied) = match of_config_maps(cluster).await {
        // What we are not let see may be what is looked for.
        Err(refusal) if refusal.is_denied() => (Vec::new(), Some(refusal)),
        outcome => (outcome?, None),
    };
    if !told.is_empty() {
        return choose(usable(told)?, wanted, &cluster.namespace);
    }
    match (of_operator(cluster).await, denied) {
        (Err(_), Some(refusal)) => Err(refusal.into()),
        (Ok(found), Some(refusal)) if found.is_empty() => Err(refusal.into()),
        (found, _) => choose(found?, wanted, &cluster.namespace),
    }
}

/// Releases that say where their broker is; with none, why the first does not.
fn usable(told: Vec<Result<Release, String>>) -> Result<Vec<Release>> {
    let (good, bad): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
    match bad.into_iter().find_map(Result::err) {
        Some(fault) if good.is_empty() => {
            bail!("{fault}: set it, or name the broker with --amqp-uri")
        }
        _ => Ok(good.into_iter().flatten().collect()),
    }
}

async fn of_config_maps(cluster: &Cluster) -> Result<Vec<Result<Release, String>>, Refusal> {
    let namespace = cluster.namespace.as_str();
    let asked = Asked { verb: "list", resource: "configmaps", namespace };
    let api = cluster.api::<ConfigMap>(namespace);
    let maps = cluster.ask(asked, api.list(&ListParams::default().labels(SELECTOR))).await?;
    let releases = maps.items.into_iter().map(|map| {
        let (labels, name) = (map.metadata.labels.unwrap_or_default(), map.metadata.name);
        let object = (namespace, name.as_deref().unwrap_or_default());
        Release::of_config_map(object, &labels, map.data.unwrap_or_default())
    });
    Ok(releases.collect())
}

async fn of_operator(cluster: &Cluster) -> Result<Vec<Release>, Refusal> {
    let namespace = cluster.namespace.as_str();
    let asked = Asked { verb: "list", resource: "services", namespace };
    let api = cluster.api::<Service>(namespace);
    let labelled = ListParams::default().labels(OPERATOR_SELECTOR);
    let services = cluster.ask(asked, api.list(&labelled)).await?;
    let names = services.items.into_iter().filter_map(|service| service.metadata.name);
    Ok(names.filter_map(|name| Release::of_operator_service(namespace, &name)).collect())
}

impl Release {
    /// The values of a Secret of the release under these keys.
    pub(crate) async fn secret<const N: usize>(
        &self,
        cluster: &Cluster,
        name: &str,
        keys: [&str; N],
    ) -> Result<[Vec<u8>; N]> {
        let namespace = self.namespace.as_str();
        let asked = Asked { verb: "get", resource: "secrets", namespace };
        let secret = cluster.ask(asked, cluster.api::<Secret>(namespace).get(name)).await;
        let secret = secret.with_context(|| {
            format!("cannot read the Secret `{name}`, where the broker's credentials are; --username-file and --password-file do without it")
        })?;
        let data = secret.data.unwrap_or_default();
        if let Some(key) = keys.iter().find(|key| !data.contains_key(**key)) {
            bail!("the Secret `{name}` in `{namespace}` has no `{key}`");
        }
        Ok(keys.map(|key| data.get(key).map(|value| value.0.clone()).unwrap_or_default()))
    }
}
