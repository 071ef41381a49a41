//! Install, upgrade and uninstall by the real Helm on the real API server. No controller runs here: what is looked at are the
//! objects.

use std::collections::BTreeSet;

use tests::helm::{CHART, Generation};

use super::plane::Place;
use super::{RELEASE, cases};

/// Every kind of which the chart makes an object.
const ALL: &str = "configmaps,secrets,services,serviceaccounts,persistentvolumeclaims,pods,deployments,statefulsets,jobs,\
                   poddisruptionbudgets,networkpolicies,roles,rolebindings,leases,scaledobjects.keda.sh,\
                   triggerauthentications.keda.sh,rabbitmqclusters.rabbitmq.com,podmonitors,servicemonitors,prometheusrules";

/// Those that are there to stay: without controllers what a finalizer holds is never quite gone.
fn objects(place: &Place, namespace: &str) -> BTreeSet<String> {
    let selector = format!("--selector=app.kubernetes.io/instance={RELEASE}");
    let each =
        r#"{range .items[*]}{.kind}/{.metadata.name} {.metadata.deletionTimestamp}{"\n"}{end}"#;
    let output = format!("--output=jsonpath={each}");
    let told = place.plane.kubectl(&["get", ALL, "--namespace", namespace, &selector, &output]);
    let told = told.unwrap();
    let staying = told.lines().filter_map(|line| line.strip_suffix(' '));
    staying.map(str::to_owned).collect()
}

fn value(place: &Place, namespace: &str, object: &str, path: &str) -> String {
    let path = format!("jsonpath={{{path}}}");
    place.plane.kubectl(&["get", object, "--namespace", namespace, "--output", &path]).unwrap()
}

#[test]
fn every_case_is_installed_and_leaves_nothing() {
    for generation in [Generation::V3, Generation::V4] {
        let test = format!("chart_install_{generation:?}").to_lowercase();
        let Some(place) = Place::find(&test, generation) else { return };
        for (case, values) in cases() {
            let namespace =
                place.plane.namespace(&format!("{test}_{case}").replace('.', "")).unwrap();
            let values = values.to_str().unwrap();
            let notes =
                place.helm_does(&namespace, &["install", RELEASE, CHART, "--values", values]);
            assert!(notes.contains("What to type next"), "{notes}");
            assert!(objects(&place, &namespace).len() > 5);
            place.helm_does(&namespace, &["uninstall", RELEASE]);
            let left = objects(&place, &namespace);
            let kept = ["PersistentVolumeClaim/zp-circuits".to_owned()];
            let kept = if case == "production" { BTreeSet::from(kept) } else { BTreeSet::new() };
            assert_eq!(left, kept, "{case}: `circuits.pvc.keep` is only there");
            let class = format!("storageclass/{namespace}-{RELEASE}-circuits");
            let class = place.plane.kubectl(&["get", &class, "--ignore-not-found"]).unwrap();
            assert_eq!(class, "", "{case}");
        }
    }
}

#[test]
fn an_upgrade_keeps_the_password_the_pause_and_the_number_of_workers() {
    for generation in [Generation::V3, Generation::V4] {
        let test = format!("chart_upgrade_{generation:?}").to_lowercase();
        let Some(place) = Place::find(&test, generation) else { return };
        let namespace = place.plane.namespace(&test).unwrap();
        place.helm_does(&namespace, &["install", RELEASE, CHART]);
        let password = value(&place, &namespace, "secret/zp-rabbitmq-user", ".data.password");
        let inside = ["--namespace", namespace.as_str()];
        let pause =
            ["annotate", "scaledobject/zp-worker-default", "autoscaling.keda.sh/paused=true"];
        place.plane.kubectl(&[&pause[..], &inside].concat()).unwrap();
        let scale = ["scale", "deployment/zp-worker-default", "--replicas=3"];
        place.plane.kubectl(&[&scale[..], &inside].concat()).unwrap();
        let before = objects(&place, &namespace);

        let more = ["upgrade", RELEASE, CHART, "--set", "workers.pools.default.maxReplicas=8"];
        place.helm_does(&namespace, &more);
        assert_eq!(objects(&place, &namespace), before);
        let of = |object: &str, path: &str| value(&place, &namespace, object, path);
        assert_eq!(of("secret/zp-rabbitmq-user", ".data.password"), password);
        assert_eq!(of("scaledobject/zp-worker-default", ".spec.maxReplicaCount"), "8");
        let paused = of(
            "scaledobject/zp-worker-default",
            r".metadata.annotations.autoscaling\.keda\.sh/paused",
        );
        assert_eq!(paused, "true");
        assert_eq!(of("deployment/zp-worker-default", ".spec.replicas"), "3");

        // Other circuits are another Job; the old one goes.
        let other = ["upgrade", RELEASE, CHART, "--set", "prover.circuitSizes.cpu=12..20"];
        place.helm_does(&namespace, &other);
        let after = objects(&place, &namespace);
        let jobs = |of: &BTreeSet<String>| {
            of.iter().filter(|name| name.starts_with("Job/")).cloned().collect::<Vec<_>>()
        };
        assert_eq!((jobs(&before).len(), jobs(&after).len()), (1, 1));
        assert_ne!(jobs(&before), jobs(&after));
    }
}

