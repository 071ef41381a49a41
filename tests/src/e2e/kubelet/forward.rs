//! PURE: where `kubectl port-forward` of a pod leads: that is KWOK's part, which is told.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::e2e::services::LEADS_TO;

/// KWOK's object for a pod and the object's path; none for a pod whose ports lead elsewhere.
///
/// KWOK finds it by the names of the pod and its namespace; it goes with the pod.
pub(super) fn to_pod(pod: &Value, ip: Ipv4Addr) -> Option<(String, Value)> {
    if pod.pointer("/metadata/annotations").is_some_and(|all| all.get(LEADS_TO).is_some()) {
        return None;
    }
    let containers = pod.pointer("/spec/containers").and_then(Value::as_array);
    let ports = containers.into_iter().flatten().filter_map(|one| one.get("ports")?.as_array());
    let forwards: Value = ports
        .flatten()
        .filter_map(|port| port.get("containerPort")?.as_u64())
        .map(|port| json!({"ports": [port], "target": {"address": ip.to_string(), "port": port}}))
        .collect();
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let owner =
        json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": text("/metadata/uid")});
    let object = json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "PortForward",
        "metadata": {"namespace": namespace, "name": name, "ownerReferences": [owner]},
        "spec": {"forwards": forwards}});
    let path = format!("/apis/kwok.x-k8s.io/v1alpha1/namespaces/{namespace}/portforwards/{name}");
    Some((path, object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(annotations: &Value) -> Value {
        json!({
            "metadata": {"namespace": "provers", "name": "w-0", "uid": "1", "annotations": annotations},
            "spec": {"containers": [{"name": "worker", "ports": [{"containerPort": 9090}]}]},
        })
    }

    #[test]
    fn a_pods_ports_lead_to_its_address() {
        let (path, made) = to_pod(&pod(&json!({})), Ipv4Addr::new(127, 77, 0, 9)).unwrap();
        assert_eq!(path, "/apis/kwok.x-k8s.io/v1alpha1/namespaces/provers/portforwards/w-0");
        assert_eq!(made["spec"]["forwards"][0]["target"]["address"], "127.77.0.9");
        assert_eq!(made["spec"]["forwards"][0]["target"]["port"], 9090);
    }

    #[test]
    fn ports_that_lead_elsewhere_are_left_to_whoever_said_so() {
        let elsewhere = json!({LEADS_TO: "9090=127.0.0.1:1"});
        assert_eq!(to_pod(&pod(&elsewhere), Ipv4Addr::LOCALHOST), None);
    }
}
