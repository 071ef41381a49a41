//! `tools/setup.sh` on a cluster that is there: its plan, what it does, and that it does nothing twice.

use std::sync::atomic::Ordering;

use tests::helm::Generation;

use super::place::{HERE, Place};

/// What a run changes, as its own words on standard error have it.
fn shown(stderr: &str) -> Vec<&str> {
    stderr.lines().filter_map(|line| line.strip_prefix("+ ")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_verified_at_the_end_and_a_second_run_changes_nothing() {
    let test = "setup_whole";
    let Some(place) = Place::find(test, Generation::V4, HERE) else { return };
    let _proving = place.proving("1").await;
    let witness = Place::witness(3);
    let (scene, args) = (&place.scene, ["--prove", &witness, "--out", "proofs"]);

    let before = place.objects();
    let planned = scene.ends(0, "setup.sh", &place.here(&[&args[..], &["--dry-run"]].concat()));
    assert_eq!(place.objects(), before, "a dry run changes nothing");
    assert!(scene.changes().is_empty());
    assert!(
        planned.stderr.contains("  to do    KEDA 2.20.2\n  to do    release zero"),
        "{}",
        planned.stderr
    );

    let done = scene.ends(0, "setup.sh", &place.here(&args));
    assert!(done.stderr.contains("   verified: 3-"), "{}", done.stderr);
    assert!(scene.path("proofs").read_dir().unwrap().next().is_some(), "the proof is here");
    let commands: Vec<&str> = planned.stdout.lines().collect();
    assert_eq!(commands, shown(&done.stderr), "a dry run tells every command, and no other");
    let changed = scene.changes();
    assert_eq!(changed.len(), 3, "KEDA, the release, the proof: {changed:#?}");
    for (told, run) in [(0, 0), (1, 1)] {
        let plain = commands[told].replace('\'', "");
        assert_eq!(plain, changed[run], "what is told is what is run");
    }

    let again = scene.ends(0, "setup.sh", &place.here(&args));
    let changed = scene.changes();
    assert_eq!(changed.len(), 1, "a witness is shown again, and not proved again: {changed:#?}");
    assert!(again.stderr.contains("  there    release zero in namespace"), "{}", again.stderr);
    assert!(again.stderr.contains("  there    circuits of zero made"), "{}", again.stderr);
    let revisions =
        ["get", "secrets", "-n", &place.namespace, "-l", "owner=helm,name=zero", "-o", "name"];
    assert_eq!(
        place.plane.kubectl(&revisions).unwrap().lines().count(),
        1,
        "one revision of the release"
    );
    assert!(!scene.calls().contains(place.password()), "no password on a command line");
}

#[test]
fn one_part_alone_is_set_up_and_what_it_needs_is_said() {
    let test = "setup_only";
    let Some(place) = Place::find(test, Generation::V3, HERE) else { return };
    let scene = &place.scene;
    let refused = scene.ends(1, "setup.sh", &place.here(&["--only", "chart"]));
    assert!(
        refused.stderr.contains("The cluster lacks:\n- KEDA 2.17 or newer"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("error: install the release: `helm` ended with 1"),
        "{}",
        refused.stderr
    );
    scene.changes();

    scene.write("operator.yaml", "rabbitmq: {mode: operator}\nmonitoring: {enabled: true}\n");
    let operators = ["--kube-context", HERE, "--values", "operator.yaml", "--only", "operators"];
    let refused = scene.ends(2, "setup.sh", &operators);
    assert!(refused.stderr.contains("give --prometheus, or set it to false"), "{}", refused.stderr);
    let operators = [&operators[..], &["--prometheus"]].concat();
    let refused = scene.ends(7, "setup.sh", &operators);
    assert!(refused.stderr.contains("nobody is there to be asked: 3 to do."), "{}", refused.stderr);
    assert!(scene.changes().is_empty());
    let operators = [&operators[..], &["--yes"]].concat();
    scene.ends(0, "setup.sh", &operators);
    let changed = scene.changes();
    assert_eq!(changed.len(), 3, "{changed:#?}");
    assert!(
        changed.iter().all(|line| !line.contains("zero-prover/")),
        "the chart was not asked for: {changed:#?}"
    );
    let answer = scene.ends(0, "setup.sh", &operators);
    assert!(scene.changes().is_empty(), "{}", answer.stderr);

    let bad = scene.path("bad.yaml");
    scene.write("bad.yaml", "workers: {pools: {default: {minReplicas: 9}}}\n");
    let refused = scene.ends(2, "setup.sh", &place.here(&["--values", bad.to_str().unwrap()]));
    assert!(refused.stderr.contains("minReplicas is 9 and maxReplicas 4"), "{}", refused.stderr);
    assert!(scene.changes().is_empty(), "values are refused before anything is made");
}

#[test]
fn what_does_not_become_ready_is_named() {
    let test = "setup_unready";
    let Some(place) = Place::find(test, Generation::V4, HERE) else { return };
    place.controllers.jobs.store(false, Ordering::Relaxed);
    let args = place.here(&["--circuits-limit", "1s"]);
    let answer = place.scene.ends(6, "setup.sh", &args);
    assert!(answer.stderr.contains("waiting for the circuits, "), "{}", answer.stderr);
    assert!(
        answer.stderr.contains("error: there are no circuits: Job zero-circuits-"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("+ kubectl zero --context here"),
        "doctor has looked: {}",
        answer.stderr
    );
    assert!(answer.stderr.contains("; the same command waits again"), "{}", answer.stderr);
    place.controllers.jobs.store(true, Ordering::Relaxed);
    place.scene.ends(0, "setup.sh", &args);
    let nowhere = ["--kube-context", "elsewhere", "--yes"];
    let answer = place.scene.ends(5, "setup.sh", &nowhere);
    assert!(answer.stderr.contains("no context `elsewhere`; it has: here"), "{}", answer.stderr);
}
