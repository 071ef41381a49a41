//! The API server, as far as the protection of busy workers goes: pods and one Lease. Types of
//! Kubernetes stay in here.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::coordination::v1::{Lease as ApiLease, LeaseSpec};
use k8s_openapi::api::core::v1::Pod as ApiPod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, Resource};
use kube::{Client, Config, Error};
use serde_json::json;

use crate::clock;
use crate::election::{LEASE_DURATION, Lease};
use crate::protect::{ANNOTATION, Change, LeaseName, Pod, PodName, Target};

/// Bounds each request: a look at the Lease and its renewal must fit well into what a leader may
/// act for without one.
const LIMIT: Duration = Duration::from_secs(3);
/// Said of us in the API server's records.
const MANAGER: &str = "zero-scaler";

/// A client of the API server.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    namespace: String,
}

/// What is asked, in the words that RBAC has for it.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    verb: &'static str,
    resource: &'static str,
    namespace: &'a str,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// The pod has gone, and perhaps another of its name has come.
    Gone,
}

impl Cluster {
    /// Uses the kubeconfig that `KUBECONFIG` names, else what a pod is given. Nothing is asked yet.
    pub async fn log_in() -> Result<Self> {
        let config = Config::infer().await.context(
            "no cluster to protect workers in: this is no pod with a service account, and KUBECONFIG names no kubeconfig",
        )?;
        let namespace = config.default_namespace.clone();
        let client =
            Client::try_from(config).context("cannot use the cluster's address or keys")?;
        Ok(Self { client, namespace })
    }

    /// The pods of a target that still run and are not told to end.
    pub async fn pods(&self, target: &Target) -> Result<Vec<Pod>, String> {
        let asked = Asked { verb: "list", resource: "pods", namespace: &target.namespace };
        let selected = ListParams::default().labels(&target.selector);
        let listed = ask(asked, self.api::<ApiPod>(asked).list(&selected)).await?;
        let pods = listed.items.into_iter().filter_map(|pod| protectable(pod, &target.namespace));
        Ok(pods.collect())
    }

    /// Changes the cost of a pod, if it is still the same one.
    pub async fn change(&self, change: &Change) -> Result<Changed, String> {
        let PodName { namespace, name } = &change.pod;
        let asked = Asked { verb: "patch", resource: "pods", namespace };
        let cost = change.cost.map(|cost| cost.to_string());
        let body = json!({"metadata": {"uid": change.uid, "annotations": {ANNOTATION: cost}}});
        let params =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(body);
        let api = self.api::<ApiPod>(asked);
        let request = async {
            match api.patch(name, &params, &patch).await {
                Ok(_) => Ok(Changed::Done),
                Err(Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Changed::Gone),
                Err(error) => Err(error),
            }
        };
        ask(asked, request).await
    }

    /// The Lease; `None`: there is none yet.
    pub async fn lease(&self, name: &LeaseName) -> Result<Option<Lease>, String> {
        let asked = Asked { verb: "get", resource: "leases", namespace: self.namespace_of(name) };
        let found = ask(asked, self.api::<ApiLease>(asked).get_opt(&name.name)).await?;
        Ok(found.map(read))
    }

    /// Makes the Lease, held by `me`. `false`: another was faster.
    pub async fn make_lease(&self, name: &LeaseName, me: &str) -> Result<bool, String> {
        let asked =
            Asked { verb: "create", resource: "leases", namespace: self.namespace_of(name) };
        let api = self.api::<ApiLease>(asked);
        let (lease, params) = (written(name, Some(me), None), PostParams::default());
        unless_taken(asked, async { api.create(&params, &lease).await.map(drop) }).await
    }

    /// Replaces the Lease as it was read by one held by `me`, or by nobody. `false`: it has changed
    /// meanwhile.
    pub async fn replace_lease(
        &self,
        name: &LeaseName,
        me: Option<&str>,
        seen: &Lease,
    ) -> Result<bool, String> {
        let asked =
            Asked { verb: "update", resource: "leases", namespace: self.namespace_of(name) };
        let api = self.api::<ApiLease>(asked);
        let (lease, params) = (written(name, me, Some(seen)), PostParams::default());
        unless_taken(asked, async { api.replace(&name.name, &params, &lease).await.map(drop) })
            .await
    }

    fn namespace_of<'a>(&'a self, name: &'a LeaseName) -> &'a str {
        name.namespace.as_deref().unwrap_or(&self.namespace)
    }

