//! What the real API server says of every object: no unknown field, no wrong type, nothing that a restricted namespace
//! refuses.

use std::process::Output;

use serde_norway::Value;
use tests::cluster::ControlPlane;
use tests::helm::Generation;

use super::plane::{Place, restricted};
use super::{all_cases, of_kind};

fn dry_run(plane: &ControlPlane, namespace: &str, objects: &[Value]) -> Output {
    let texts = objects.iter().map(|object| serde_norway::to_string(object).unwrap());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), texts.collect::<Vec<_>>().join("---\n")).unwrap();
    let args = ["create", "--dry-run=server", "--validate=strict", "--namespace", namespace];
    let args = [&args[..], &["--filename", file.path().to_str().unwrap()]].concat();
    plane.kubectl_as(&plane.kubeconfig(), &args).unwrap()
}

/// The case's own namespace is in some of its objects.
fn moved(objects: Vec<Value>, namespace: &str) -> Vec<Value> {
    let moved = objects.into_iter().map(|object| {
        let text = serde_norway::to_string(&object).unwrap();
        serde_norway::from_str(
            &text.replace("namespace: provers\n", &format!("namespace: {namespace}\n")),
        )
        .unwrap()
    });
    moved.collect()
}

#[test]
fn the_api_server_takes_every_object_and_warns_of_none() {
    let test = "chart_strict";
    let Some(place) = Place::find(test, Generation::V4) else { return };
    let namespace = restricted(place.plane, test);
    for (name, objects) in all_cases(test) {
        let output = dry_run(place.plane, &namespace, &moved(objects, &namespace));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn an_unknown_field_and_a_pod_with_more_rights_are_noticed() {
    let test = "chart_unknown";
    let Some(place) = Place::find(test, Generation::V4) else { return };
    let namespace = restricted(place.plane, test);
    let (_, objects) = all_cases(test).into_iter().find(|(name, _)| name == "production").unwrap();
    let refused = |kind: &str, path: &[&str], key: &str, value: Value| {
        let mut object = of_kind(&objects, kind).next().unwrap().clone();
        let within = path.iter().fold(&mut object, |at, key| at.get_mut(*key).unwrap());
        within.as_mapping_mut().unwrap().insert(key.into(), value);
        String::from_utf8(dry_run(place.plane, &namespace, &[object]).stderr).unwrap()
    };
    for kind in ["ScaledObject", "RabbitmqCluster", "PodMonitor", "PrometheusRule", "Deployment"] {
        let said = refused(kind, &["spec"], "minReplicas", 1.into());
        assert!(said.contains("unknown field \"spec.minReplicas\""), "{kind}: {said}");
    }
    let pod = ["spec", "template", "spec"];
    let said = refused("Deployment", &pod, "hostNetwork", true.into());
    assert!(said.contains("would violate PodSecurity \"restricted"), "{said}");
}
