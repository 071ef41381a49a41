//! `kubectl zero doctor` on a release whose pods do not come up. Objects are as a cluster leaves them: no controller runs here,
//! so their status and Events are written by hand; what is asked and answered goes through the real API server.

use tests::helm::{CHART, Generation};
use tests::zero::Zero;

use super::RELEASE;
use super::plane::Place;

fn event(about: &str, message: &str) -> String {
    let (kind, name) = about.split_once('/').unwrap();
    format!(
        "---\napiVersion: v1\nkind: Event\nmetadata: {{generateName: zp-}}\ntype: Warning\nreason: FailedCreate\n\
         message: '{message}'\ninvolvedObject: {{kind: {kind}, name: {name}, namespace: NAMESPACE}}\n"
    )
}

/// A pod as a kubelet leaves it that cannot pull.
const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: zp-leader-0\n  labels: {app.kubernetes.io/instance: zp}\n\
                   spec: {containers: [{name: leader, image: registry.example.com/leader:1}]}\n";
const CANNOT_PULL: &str = r#"{"status": {"phase": "Pending", "containerStatuses": [{"name": "leader",
    "image": "registry.example.com/leader:1", "imageID": "", "ready": false, "restartCount": 0,
    "state": {"waiting": {"reason": "ImagePullBackOff", "message": "401 Unauthorized"}}}]}}"#;
const NO_NODE: &str = r#"{"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
    "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient memory."}]}}"#;

fn create(place: &Place, namespace: &str, yaml: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), yaml.replace("NAMESPACE", namespace)).unwrap();
    let file = file.path().to_str().unwrap();
    place.plane.kubectl(&["create", "--namespace", namespace, "--filename", file]).unwrap();
}

#[test]
fn doctor_says_what_keeps_pods_from_coming_up() {
    let test = "chart_trouble";
    let Some(place) = Place::find(test, Generation::V4) else { return };
    let namespace = place.plane.namespace(test).unwrap();
    // The chart's own pod of the leader would be on a node at once: KWOK plays kubelets, and no scheduler runs.
    place.helm_does(&namespace, &["install", RELEASE, CHART]);
    let pending = POD.replace("zp-leader-0", "zp-worker-default-1");
    create(&place, &namespace, &[POD, "---\n", &pending].concat());
    for (pod, status) in [("zp-leader-0", CANNOT_PULL), ("zp-worker-default-1", NO_NODE)] {
        let patch = ["patch", "pod", pod, "--namespace", &namespace, "--subresource=status"];
        place.plane.kubectl(&[&patch[..], &["--patch", status]].concat()).unwrap();
    }
    let events = [
        event(
            "ReplicaSet/zp-worker-default-5d",
            "pods \"zp-worker-default-5d-x\" is forbidden: exceeded quota: small, requested: requests.memory=32Gi",
        ),
        event(
            "StatefulSet/zp-rabbitmq",
            "pods \"zp-rabbitmq-0\" is forbidden: violates PodSecurity \"restricted:latest\"",
        ),
        event("Pod/zpx-other", "pods is forbidden: exceeded quota: of somebody else"),
    ];
    create(&place, &namespace, &events.concat());

    let home = tempfile::tempdir().unwrap();
    let zero = Zero::at(home.path()).env("KUBECONFIG", place.plane.kubeconfig());
    let answer = zero.run(&["-n", &namespace, "doctor"]).unwrap();
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let words = answer.stderr.replace(&namespace, "[namespace]");
    insta::assert_snapshot!(format!("{}---\n{words}", answer.stdout));
}
