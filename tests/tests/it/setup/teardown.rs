//! `tools/teardown.sh`: it refuses while proofs are at work, takes away what was set up, and tells what is left.

use std::process::Stdio;

use tests::helm::Generation;

use super::place::{HERE, Place};

fn away<'a>(place: &'a Place, more: &[&'a str]) -> Vec<&'a str> {
    [&["--kube-context", HERE, "--namespace", &place.namespace], more].concat()
}

/// A proof that goes on for minutes.
fn submit(place: &Place) {
    let witness = Place::witness(6);
    let mut prove = place.plane.kubectl_command(&place.scene.path("kubeconfig"));
    let args = ["zero", "-n", &place.namespace, "prove", &witness, "--detach"];
    prove.env("PATH", place.scene.path("bin")).args(args);
    prove.stdout(Stdio::null()).stderr(Stdio::null());
    assert!(prove.status().unwrap().success());
    place.scene.changes();
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_at_work_are_not_taken_away_unless_told() {
    let test = "teardown_proving";
    let Some(place) = Place::find(test, Generation::V4, HERE) else { return };
    let scene = &place.scene;
    scene.ends(0, "setup.sh", &place.here(&[]));
    let unknown = scene.ends(7, "teardown.sh", &away(&place, &["--yes"]));
    assert!(
        unknown.stderr.contains("whether `zero` is proving cannot be known"),
        "{}",
        unknown.stderr
    );

    let _proving = place.proving("60000").await;
    submit(&place);
    let refused = scene.ends(7, "teardown.sh", &away(&place, &["--yes"]));
    assert!(
        refused.stderr.contains("`zero` has 1 proofs at work or waiting: 6-"),
        "{}",
        refused.stderr
    );
    assert!(scene.changes().is_empty());

    // Nobody makes the pod of the proof service go.
    let pod = ["delete", "pod", "zero-leader-0", "-n", &place.namespace, "--wait=false"];
    let stop =
        away(&place, &["--stop-proofs", "--yes", "--workers-limit", "1s", "--only", "chart"]);
    let answer = scene.ends(1, "teardown.sh", &stop);
    assert!(
        answer.stderr.contains("pods of `zero` are still there: pod/zero-leader-0"),
        "{}",
        answer.stderr
    );
    let changed = scene.changes();
    assert!(changed[0].contains(" proof cancel --yes 6-"), "{changed:#?}");
    place.plane.kubectl(&pod).unwrap();
    scene.ends(0, "teardown.sh", &away(&place, &["--yes", "--only", "chart"]));
}

/// A release with a volume, every operator but the Prometheus one, and an object of somebody else.
fn stand_up(place: &Place) {
    let scene = &place.scene;
    scene.write(
        "volumes.yaml",
        "leader: {enabled: false}\n\
         circuits: {mode: pvc, existingClaim: {name: ''}, pvc: {storageClass: none, keep: true}}\n",
    );
    // What doctor says of a volume that nobody makes is right.
    scene.ends(6, "setup.sh", &place.here(&["--values", "volumes.yaml", "--pods-limit", "20s"]));
    scene.write("operator.yaml", "rabbitmq: {mode: operator}\n");
    scene.ends(
        0,
        "setup.sh",
        &["--kube-context", HERE, "--values", "operator.yaml", "--only", "operators", "--yes"],
    );
    let theirs = "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: theirs, namespace: default}\nspec: {}\n";
    place.plane.apply(theirs).unwrap();
    scene.changes();
}

#[test]
fn what_was_set_up_goes_and_what_is_not_ours_stays() {
    let test = "teardown_whole";
    let Some(place) = Place::find(test, Generation::V4, HERE) else { return };
    stand_up(&place);
    let scene = &place.scene;
    let before = place.objects();
    let planned = scene.ends(0, "teardown.sh", &away(&place, &["--dry-run"]));
    assert_eq!(place.objects(), before, "a dry run changes nothing");
    assert!(
        planned
            .stderr
            .contains("KEDA taken away: it stays: somebody else has 1 of `scaledobjects.keda.sh`"),
        "{}",
        planned.stderr
    );
    scene.ends(7, "teardown.sh", &away(&place, &[]));
    let done = scene.ends(0, "teardown.sh", &away(&place, &["--yes"]));
    let changed = scene.changes();
    let told: Vec<String> = planned.stdout.lines().map(|line| line.replace('\'', "")).collect();
    assert_eq!(told, changed, "a dry run tells every command, and no other");
    assert_eq!(
        changed.len(),
        2,
        "the release and RabbitMQ's operator: {changed:#?}: {}",
        done.stderr
    );
    assert!(
        done.stderr.contains("left:\n  - volume zero-circuits of 50Gi; to delete it: "),
        "{}",
        done.stderr
    );
    data_goes_when_told(&place);
}

fn data_goes_when_told(place: &Place) {
    let scene = &place.scene;
    place.plane.kubectl(&["delete", "scaledobject", "theirs", "-n", "default"]).unwrap();
    let done = scene.ends(0, "teardown.sh", &away(place, &["--yes", "--delete-data"]));
    let changed = scene.changes();
    assert!(
        changed.len() == 2 && changed[0].contains("delete persistentvolumeclaims"),
        "{changed:#?}"
    );
    assert!(changed[1].starts_with("helm uninstall keda"), "{changed:#?}");
    assert!(!done.stderr.contains("volume zero-circuits of 50Gi; to delete"), "{}", done.stderr);
    let again = scene.ends(0, "teardown.sh", &away(place, &["--yes", "--delete-data"]));
    assert!(scene.changes().is_empty(), "{}", again.stderr);
}
