//! ScaledObjects: KEDA's annotations that hold their scaling, and their removal; what keeps workers in an outage.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::release::INSTANCE;
use super::{Asked, Cluster, Refusal};

/// KEDA's annotations; <https://keda.sh/docs/latest/concepts/scaling-deployments/#pausing-autoscaling>.
const PAUSED: &str = "autoscaling.keda.sh/paused";
const PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";
/// Known to KEDA from 2.18 on.
const PAUSED_SCALE_IN: &str = "autoscaling.keda.sh/paused-scale-in";
const PAUSED_SCALE_OUT: &str = "autoscaling.keda.sh/paused-scale-out";
const ALL: [&str; 4] = [PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_IN, PAUSED_SCALE_OUT];
/// KEDA's defaults, in seconds; <https://keda.sh/docs/latest/reference/scaledobject-spec/>.
const POLLING_INTERVAL: u64 = 30;
const COOLDOWN_PERIOD: u64 = 300;

/// How scaling is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// At as many replicas as there are.
    Here,
    /// At this many.
    At(u32),
    /// None may go; more may come.
    ScaleIn,
    /// None may come; some may go.
    ScaleOut,
}

/// A ScaledObject and how it is held, in KEDA's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scaled {
    /// Its name.
    pub(crate) name: String,
    /// What it scales.
    pub(crate) target: String,
    /// The annotations that hold it, without their common prefix.
    pub(crate) held: BTreeMap<String, String>,
    /// Why KEDA may take its workers away while nobody knows the backlog; `None`: it may not, or no external scaler is asked.
    pub(crate) exposed: Option<String>,
    /// The release it is labelled with.
    release: Option<String>,
}

impl Hold {
    fn annotation(self) -> (&'static str, String) {
        match self {
            Self::Here => (PAUSED, "true".to_owned()),
            Self::At(replicas) => (PAUSED_REPLICAS, replicas.to_string()),
            Self::ScaleIn => (PAUSED_SCALE_IN, "true".to_owned()),
            Self::ScaleOut => (PAUSED_SCALE_OUT, "true".to_owned()),
        }
    }
}

impl Scaled {
    /// Every ScaledObject of a namespace.
    pub(crate) async fn list(cluster: &Cluster, namespace: &str) -> Result<Vec<Self>, Refusal> {
        let asked = Asked { verb: "list", resource: "scaledobjects.keda.sh", namespace };
        let api = api(cluster, namespace);
        let listed = cluster.ask(asked, api.list(&ListParams::default())).await?;
        Ok(listed.items.into_iter().filter_map(Self::of).collect())
    }

    /// The same; none in a cluster without KEDA.
    pub(crate) async fn list_if_known(
        cluster: &Cluster,
        namespace: &str,
    ) -> Result<Vec<Self>, Refusal> {
        match Self::list(cluster, namespace).await {
            Err(refusal) if refusal.is_missing() => Ok(Vec::new()),
            outcome => outcome,
        }
    }

    /// Whether it belongs to a release by its labels.
    pub(crate) fn is_of(&self, release: &str) -> bool {
        self.release.as_deref() == Some(release)
    }

    /// Holds it in one way and in no other, or lets go of it.
    pub(crate) async fn hold(
        &self,
        cluster: &Cluster,
        namespace: &str,
        hold: Option<Hold>,
    ) -> Result<(), Refusal> {
        let asked = Asked { verb: "patch", resource: "scaledobjects.keda.sh", namespace };
        let (api, change) = (api(cluster, namespace), Patch::Merge(change(hold)));
        let params = PatchParams::default();
        cluster.ask(asked, api.patch(&self.name, &params, &change)).await.map(drop)
    }

    fn of(object: DynamicObject) -> Option<Self> {
        let annotations = object.metadata.annotations.unwrap_or_default();
        let stays = [PAUSED, PAUSED_REPLICAS, PAUSED_SCALE_IN];
        let stays = stays.into_iter().any(|key| annotations.contains_key(key));
        let held = annotations.into_iter().filter(|(key, _)| ALL.contains(&key.as_str()));
        let short = |key: String| key.rsplit('/').next().unwrap_or_default().to_owned();
        let target = object.data.pointer("/spec/scaleTargetRef");
        let part = |key| target.and_then(|target| target.get(key)).and_then(Value::as_str);
        let (kind, target) = (part("kind").unwrap_or("Deployment"), part("name").unwrap_or("?"));
        Some(Self {
            exposed: object.data.get("spec").filter(|_| !stays).and_then(exposed),
            name: object.metadata.name?,
            target: format!("{}/{target}", kind.to_lowercase()),
            held: held.map(|(key, value)| (short(key), value)).collect(),
            release: object.metadata.labels.and_then(|mut labels| labels.remove(INSTANCE)),
        })
    }
}

#[cfg(test)]
impl Scaled {
    /// One that scales the Deployment `worker`.
    pub(crate) fn labelled(name: &str, release: &str, held: BTreeMap<String, String>) -> Self {
        let (target, release) = ("deployment/worker".to_owned(), Some(release.to_owned()));
        Self { name: name.to_owned(), target, held, exposed: None, release }
    }
}

