//! Which KEDA runs in the cluster: what its operator's Deployment says.

use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::ListParams;

use super::{Asked, Cluster};

/// KEDA's manifests and its chart both label the operator's Deployment so.
const SELECTOR: &str = "app.kubernetes.io/name=keda-operator";
/// Both of them name the operator's Deployment, and the namespace by default, so.
const DEPLOYMENT: (&str, &str) = ("keda", "keda-operator");
/// The label of the version.
const VERSION: &str = "app.kubernetes.io/version";
/// Where its name is looked for among several containers.
const CONTAINER: &str = "keda-operator";

impl Cluster {
    /// KEDA's version, or why it is not known. Who may not list Deployments of all namespaces looks
    /// where KEDA is by default.
    pub(crate) async fn keda(&self) -> Result<String, String> {
        let everywhere = Asked { verb: "list", resource: "deployments.apps", namespace: "*" };
        let all: Api<Deployment> = Api::all(self.client.clone());
        let params = ListParams::default().labels(SELECTOR);
        let found = match self.ask(everywhere, all.list(&params)).await {
            Ok(listed) => listed.items.into_iter().next(),
            Err(refusal) if refusal.is_denied() => self.stock().await?,
            Err(refusal) => return Err(refusal.to_string()),
        };
        let found =
            found.ok_or("no Deployment is labelled as KEDA's operator: is it installed?")?;
        version(&found)
            .ok_or_else(|| "its Deployment names no version, and its image no tag".into())
    }

    async fn stock(&self) -> Result<Option<Deployment>, String> {
        let (namespace, name) = DEPLOYMENT;
        let asked = Asked { verb: "get", resource: "deployments.apps", namespace };
        match self.ask(asked, self.api::<Deployment>(namespace).get(name)).await {
            Ok(found) => Ok(Some(found)),
            Err(refusal) if refusal.is_missing() => Ok(None),
            Err(refusal) => Err(refusal.to_string()),
        }
    }
}

/// PURE: what the label says, else the tag of the operator's image.
fn version(deployment: &Deployment) -> Option<String> {
    let labels = deployment.metadata.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(VERSION)).filter(|text| !text.is_empty());
    label.cloned().or_else(|| {
        let containers = &deployment.spec.as_ref()?.template.spec.as_ref()?.containers;
        let named = containers.iter().find(|container| container.name == CONTAINER);
        tag(named.or(containers.first())?.image.as_deref()?)
    })
}

/// PURE: an image's tag; none of `registry:5000/name`, nor of a digest alone.
fn tag(image: &str) -> Option<String> {
    let (name, _digest) = image.split_once('@').unwrap_or((image, ""));
    let last = name.rsplit('/').next()?;
    last.split_once(':').map(|(_, tag)| tag.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(labels: &serde_json::Value, image: &str) -> Deployment {
        let containers =
            json!([{"name": "other", "image": "other:7"}, {"name": CONTAINER, "image": image}]);
        serde_json::from_value(json!({"metadata": {"labels": labels}, "spec": {
            "selector": {}, "template": {"spec": {"containers": containers}}}}))
        .unwrap()
    }

    #[test]
    fn the_label_says_it_else_the_images_tag_else_nobody() {
        let image = "ghcr.io/kedacore/keda:2.17.1@sha256:77b0aa";
        let told = |labels, image| version(&deployment(&labels, image));
        assert_eq!(told(json!({VERSION: "2.18.0"}), image).as_deref(), Some("2.18.0"));
        assert_eq!(told(json!({}), image).as_deref(), Some("2.17.1"));
        assert_eq!(told(json!({}), "registry:5000/keda"), None);
        assert_eq!(told(json!({}), "keda@sha256:77b0aa"), None);
    }
}
