//! A Kubernetes Event for what was changed, by whom and why.

use anyhow::Result;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::PostParams;

use super::{Asked, Cluster, Refusal, Release};

/// An Event's message is cut there by the API server's rules.
const LONGEST: usize = 1024;
/// What the Event is reported by.
const REPORTER: &str = "kubectl-zero";

/// How our Events are told from others.
const REASON: &str = "ZeroChange";

/// Records on the release what was done, in a sentence or two.
pub(crate) async fn record(
    cluster: &Cluster,
    release: &Release,
    message: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    let who = who_are_we(cluster).await.unwrap_or_else(|| "unknown".to_owned());
    let event = event(release, &format!("{message} (by {who})"), now);
    let namespace = release.namespace.as_str();
    let asked = Asked { verb: "create", resource: "events", namespace };
    let api = cluster.api::<Event>(namespace);
    cluster.ask(asked, api.create(&PostParams::default(), &event)).await.map(drop)
}

/// Every user may ask that; older clusters than 1.28 do not know it.
async fn who_are_we(cluster: &Cluster) -> Option<String> {
    let api = Api::<SelfSubjectReview>::all(cluster.client.clone());
    let asked = Asked { verb: "create", resource: "selfsubjectreviews", namespace: "" };
    let (params, review) = (PostParams::default(), SelfSubjectReview::default());
    let answer = cluster.ask(asked, api.create(&params, &review)).await.ok()?;
    answer.status?.user_info?.username
}

fn event(release: &Release, message: &str, now: Timestamp) -> Event {
    let (kind, name) = &release.found_by;
    let namespace = Some(release.namespace.clone());
    let object = ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some((*kind).to_owned()),
        name: Some(name.clone()),
        namespace: namespace.clone(),
        ..ObjectReference::default()
    };
    let generate_name = Some(format!("{name}."));
    Event {
        metadata: ObjectMeta { generate_name, namespace, ..ObjectMeta::default() },
        involved_object: object,
        reason: Some(REASON.to_owned()),
        message: Some(message.chars().take(LONGEST).collect()),
        type_: Some("Normal".to_owned()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource { component: Some(REPORTER.to_owned()), host: None }),
        ..Event::default()
    }
}
