//! How a release stands in its cluster: volumes and pods that wait, and what the cluster says of pods it does not make.

use k8s_openapi::api::core::v1::{ContainerStatus, Event, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;

use super::release::INSTANCE;
use super::{Asked, Cluster, Refusal, Release, Scaled};

/// The ConfigMap of a release is called after it, with this behind.
const CONNECTION: &str = "-connection";
/// The phase of a volume that can be used.
const BOUND: &str = "Bound";

/// What was seen of a release; each part, or why it could not be looked at.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Claims that have no volume.
    pub(crate) claims: Result<Vec<Claim>, String>,
    /// Pods that wait.
    pub(crate) pods: Result<Vec<Waiting>, String>,
    /// Warnings about objects of the release, the newest last.
    pub(crate) warnings: Result<Vec<Warning>, String>,
    /// The ScaledObjects of its namespace, whoever made them.
    pub(crate) scaled: Result<Vec<Scaled>, String>,
}

/// A claim that has no volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its name.
    pub(crate) name: String,
    /// Its `StorageClass`; the cluster puts its default here if it has one.
    pub(crate) class: Option<String>,
}

/// A pod that waits, for whatever its reason says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Its name.
    pub(crate) pod: String,
    /// Kubernetes' word: `Unschedulable`, `ImagePullBackOff`, …
    pub(crate) reason: String,
    /// What it says besides.
    pub(crate) message: String,
    /// The image, where it is about one.
    pub(crate) image: Option<String>,
}

/// An Event of the type `Warning`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// Kind and name of what it is about, `Deployment/zero-worker`.
    pub(crate) about: String,
    /// What it says.
    pub(crate) message: String,
}

impl Standing {
    /// Asks for all of it.
    pub(crate) async fn read(cluster: &Cluster, release: &Release) -> Self {
        let ours = ListParams::default().labels(&format!("{INSTANCE}={}", release.name));
        let warnings = ListParams::default().fields("type=Warning");
        let namespace = release.namespace.as_str();
        let (claims, pods, events, scaled) = tokio::join!(
            listed::<PersistentVolumeClaim>(cluster, ("persistentvolumeclaims", namespace), &ours),
            listed::<Pod>(cluster, ("pods", namespace), &ours),
            listed::<Event>(cluster, ("events", namespace), &warnings),
            Scaled::list_if_known(cluster, namespace),
        );
        let object = release.found_by.1.as_str();
        let stem = object.strip_suffix(CONNECTION).unwrap_or(object).to_owned();
        Self {
            claims: claims.map(|all| all.into_iter().filter_map(without_volume).collect()),
            pods: pods.map(|all| all.into_iter().flat_map(waits).collect()),
            warnings: events.map(|all| warnings_about(all, &stem)),
            scaled: scaled.map_err(|refusal| refusal.to_string()),
        }
    }
}

async fn listed<K>(
    cluster: &Cluster,
    (resource, namespace): (&'static str, &str),
    which: &ListParams,
) -> Result<Vec<K>, String>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let asked = Asked { verb: "list", resource, namespace };
    let api: Api<K> = cluster.api(namespace);
    let listed = cluster.ask(asked, api.list(which)).await;
    listed.map(|list| list.items).map_err(|refusal: Refusal| refusal.to_string())
}

fn without_volume(claim: PersistentVolumeClaim) -> Option<Claim> {
    let phase = claim.status.and_then(|status| status.phase);
    let name = claim.metadata.name.filter(|_| phase.as_deref() != Some(BOUND))?;
    Some(Claim { name, class: claim.spec.and_then(|spec| spec.storage_class_name) })
}

fn waits(pod: Pod) -> Vec<Waiting> {
    let name = pod.metadata.name.unwrap_or_default();
    let Some(status) = pod.status else { return Vec::new() };
    let unscheduled = status
        .conditions
        .into_iter()
        .flatten()
        .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    let unscheduled = unscheduled.map(|condition| Waiting {
        pod: name.clone(),
        reason: condition.reason.unwrap_or_default(),
        message: condition.message.unwrap_or_default(),
        image: None,
    });
    let containers = [status.init_container_statuses, status.container_statuses];
    let containers = containers.into_iter().flatten().flatten();
    let held = containers.filter_map(|container| waiting(&name, container));
    unscheduled.chain(held).collect()
}

fn waiting(pod: &str, container: ContainerStatus) -> Option<Waiting> {
    let waiting = container.state?.waiting?;
    Some(Waiting {
        pod: pod.to_owned(),
        reason: waiting.reason.unwrap_or_default(),
        message: waiting.message.unwrap_or_default(),
        image: Some(container.image),
    })
}

/// Of everything in the namespace what is about the release, whose objects are called after it.
fn warnings_about(events: Vec<Event>, stem: &str) -> Vec<Warning> {
    let mut events = events;
    events.sort_by_key(|event| {
        let last = event.last_timestamp.as_ref().map(|time| time.0);
        last.or(event.event_time.as_ref().map(|time| time.0))
    });
    let ours = |event: Event| {
        let (kind, name) = (event.involved_object.kind?, event.involved_object.name?);
        let rest = name.strip_prefix(stem)?;
        (rest.is_empty() || rest.starts_with('-')).then(|| Warning {
            about: format!("{kind}/{name}"),
            message: event.message.unwrap_or_default(),
        })
    };
    events.into_iter().filter_map(ours).collect()
}
