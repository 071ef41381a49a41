//! A pod as a test describes it, and its manifest. PURE.

use serde_json::{Value, json};

/// A pod that runs as soon as it is made.
#[derive(Debug, Clone, Copy)]
pub struct Pod<'a> {
    /// Where it is; the namespace must be there.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its labels.
    pub labels: &'a [(&'a str, &'a str)],
    /// Its address, if that matters.
    pub ip: Option<&'a str>,
    /// Names and numbers of its container's ports; the names have at most 15 letters.
    pub ports: &'a [(&'a str, u16)],
}

impl<'a> Pod<'a> {
    /// A pod without labels and ports.
    #[must_use]
    pub const fn of(namespace: &'a str, name: &'a str) -> Self {
        Self { namespace, name, labels: &[], ip: None, ports: &[] }
    }

    /// JSON is YAML too.
    pub(super) fn manifest(&self, node: &str) -> String {
        let labels: Value = self.labels.iter().map(|(key, value)| (*key, *value)).collect();
        let ports =
            self.ports.iter().map(|(name, port)| json!({ "name": name, "containerPort": port }));
        let ports: Value = ports.collect();
        let mut annotations = json!({});
        if let (Some(ip), Some(all)) = (self.ip, annotations.as_object_mut()) {
            all.insert("tests/pod-ip".to_owned(), ip.into());
        }
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "namespace": self.namespace,
                "name": self.name,
                "labels": labels,
                "annotations": annotations,
            },
            "spec": {
                "nodeName": node,
                "containers": [{ "name": "main", "image": "nothing", "ports": ports }],
            },
        });
        manifest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_what_was_asked_for() {
        let pod = Pod {
            labels: &[("app", "rabbitmq")],
            ip: Some("10.1.2.3"),
            ports: &[("amqp", 5672)],
            ..Pod::of("provers", "broker-0")
        };
        let read: Value = serde_json::from_str(&pod.manifest("node-0")).unwrap();
        assert_eq!(read["metadata"]["labels"]["app"], "rabbitmq");
        assert_eq!(read["metadata"]["annotations"]["tests/pod-ip"], "10.1.2.3");
        assert_eq!(read["spec"]["nodeName"], "node-0");
        assert_eq!(read["spec"]["containers"][0]["ports"][0]["containerPort"], 5672);
    }
}