/// A number that was written and then no more would become 1.
#[test]
fn workers_stay_as_many_when_they_are_scaled_from_now_on() {
    for generation in [Generation::V3, Generation::V4] {
        let test = format!("chart_scaled_{generation:?}").to_lowercase();
        let Some(place) = Place::find(&test, generation) else { return };
        let namespace = place.plane.namespace(&test).unwrap();
        let fixed = "autoscaling.mode=none,workers.pools.default.replicas=3";
        place.helm_does(&namespace, &["install", RELEASE, CHART, "--set", fixed]);
        let now = || value(&place, &namespace, "deployment/zp-worker-default", ".spec.replicas");
        assert_eq!(now(), "3");
        let scaled = "autoscaling.mode=external";
        place.helm_does(&namespace, &["upgrade", RELEASE, CHART, "--set", scaled]);
        assert_eq!(now(), "3");
        for scaled in ["5", "0"] {
            let replicas = format!("--replicas={scaled}");
            let scale = ["scale", "deployment/zp-worker-default", &replicas];
            place.plane.kubectl(&[&scale[..], &["--namespace", &namespace]].concat()).unwrap();
            place
                .helm_does(&namespace, &["upgrade", RELEASE, CHART, "--set", "workers.attempts=5"]);
            assert_eq!(now(), scaled, "{generation:?}");
        }
        place.helm_does(&namespace, &["upgrade", RELEASE, CHART, "--set", fixed]);
        assert_eq!(now(), "3");
    }
}

/// Values of a `StatefulSet` that cannot be changed, and what is said of them.
const MADE_OTHERWISE: [(&str, &str); 3] = [
    (
        "leader.persistence.size=2Ti",
        "leader.persistence.size is `2Ti`, and the StatefulSet zp-leader was made with `1Ti`",
    ),
    (
        "leader.persistence.enabled=false",
        "leader.persistence.enabled is false, and the StatefulSet zp-leader was made with true",
    ),
    ("rabbitmq.embedded.persistence.storageClass=fast", "StatefulSet zp-rabbitmq was made with ``"),
];

/// What Kubernetes refuses without a word of what to do, and the cure that the chart names.
#[test]
fn a_volume_that_was_made_otherwise_is_told_with_the_cure() {
    for generation in [Generation::V3, Generation::V4] {
        let test = format!("chart_volume_{generation:?}").to_lowercase();
        let Some(place) = Place::find(&test, generation) else { return };
        let namespace = place.plane.namespace(&test).unwrap();
        let upgrade =
            |sets: &str| place.helm(&namespace, &["upgrade", RELEASE, CHART, "--set", sets]);
        let first = "leader.persistence.size=1024Gi";
        place.helm_does(&namespace, &["install", RELEASE, CHART, "--set", first]);

        let several = "circuits.pvc.accessMode=ReadWriteMany,leader.persistence.size=1Ti";
        let (well, said) = upgrade(several);
        let told = "circuits.pvc.accessMode is `ReadWriteMany`, and the claim zp-circuits was made with `ReadWriteOnce`";
        assert!(!well && said.contains(told) && !said.contains("immutable"), "{said}");
        let cure = format!("`kubectl -n {namespace} delete pvc zp-circuits`");
        assert!(said.contains(&cure), "{said}");
        take_away(&place, &namespace, "pvc/zp-circuits", "--cascade=background");
        let (well, said) = upgrade(several);
        assert!(well, "{said}");
        let mode = value(&place, &namespace, "pvc/zp-circuits", ".spec.accessModes[0]");
        assert_eq!(mode, "ReadWriteMany");

        for (sets, told) in MADE_OTHERWISE {
            let (well, said) = upgrade(&format!("{several},{sets}"));
            let named = said.contains(told) && !said.contains("Forbidden");
            assert!(!well && named, "{generation:?}: {said}");
        }
        take_away(&place, &namespace, "statefulset/zp-leader", "--cascade=orphan");
        let larger = "circuits.pvc.accessMode=ReadWriteMany,leader.persistence.size=2Ti";
        let (well, said) = upgrade(larger);
        assert!(well, "{said}");
    }
}

/// No controller runs that would take the finalizers away.
fn take_away(place: &Place, namespace: &str, object: &str, how: &str) {
    let inside = ["--namespace", namespace];
    let delete = ["delete", object, "--wait=false", how];
    place.plane.kubectl(&[&delete[..], &inside].concat()).unwrap();
    let free = ["patch", object, "--patch", r#"{"metadata": {"finalizers": null}}"#];
    place.plane.kubectl(&[&free[..], &inside].concat()).unwrap();
}
