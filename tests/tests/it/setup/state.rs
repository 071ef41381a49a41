//! Terraform's state: a run does not act on another cluster's, makes nothing in order to destroy it, and destroys nothing
//! unasked.

use std::fs;

use tests::helm::Generation;

use super::cloud::{PROOFS, gke, terraform, there};
use super::place::{GKE, Place};

const INFRA: &[&str] = &["--yes", "--only", "infra"];
const DOWN: &[&str] = &["--yes", "--stop-proofs", "--delete-data"];
const ELSEWHERE: &[&str] = &["--region", "europe-west4"];

#[test]
fn an_option_that_is_forgotten_does_not_reach_another_clusters_state() {
    let Some(place) = Place::find("state_other", Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    scene.ends(0, "setup.sh", &gke(&place, INFRA));
    let proofs = "gs://my-project-zero-prover-proofs/b3.zkproof\n";
    scene.write(&format!("doubles/cloud/{PROOFS}"), proofs);
    scene.changes();
    let words = [
        "Terraform's state in gs://my-project-zero-prover-state/zero-prover is of --region `us-central1`, and this run is of `europe-west4`",
        "next: give --region us-central1; ",
    ];
    let elsewhere = |more: &[&'static str]| gke(&place, &[ELSEWHERE, more].concat());
    scene.is_refused(7, "setup.sh", &elsewhere(INFRA), &words);
    scene.is_refused(7, "setup.sh", &elsewhere(&["--dry-run"]), &words);
    scene.is_refused(7, "teardown.sh", &elsewhere(DOWN), &words);
    scene.is_refused(7, "teardown.sh", &elsewhere(&["--dry-run"]), &words);

    // Whether it is there is not known, which is not that it is not.
    scene.write("doubles/cloud/silent", "");
    let answer = scene.ends(1, "teardown.sh", &gke(&place, DOWN));
    assert!(answer.stderr.contains("cannot be known: ERROR: code=503"), "{}", answer.stderr);
    assert!(scene.changes().is_empty());
    scene.forget("silent");

    // Its making failed in the middle.
    scene.write("doubles/cloud/tainted", "");
    // A destroy that failed has taken the outputs away.
    scene.write("doubles/cloud/network_in_use", "");
    scene.ends(1, "teardown.sh", &gke(&place, DOWN));
    assert!(!there(&place, "cluster") && !there(&place, "states/zero-prover.outputs"));
    scene.changes();
    scene.is_refused(7, "teardown.sh", &elsewhere(DOWN), &words);
    the_rest_goes_without_a_cluster(&place);
}

/// Of what setup.sh has made only the network is left, and this machine knows nothing of the state.
fn the_rest_goes_without_a_cluster(place: &Place) {
    let scene = &place.scene;
    scene.forget("network_in_use");
    fs::remove_dir_all(scene.path("doubles/cloud/initialised")).unwrap();
    fs::remove_file(scene.path("terraform/backend.tf")).unwrap();
    let gone = scene.ends(0, "teardown.sh", &gke(place, DOWN));
    let changed = scene.changes();
    assert!(changed.iter().any(|line| line.contains(" destroy ")), "{changed:#?}: {}", gone.stderr);
    assert!(
        !changed.iter().any(|line| line.contains(" apply ")),
        "an apply makes what is missing: {changed:#?}"
    );
    assert!(!there(place, "cluster"));
    assert_eq!(scene.read("doubles/cloud/states/zero-prover"), "");
}

#[test]
fn a_backend_of_ones_own_is_looked_at_too() {
    let Some(place) = Place::find("state_own", Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    let own = "terraform {\n  backend \"s3\" {\n    bucket = \"ours\"\n  }\n}\n";
    scene.write("terraform/place.tf", own);
    scene.ends(0, "setup.sh", &gke(&place, INFRA));
    scene.changes();
    for (script, more) in [("setup.sh", INFRA), ("teardown.sh", DOWN)] {
        let args = gke(&place, &[&["--name", "second"], more].concat());
        let answer = scene.ends(7, script, &args);
        let words = "is of --name `zero-prover`, and this run is of `second`";
        assert!(answer.stderr.contains(words), "{}", answer.stderr);
        let changed = scene.changes();
        assert!(changed.iter().all(|line| line.contains(" init ")), "{changed:#?}");
    }
    scene.ends(0, "teardown.sh", &gke(&place, DOWN));
    assert!(!there(&place, "cluster"));
}

#[test]
fn files_of_variables_that_say_otherwise_are_refused() {
    let Some(place) = Place::find("state_files", Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    for (file, text, args) in [
        ("terraform/terraform.tfvars", "region = \"europe-west4\"\n", &[][..]),
        ("terraform/own.auto.tfvars.json", "{\n  \"region\": \"europe-west4\"\n}\n", &[]),
        ("own.tfvars", "region   = \"europe-west4\" # near\n", &["--var-file", "own.tfvars"]),
    ] {
        scene.write(file, text);
        for script in ["setup.sh", "teardown.sh"] {
            let answer = scene.ends(2, script, &gke(&place, args));
            let words = "give --region europe-west4";
            assert!(answer.stderr.contains(words), "{file}: {}", answer.stderr);
        }
        fs::remove_file(scene.path(file)).unwrap();
    }
    assert!(scene.changes().is_empty());
    let same = "region = \"us-central1\"\nlabels = {\n  region = \"x\"\n}\n";
    scene.write("terraform/terraform.tfvars", same);
    scene.ends(0, "setup.sh", &gke(&place, &["--dry-run"]));
}

#[test]
fn a_plan_that_destroys_something_wants_a_word_of_its_own() {
    let Some(place) = Place::find("state_losses", Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    scene.ends(0, "setup.sh", &gke(&place, INFRA));
    let quota = scene.read("doubles/cloud/quota");
    assert_eq!(quota, "my-project true\n", "whose quota the calls are");
    scene.changes();
    scene.write("doubles/cloud/replaces", "module.highmem_pool.google_container_node_pool.pool");
    let answer = scene.ends(7, "setup.sh", &gke(&place, INFRA));
    for words in [
        "destroy or replace what is there: module.highmem_pool.google_container_node_pool.pool; nothing was applied",
        "the same command with --allow-replace",
    ] {
        assert!(answer.stderr.contains(words), "{words}: {}", answer.stderr);
    }
    let changed = scene.changes();
    assert!(changed.len() == 1 && changed[0].contains(" init "), "{changed:#?}");
    scene.ends(0, "setup.sh", &gke(&place, &[INFRA, &["--allow-replace"]].concat()));
    let changed = scene.changes();
    assert!(changed[1].ends_with(" apply -input=false setup.tfplan"), "{changed:#?}");
}

#[test]
fn a_bucket_of_another_name_stays_is_told_and_is_taken_over() {
    let Some(place) = Place::find("state_bucket", Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    scene.write("own.tfvars", "proofs_bucket_name = \"mine\"\n");
    let up = gke(&place, &["--yes", "--only", "infra", "--var-file", "own.tfvars"]);
    let down = gke(&place, &["--yes", "--stop-proofs", "--var-file", "own.tfvars"]);
    scene.ends(0, "setup.sh", &up);
    scene.write("doubles/cloud/buckets/mine", "gs://mine/b3.zkproof\n");
    scene.write("doubles/cloud/filestore", "pvc-77 1024 STANDARD us-central1-b\n");
    let gone = scene.ends(0, "teardown.sh", &down);
    for words in [
        "bucket gs://mine of 3221225472 bytes",
        "Filestore instance pvc-77 (STANDARD) of 1024 GB",
        "gcloud filestore instances delete pvc-77 --location us-central1-b --project my-project",
    ] {
        assert!(gone.stderr.contains(words), "{words}: {}", gone.stderr);
    }
    scene.changes();
    scene.ends(0, "setup.sh", &up);
    let changed = scene.changes();
    let import = changed.iter().find(|line| line.contains(" import ")).unwrap();
    assert!(import.ends_with(" mine"), "{import}");
    // Nothing is in it: whoever asks Google to delete what matches is told that nothing does.
    scene.write("doubles/cloud/buckets/mine", "");
    scene.ends(0, "teardown.sh", &[&down[..], &["--delete-data"]].concat());
    assert!(!there(&place, "buckets/mine") && !there(&place, "cluster"));
}
