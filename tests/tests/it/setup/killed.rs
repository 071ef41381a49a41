//! `tools/setup.sh` killed with all that it has started, before, in and after each change; the same command goes on.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tests::helm::Generation;

use super::place::{HERE, Place};

/// Kills before the first change of each run and after it, until a run has nothing left to change but by `last`.
fn killed_everywhere(place: &Place, args: &[&str], last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        let answer = place.scene.killed("before 1", "setup.sh", args);
        let wanted = place.scene.changes();
        if answer.code.is_some() {
            assert!(wanted.is_empty(), "{wanted:?}: {}", answer.stderr);
            break;
        }
        let answer = place.scene.killed("after 1", "setup.sh", args);
        assert_eq!(answer.code, None, "{}", answer.stderr);
        assert_eq!(place.scene.changes(), wanted, "what was not done before is done first");
        seen.extend(wanted);
        if seen.last().is_some_and(|line| line.contains(last)) {
            break;
        }
        assert!(seen.len() < 20, "it never ends: {seen:#?}");
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_and_after_each_change_it_goes_on_to_a_verified_proof() {
    let test = "setup_killed";
    let Some(place) = Place::find(test, Generation::V3, HERE) else { return };
    let _proving = place.proving("1").await;
    let witness = Place::witness(2);
    let args = place.here(&["--prove", &witness]);
    let seen = killed_everywhere(&place, &args, " prove ");
    assert_eq!(seen.len(), 3, "KEDA, the release, the proof: {seen:#?}");
    let done = place.scene.ends(0, "setup.sh", &args);
    assert!(done.stderr.contains("   verified: 2-"), "{}", done.stderr);
}

/// Whoever makes a `StatefulSet` waits for half a minute: the API server asks somebody who does not answer.
struct Slow<'a> {
    place: &'a Place,
    _silent: TcpListener,
}

impl<'a> Slow<'a> {
    fn make(place: &'a Place) -> Self {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", silent.local_addr().unwrap());
        let hook = json!({
            "name": "silent.example.com", "clientConfig": {"url": url}, "timeoutSeconds": 30,
            "failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "rules": [{"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE"],
                       "resources": ["statefulsets"]}],
        });
        let hooks = json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "silent"},
            "webhooks": [hook]});
        place.plane.apply(&hooks.to_string()).unwrap();
        Self { place, _silent: silent }
    }
}

impl Drop for Slow<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "validatingwebhookconfiguration", "silent"];
        self.place.plane.kubectl(&delete).unwrap();
    }
}

#[test]
fn a_helm_that_was_killed_in_the_middle_is_taken_over() {
    for generation in [Generation::V3, Generation::V4] {
        let test = format!("setup_during_{generation:?}").to_lowercase();
        let Some(place) = Place::find(&test, generation, HERE) else { return };
        let args = place.here(&[]);
        place.scene.ends(0, "setup.sh", &place.here(&["--only", "operators"]));
        place.scene.changes();
        let slow = Slow::make(&place);
        let answer = place.scene.killed("during 1", "setup.sh", &args);
        assert_eq!(answer.code, None, "{}", answer.stderr);
        drop(slow);
        let marks =
            ["get", "secrets", "-A", "-l", "owner=helm,status=pending-install", "-o", "name"];
        let mark = place.plane.kubectl(&marks).unwrap();
        assert_eq!(mark.trim(), MARK);
        a_helm_at_work_is_left_alone(&place, &args);
        let planned = place.scene.ends(0, "setup.sh", &[&args[..], &["--dry-run"]].concat());
        assert!(planned.stderr.contains("it is pending-install since "), "{}", planned.stderr);
        let delete = "delete secret -l owner=helm,name=zero,version=1,status=pending-install";
        assert!(planned.stdout.contains(delete), "{}", planned.stdout);
        let done = place.scene.ends(0, "setup.sh", &args);
        assert!(done.stderr.contains("a helm was cut off there"), "{}", done.stderr);
    }
}

const MARK: &str = "secret/sh.helm.release.v1.zero.v1";

/// The same mark, as it looks while a Helm is at work: one of this script here, and somebody's.
fn a_helm_at_work_is_left_alone(place: &Place, args: &[&str]) {
    let label = |text: &str| {
        let args = ["label", "--overwrite", "-n", &place.namespace, MARK, text];
        place.plane.kubectl(&args).unwrap();
    };
    let get = ["get", MARK, "-n", &place.namespace, "-o"];
    let form = r"jsonpath={.metadata.labels.zero-prover\.io/setup}";
    let run = place.plane.kubectl(&[&get[..], &[form]].concat()).unwrap();
    let refused = |words: &str| {
        place.scene.changes();
        let answer = place.scene.ends(7, "setup.sh", args);
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
        assert!(place.scene.changes().is_empty());
    };
    let word = format!("zero-prover.io/setup={run}");
    let mut helm =
        Command::new("sh").args(["-c", "read line", &word]).stdin(Stdio::piped()).spawn().unwrap();
    refused("a helm of this script is at work on release `zero` on this machine");
    helm.kill().unwrap();
    helm.wait().unwrap();

    let somebodys = "is pending-install since ";
    label("zero-prover.io/setup-");
    refused(somebodys);
    // Helm hands a label on to the next revision, whoever makes it.
    label(&format!("zero-prover.io/setup={}.7", run.split('.').next().unwrap()));
    refused(somebodys);
    // Of another machine it cannot be told before a while has gone by.
    label("zero-prover.io/setup=0123456789abcdef.1");
    refused("somebody's helm may be at work there\n next: wait for 1");
    label("createdAt=1700000000");
    let planned = place.scene.ends(0, "setup.sh", &[args, &["--dry-run"]].concat());
    assert!(planned.stdout.contains("delete secret -l owner=helm,name=zero"), "{}", planned.stdout);
    label(&word);
}

#[test]
fn killed_while_it_waits_it_waits_again() {
    let test = "setup_waiting";
    let Some(place) = Place::find(test, Generation::V4, HERE) else { return };
    place.controllers.jobs.store(false, Ordering::Relaxed);
    let args = place.here(&[]);
    let mut child = place.scene.begin("setup.sh", &args);
    let words = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut words = words.skip_while(|line| !line.contains("waiting for the circuits"));
    assert!(words.next().is_some(), "it ended before");
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process_group(group, Signal::KILL).unwrap();
    child.wait().unwrap();
    place.scene.changes();
    place.controllers.jobs.store(true, Ordering::Relaxed);
    place.scene.ends(0, "setup.sh", &args);
    assert!(place.scene.changes().is_empty(), "all was there but the circuits");
}
