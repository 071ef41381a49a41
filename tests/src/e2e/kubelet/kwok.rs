//! PURE: what KWOK is told of a pod, so that `kubectl port-forward`, `logs` and `exec` lead to its processes.
//!
//! KWOK finds each object by the names of the pod and its namespace; all of them go with the pod.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use super::spec::Environment;
use crate::e2e::services::LEADS_TO;

/// An object, and its path at the API server.
pub(super) type Told = (String, Value);

/// Where the pod's ports lead; none for a pod whose ports lead elsewhere.
pub(super) fn forwards(pod: &Value, ip: Ipv4Addr) -> Option<Told> {
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
    Some(told(pod, ("PortForward", "portforwards"), &json!({"forwards": forwards})))
}

/// The files of the containers' logs.
pub(super) fn logs<'a>(pod: &Value, files: impl Iterator<Item = (&'a str, &'a Path)>) -> Told {
    let logs: Value =
        files.map(|(name, file)| json!({"containers": [name], "logsFile": file})).collect();
    told(pod, ("Logs", "logs"), &json!({"logs": logs}))
}

/// The environment of what is run in containers, and the folder it is run in.
pub(super) fn execs<'a>(
    pod: &Value,
    folder: &Path,
    containers: impl Iterator<Item = (&'a str, &'a Environment)>,
) -> Told {
    let execs: Value = containers
        .map(|(name, env)| {
            let envs: Value =
                env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            json!({"containers": [name], "local": {"workDir": folder, "envs": envs}})
        })
        .collect();
    told(pod, ("Exec", "execs"), &json!({"execs": execs}))
}

fn told(pod: &Value, (kind, plural): (&str, &str), spec: &Value) -> Told {
    let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
    let owner =
        json!({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": text("/metadata/uid")});
    let object = json!({"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind,
        "metadata": {"namespace": namespace, "name": name, "ownerReferences": [owner]},
        "spec": spec});
    (format!("/apis/kwok.x-k8s.io/v1alpha1/namespaces/{namespace}/{plural}/{name}"), object)
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
        let (path, made) = forwards(&pod(&json!({})), Ipv4Addr::new(127, 77, 0, 9)).unwrap();
        assert_eq!(path, "/apis/kwok.x-k8s.io/v1alpha1/namespaces/provers/portforwards/w-0");
        assert_eq!(made["spec"]["forwards"][0]["target"]["address"], "127.77.0.9");
        assert_eq!(made["spec"]["forwards"][0]["target"]["port"], 9090);
    }

    #[test]
    fn ports_that_lead_elsewhere_are_left_to_whoever_said_so() {
        let elsewhere = json!({LEADS_TO: "9090=127.0.0.1:1"});
        assert_eq!(forwards(&pod(&elsewhere), Ipv4Addr::LOCALHOST), None);
    }

    #[test]
    fn each_container_has_its_log_and_its_environment() {
        let pod = pod(&json!({}));
        let (path, made) = logs(&pod, [("worker", Path::new("/p/worker.cri"))].into_iter());
        assert_eq!(path, "/apis/kwok.x-k8s.io/v1alpha1/namespaces/provers/logs/w-0");
        let expected = json!([{"containers": ["worker"], "logsFile": "/p/worker.cri"}]);
        assert_eq!(made["spec"]["logs"], expected);
        let env = vec![("A".to_owned(), "1".to_owned())];
        let (_, made) = execs(&pod, Path::new("/p"), [("worker", &env)].into_iter());
        let local = json!({"workDir": "/p", "envs": [{"name": "A", "value": "1"}]});
        assert_eq!(made["spec"]["execs"][0]["local"], local);
    }
}
