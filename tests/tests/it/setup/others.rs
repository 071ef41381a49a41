//! What somebody else has made stays as it is: operators, releases, the values of a release.

use std::io::{BufRead as _, BufReader};
use std::sync::atomic::Ordering;

use tests::helm::Generation;

use super::place::{HERE, Place};

const OPERATORS: &[&str] = &["--only", "operators"];

/// One that is too old is refused, one that is not ready yet is waited for, and neither is upgraded.
#[test]
fn keda_of_somebody_else_is_left_alone() {
    let Some(place) = Place::find("others_keda", Generation::V4, HERE) else { return };
    let scene = &place.scene;
    place.chart("keda", "keda", "2.16.1");
    place.helm(&["install", "keda", "keda", "--namespace", "keda", "--create-namespace"]);
    let args = place.here(OPERATORS);
    let old = [
        "KEDA 2.16.1 in `keda` is older than 2.17 and was not installed by this script",
        "upgrade it the way it was installed, or do without: autoscaling.mode=none",
    ];
    place.scene.is_refused(5, "setup.sh", &args, &old);

    place.helm(&["uninstall", "keda", "--namespace", "keda", "--wait"]);
    place.controllers.deployments.store(false, Ordering::Relaxed);
    place.chart("keda", "keda", "2.21.0");
    place.helm(&["install", "keda", "keda", "--namespace", "keda"]);
    let mut child = scene.begin("setup.sh", &args);
    let words = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut words = words.skip_while(|line| !line.contains("waiting for KEDA"));
    assert!(words.next().is_some(), "it has not waited");
    place.controllers.deployments.store(true, Ordering::Relaxed);
    assert!(words.any(|line| line.contains("KEDA: done after")));
    assert!(child.wait().unwrap().success());
    let changed = scene.changes();
    assert!(changed.is_empty(), "{changed:#?}");
}

/// Somebody else's objects of KEDA's and of Prometheus' kinds; what Prometheus selects by is on their monitor too.
const OF_OTHERS: [&str; 2] = [
    "apiVersion: keda.sh/v1alpha1\nkind: TriggerAuthentication\nmetadata: {name: theirs, namespace: default}\n",
    "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: theirs, namespace: default, labels: {release: kube-prometheus-stack}}\n",
];
/// What the teardown says of them.
const IN_USE: [&str; 2] = [
    "KEDA taken away: it stays: somebody else has 1 of `triggerauthentications.keda.sh`\n",
    "Prometheus operator taken away: it stays: somebody else has 1 of `servicemonitors.monitoring.coreos.com`\n",
];

#[test]
fn keda_of_ours_gets_a_monitor_for_prometheus_and_goes_when_nobody_uses_it() {
    let Some(here) = Place::find("others_monitors", Generation::V3, HERE) else { return };
    is_watched(&here);
    let (scene, plane) = (&here.scene, &here.plane);
    for theirs in OF_OTHERS {
        plane.apply(theirs).unwrap();
    }
    let away =
        ["--kube-context", HERE, "--namespace", &here.namespace, "--yes", "--only", "operators"];
    let stays = scene.ends(0, "teardown.sh", &away);
    for words in IN_USE {
        assert!(stays.stderr.contains(words), "{words}: {}", stays.stderr);
    }
    assert!(scene.changes().is_empty());
    for kind in ["triggerauthentication", "servicemonitor"] {
        plane.kubectl(&["delete", kind, "theirs", "-n", "default"]).unwrap();
    }
    scene.ends(0, "teardown.sh", &away);
    let changed = scene.changes();
    assert_eq!(changed.len(), 2, "{changed:#?}");
}

/// KEDA of ours is there, and gets a monitor once Prometheus is wanted too.
fn is_watched(here: &Place) {
    let scene = &here.scene;
    scene.ends(0, "setup.sh", &here.here(OPERATORS));
    scene.changes();
    let watched = here.here(&[OPERATORS, &["--prometheus"]].concat());
    scene.ends(0, "setup.sh", &watched);
    let changed = scene.changes();
    assert!(
        changed.len() == 2 && changed[1].contains(" prometheus.operator.enabled=true"),
        "{changed:#?}"
    );
    let selected = "release=kube-prometheus-stack";
    let monitors = ["get", "servicemonitors", "-n", "keda", "-l", selected, "-o", "name"];
    assert!(here.plane.kubectl(&monitors).unwrap().contains("/keda-operator"));
    let again = scene.ends(0, "setup.sh", &watched);
    assert!(scene.changes().is_empty(), "{}", again.stderr);
}

#[test]
fn a_release_of_another_chart_is_refused() {
    let Some(place) = Place::find("others_chart", Generation::V3, HERE) else { return };
    place.chart("grafana", "kube-prometheus-stack", "8.0.0");
    place.helm(&["install", "zero", "grafana", "--namespace", &place.namespace]);
    let args = ["--kube-context", HERE, "--namespace", &place.namespace, "--yes"];
    let words = [
        "release `zero` in `",
        "` is of the chart grafana-8.0.0, not of zero-prover; nothing was changed",
    ];
    for script in ["setup.sh", "teardown.sh"] {
        place.scene.is_refused(7, script, &args, &words);
    }
}

#[test]
fn values_of_a_release_are_not_lost() {
    let Some(place) = Place::find("others_values", Generation::V4, HERE) else { return };
    let scene = &place.scene;
    scene.ends(0, "setup.sh", &place.here(&[]));
    scene.changes();
    let none =
        ["--kube-context", HERE, "--namespace", &place.namespace, "--yes", "--only", "chart"];
    let words = [
        "release `zero` was installed with values of its own, and there is no --values: they would be lost",
        "helm get values zero --namespace ",
    ];
    place.scene.is_refused(2, "setup.sh", &none, &words);
    // An empty file says that the chart's own are wanted; those want a volume that nobody makes here.
    scene.write("empty.yaml", "");
    let own = [&none[..], &["--values", "empty.yaml", "--pods-limit", "1s", "--dry-run"]].concat();
    let told = scene.ends(0, "setup.sh", &own);
    assert!(told.stdout.contains(" --reset-values --values empty.yaml "), "{}", told.stdout);
}