    fn api<K>(&self, asked: Asked<'_>) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), asked.namespace)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

async fn ask<T>(
    asked: Asked<'_>,
    answer: impl Future<Output = kube::Result<T>>,
) -> Result<T, String> {
    match tokio::time::timeout(LIMIT, answer).await {
        Ok(answer) => answer.map_err(|error| refusal(asked, &error)),
        Err(_) => Err(format!("cannot {}: no answer within {} s", act(asked), LIMIT.as_secs())),
    }
}

/// `false`: 409, somebody else wrote at the same time.
async fn unless_taken(
    asked: Asked<'_>,
    writing: impl Future<Output = kube::Result<()>>,
) -> Result<bool, String> {
    let request = async {
        match writing.await {
            Ok(()) => Ok(true),
            Err(Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    };
    ask(asked, request).await
}

fn act(Asked { verb, resource, namespace }: Asked<'_>) -> String {
    format!("{verb} {resource} in namespace `{namespace}`")
}

fn refusal(asked: Asked<'_>, error: &Error) -> String {
    let act = act(asked);
    let Error::Api(status) = error else {
        return format!("cannot {act}: {}", amqp_admin::chain(error));
    };
    let said = &status.message;
    match status.code {
        403 => format!(
            "the cluster does not let us {act}: {said}; docs/operations.md has the Role that is needed"
        ),
        code => format!("cannot {act}: {code} {said}"),
    }
}

/// `None`: it is ending or has ended, so no `ReplicaSet` chooses it any more.
fn protectable(pod: ApiPod, namespace: &str) -> Option<Pod> {
    let status = pod.status.unwrap_or_default();
    let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    if has_ended || pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let all = status.pod_ips.unwrap_or_default().into_iter().map(|address| address.ip);
    let mut addresses: Vec<IpAddr> =
        all.chain(status.pod_ip).filter_map(|address| address.parse().ok()).collect();
    addresses.sort();
    addresses.dedup();
    Some(Pod {
        name: PodName { namespace: namespace.to_owned(), name: pod.metadata.name? },
        uid: pod.metadata.uid?,
        addresses,
        cost: pod.metadata.annotations.and_then(|mut all| all.remove(ANNOTATION)),
    })
}

fn read(lease: ApiLease) -> Lease {
    let spec = lease.spec.unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Lease {
        holder: spec.holder_identity,
        duration: seconds.map_or(LEASE_DURATION, Duration::from_secs),
        renewed: spec.renew_time.map(|time| time.0.to_string()).unwrap_or_default(),
        transitions: spec.lease_transitions.unwrap_or_default(),
        version: lease.metadata.resource_version.unwrap_or_default(),
        labels: lease.metadata.labels.unwrap_or_default(),
        annotations: lease.metadata.annotations.unwrap_or_default(),
    }
}

/// Held by nobody it is believed for a second, as Kubernetes' own components leave it.
fn written(name: &LeaseName, me: Option<&str>, seen: Option<&Lease>) -> ApiLease {
    let seconds = if me.is_some() { LEASE_DURATION.as_secs() } else { 1 };
    let before = seen.and_then(|seen| seen.holder.as_deref());
    let transitions = seen.map_or(0, |seen| seen.transitions);
    let changes_hands = me.is_some() && seen.is_some() && before != me;
    let now = MicroTime(clock::wall());
    ApiLease {
        metadata: ObjectMeta {
            name: Some(name.name.clone()),
            resource_version: seen.map(|seen| seen.version.clone()),
            labels: seen.map(|seen| seen.labels.clone()),
            annotations: seen.map(|seen| seen.annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(me.unwrap_or_default().to_owned()),
            lease_duration_seconds: i32::try_from(seconds).ok(),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions.saturating_add(i32::from(changes_hands))),
            ..LeaseSpec::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_to_the_lease_stays() {
        let name = LeaseName { namespace: None, name: "zero-scaler".to_owned() };
        let mut made = written(&name, Some("me"), None);
        let label = [("helm".to_owned(), "zero".to_owned())].into();
        made.metadata.labels = Some(label);
        made.metadata.annotations = made.metadata.labels.clone();
        let again = written(&name, Some("other"), Some(&read(made.clone())));
        assert_eq!(again.metadata.labels, made.metadata.labels);
        assert_eq!(again.metadata.annotations, made.metadata.annotations);
        assert_eq!(again.spec.unwrap().lease_transitions, Some(1));
    }
}