/// PURE: why, from a ScaledObject's spec. An error of its scaler makes KEDA 2.20 and 2.21 close it, and a poll that is
/// on its way then counts as no work: once the cooldown is over that is 0 replicas. With a fallback that counts by then
/// there is no error any more.
fn exposed(spec: &Value) -> Option<String> {
    let number = |pointer: &str| spec.pointer(pointer).and_then(Value::as_u64);
    let triggers = spec.get("triggers").and_then(Value::as_array)?;
    let is_external = |kind: &Value| kind.as_str().is_some_and(|kind| kind.starts_with("external"));
    let asks_one = triggers.iter().filter_map(|trigger| trigger.get("type")).any(is_external);
    let idle = number("/idleReplicaCount");
    if !asks_one || (number("/minReplicaCount").unwrap_or_default() > 0 && idle.is_none()) {
        return None;
    }
    let cooldown = number("/cooldownPeriod").unwrap_or(COOLDOWN_PERIOD);
    let Some(failures) = number("/fallback/failureThreshold") else {
        return Some(format!("has no `fallback`, and a `cooldownPeriod` of {cooldown} s"));
    };
    if number("/fallback/replicas") == Some(0) {
        return Some("has a `fallback` of 0 replicas".to_owned());
    }
    let polling = number("/pollingInterval").unwrap_or(POLLING_INTERVAL);
    let counts = failures.saturating_add(1).saturating_mul(polling);
    (counts >= cooldown).then(|| {
        format!(
            "has a `fallback` that may count after {counts} s only, and a `cooldownPeriod` of {cooldown} s"
        )
    })
}

/// PURE: a merge patch; `null` takes an annotation away.
fn change(hold: Option<Hold>) -> Value {
    let mut annotations: serde_json::Map<String, Value> =
        ALL.into_iter().map(|key| (key.to_owned(), Value::Null)).collect();
    if let Some((key, value)) = hold.map(Hold::annotation) {
        annotations.insert(key.to_owned(), value.into());
    }
    json!({"metadata": {"annotations": annotations}})
}

fn api(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("keda.sh", "v1alpha1", "ScaledObject");
    let resource = ApiResource::from_gvk_with_plural(&kind, "scaledobjects");
    Api::namespaced_with(cluster.client.clone(), namespace, &resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_held_in_one_way_only_and_let_go_of_in_all() {
        let annotations = |hold| change(hold)["metadata"]["annotations"].clone();
        let held = annotations(Some(Hold::At(0)));
        assert_eq!((&held[PAUSED_REPLICAS], &held[PAUSED]), (&json!("0"), &Value::Null));
        let free = annotations(None);
        assert!(ALL.iter().all(|key| free.get(key) == Some(&Value::Null)), "{free}");
    }

    #[test]
    fn what_holds_an_object_is_read_from_its_annotations() {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
            "metadata": {"name": "worker", "labels": {INSTANCE: "zero"},
                         "annotations": {PAUSED_REPLICAS: "2", "other": "x"}},
            "spec": {"scaleTargetRef": {"name": "zero-worker"}, "triggers": [{"type": "external"}]}
        }))
        .unwrap();
        let scaled = Scaled::of(object).unwrap();
        assert_eq!(scaled.target, "deployment/zero-worker");
        assert_eq!(scaled.held, BTreeMap::from([("paused-replicas".into(), "2".into())]));
        assert!(scaled.is_of("zero") && !scaled.is_of("other"));
        assert_eq!(scaled.exposed, None, "it stays at 2");
    }

    #[test]
    fn what_keeps_workers_in_an_outage_is_a_fallback_in_time() {
        let told = |more: Value| {
            let mut spec = json!({"triggers": [{"type": "external-push"}], "cooldownPeriod": 100,
                "pollingInterval": 20, "fallback": {"failureThreshold": 3, "replicas": 1}});
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            exposed(&spec)
        };
        assert_eq!(told(json!({})), None);
        let slow =
            "has a `fallback` that may count after 80 s only, and a `cooldownPeriod` of 80 s";
        assert_eq!(told(json!({"cooldownPeriod": 80})).unwrap(), slow);
        let none = "has no `fallback`, and a `cooldownPeriod` of 100 s";
        assert_eq!(told(json!({"fallback": null})).unwrap(), none);
        let zero = json!({"fallback": {"failureThreshold": 3, "replicas": 0}});
        assert_eq!(told(zero).unwrap(), "has a `fallback` of 0 replicas");
        assert_eq!(told(json!({"minReplicaCount": 1, "fallback": null})), None);
        let idle = json!({"minReplicaCount": 1, "idleReplicaCount": 0, "fallback": null});
        assert_eq!(told(idle).unwrap(), none);
        assert_eq!(told(json!({"triggers": [{"type": "rabbitmq"}], "fallback": null})), None);
    }
}
