//! Which pod stands behind a Service, and which pod an address belongs to.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;

use super::{Asked, Cluster, Refusal};

/// The names of pods by their addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pods {
    names: BTreeMap<String, String>,
}

impl Pods {
    /// Asks for every pod of a namespace.
    pub(crate) async fn read(cluster: &Cluster, namespace: &str) -> Result<Self, Refusal> {
        let asked = Asked { verb: "list", resource: "pods", namespace };
        let api = cluster.api::<Pod>(namespace);
        let listed = cluster.ask(asked, api.list(&ListParams::default())).await?;
        Ok(Self { names: listed.items.into_iter().filter_map(address_and_name).collect() })
    }

    /// The pod that has this address.
    pub(crate) fn name(&self, address: &str) -> Option<&str> {
        self.names.get(address).map(String::as_str)
    }
}

/// Pods on their node's own network have no address that is theirs alone.
fn address_and_name(pod: Pod) -> Option<(String, String)> {
    let shared = pod.spec.and_then(|spec| spec.host_network).unwrap_or_default();
    let address = pod.status.and_then(|status| status.pod_ip).filter(|_| !shared)?;
    Some((address, pod.metadata.name?))
}

/// PURE: what finds the pods behind a Service.
pub(super) fn selector(service: &Service) -> Result<String> {
    let labels = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    let labels = labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let selector = labels.collect::<Vec<_>>().join(",");
    if selector.is_empty() {
        let name = name(service);
        bail!(
            "the Service `{name}` has no selector, so nothing says which pod is behind it; name the broker with --amqp-uri"
        );
    }
    Ok(selector)
}

/// PURE: a ready one of the pods behind a Service, and the pod's port for the Service's.
pub(super) fn ready_pod(service: &Service, behind: &[Pod], port: u16) -> Result<(String, u16)> {
    let name = name(service);
    let Some(pod) = behind.iter().find(|pod| is_ready(pod)) else {
        let namespace = service.metadata.namespace.as_deref().unwrap_or_default();
        let selector = selector(service)?;
        bail!(
            "none of the {} pods of the Service `{name}` is ready: `kubectl -n {namespace} get pods -l {selector}` shows them",
            behind.len()
        );
    };
    let target = target_port(service, pod, port).with_context(|| {
        format!("the Service `{name}` has no port {port}, or its pods do not have it")
    })?;
    Ok((pod.metadata.name.clone().unwrap_or_default(), target))
}

fn name(service: &Service) -> &str {
    service.metadata.name.as_deref().unwrap_or_default()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let ready = |condition: &&k8s_openapi::api::core::v1::PodCondition| condition.type_ == "Ready";
    let ready = conditions.and_then(|conditions| conditions.iter().find(ready));
    pod.metadata.deletion_timestamp.is_none()
        && ready.is_some_and(|condition| condition.status == "True")
}

fn target_port(service: &Service, pod: &Pod, port: u16) -> Option<u16> {
    let ports = service.spec.as_ref()?.ports.as_ref()?;
    let found = ports.iter().find(|known| known.port == i32::from(port))?;
    match &found.target_port {
        None => Some(port),
        Some(IntOrString::Int(number)) => u16::try_from(*number).ok(),
        Some(IntOrString::String(name)) => named_port(pod, name),
    }
}

fn named_port(pod: &Pod, name: &str) -> Option<u16> {
    let containers = pod.spec.as_ref()?.containers.iter();
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let found = ports.find(|port| port.name.as_deref() == Some(name))?;
    u16::try_from(found.container_port).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, ready: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"app": "rabbit"}},
            "spec": {"containers": [{"name": "c", "ports": [{"name": "amqp", "containerPort": 7}]}]},
            "status": {"podIP": "10.0.0.7", "conditions": [{"type": "Ready", "status": ready}]}
        }))
        .unwrap()
    }

    fn service(target: &serde_json::Value) -> Service {
        serde_json::from_value(json!({
            "metadata": {"name": "rabbitmq", "namespace": "provers"},
            "spec": {"selector": {"app": "rabbit"}, "ports": [{"port": 5672, "targetPort": target}]}
        }))
        .unwrap()
    }

    #[test]
    fn a_ready_pod_is_taken_and_a_named_port_is_looked_up_in_it() {
        let pods = [pod("rabbit-0", "False"), pod("rabbit-1", "True")];
        let found = |target| ready_pod(&service(&target), &pods, 5672).unwrap();
        assert_eq!(found(json!("amqp")), ("rabbit-1".to_owned(), 7));
        assert_eq!(found(json!(5673)), ("rabbit-1".to_owned(), 5673));
    }

    #[test]
    fn what_is_missing_is_named_with_the_command_that_shows_it() {
        let failed = |pods: &[Pod], port| {
            format!("{:#}", ready_pod(&service(&json!("amqp")), pods, port).unwrap_err())
        };
        insta::assert_snapshot!(failed(&[pod("rabbit-0", "False")], 5672), @"none of the 1 pods of the Service `rabbitmq` is ready: `kubectl -n provers get pods -l app=rabbit` shows them");
        insta::assert_snapshot!(failed(&[pod("rabbit-0", "True")], 1), @"the Service `rabbitmq` has no port 1, or its pods do not have it");
    }

    #[test]
    fn an_address_leads_to_a_pod_unless_it_is_the_nodes() {
        let (mut node, own) = (pod("node-exporter", "True"), pod("rabbit-0", "True"));
        assert_eq!(address_and_name(own), Some(("10.0.0.7".to_owned(), "rabbit-0".to_owned())));
        node.spec.as_mut().unwrap().host_network = Some(true);
        assert_eq!(address_and_name(node), None);
    }
}
