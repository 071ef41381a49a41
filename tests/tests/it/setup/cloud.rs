//! `tools/setup.sh` and `tools/teardown.sh` on GKE: Google Cloud and Terraform are stand-ins, the cluster that comes of it is
//! a real API server.

use std::fs;
use std::io::{BufRead as _, BufReader};

use tests::helm::Generation;
use tests::repository;

use super::place::{GKE, Place};

/// A copy of Terraform's folder, so that nothing is written into this repository.
pub(super) fn terraform(place: &Place) {
    let to = place.scene.path("terraform");
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(repository::root().join("terraform")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "tf") && !path.ends_with("backend.tf") {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let line = "gcloud container clusters get-credentials zero-prover-gke-cluster --region us-central1 --project my-project --dns-endpoint\n";
    place.scene.write("doubles/cloud/get_credentials", line);
}

pub(super) fn gke<'a>(place: &'a Place, more: &[&'a str]) -> Vec<&'a str> {
    let own = [
        "--project",
        "my-project",
        "--terraform-dir",
        "terraform",
        "--namespace",
        &place.namespace,
    ];
    [&own[..], more].concat()
}

pub(super) fn there(place: &Place, fact: &str) -> bool {
    place.scene.path("doubles/cloud").join(fact).exists()
}

const STATE: &str = "buckets/my-project-zero-prover-state";
pub(super) const PROOFS: &str = "buckets/my-project-zero-prover-proofs";

#[test]
fn an_empty_project_becomes_a_release_and_goes_again() {
    let test = "setup_gke";
    let Some(place) = Place::find(test, Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    let up = gke(&place, &["--values", "values.yaml"]);
    let yes = [&up[..], &["--yes"]].concat();

    let planned = scene.ends(0, "setup.sh", &[&up[..], &["--dry-run"]].concat());
    assert!(scene.changes().is_empty() && !scene.path("terraform/backend.tf").exists());
    assert!(
        planned.stderr.contains(
            "  to do    cluster zero-prover-gke-cluster in us-central1 of project my-project"
        ),
        "{}",
        planned.stderr
    );
    scene.ends(7, "setup.sh", &up);
    let done = scene.ends(0, "setup.sh", &yes);
    let told: Vec<&str> = planned.stdout.lines().collect();
    let shown: Vec<&str> = done.stderr.lines().filter_map(|line| line.strip_prefix("+ ")).collect();
    assert_eq!(told, shown, "a dry run tells every command, and no other");
    assert!(there(&place, STATE) && there(&place, PROOFS) && there(&place, "cluster"));
    assert!(!scene.path("terraform/setup.tfplan").exists());
    let init = "init -input=false -reconfigure -backend-config=bucket=my-project-zero-prover-state -backend-config=prefix=zero-prover";
    assert!(done.stderr.contains(init), "{}", done.stderr);
    scene.changes();

    let again = scene.ends(0, "setup.sh", &yes);
    assert!(again.stderr.contains("Terraform has nothing to change"), "{}", again.stderr);
    let changed = scene.changes();
    assert!(changed.len() == 1 && changed[0].contains(" init "), "{changed:#?}");
    proofs_outlive_the_cluster(&place, &yes);
}

/// And the next cluster takes them over.
fn proofs_outlive_the_cluster(place: &Place, yes: &[&str]) {
    let scene = &place.scene;
    scene.write(
        &format!("doubles/cloud/{PROOFS}"),
        "gs://my-project-zero-prover-proofs/b3.zkproof\n",
    );
    scene.write("doubles/cloud/disks", "pvc-0a1b 50 us-central1-a\n");
    let down = gke(place, &["--yes", "--stop-proofs"]);
    let gone = scene.ends(0, "teardown.sh", &down);
    assert!(there(place, PROOFS) && there(place, STATE) && !there(place, "cluster"));
    for words in [
        "bucket gs://my-project-zero-prover-proofs of 3221225472 bytes, about $0.06 a month",
        "disk pvc-0a1b of 50 GB that no machine uses, about $5.00 a month",
        "gcloud compute disks delete pvc-0a1b --zone us-central1-a --project my-project",
    ] {
        assert!(gone.stderr.contains(words), "{words}: {}", gone.stderr);
    }
    scene.changes();
    scene.ends(0, "setup.sh", &[yes, &["--only", "infra"]].concat());
    let changed = scene.changes();
    assert!(changed.iter().any(|line| line.contains(" import ")), "{changed:#?}");
    let data = [&down[..], &["--delete-data"]].concat();
    scene.ends(0, "teardown.sh", &data);
    assert!(!there(place, PROOFS) && there(place, STATE) && !there(place, "cluster"));
    assert!(
        scene
            .changes()
            .iter()
            .any(|line| line.starts_with("gcloud storage rm --recursive --all-versions"))
    );
}

/// As it was before anything was made.
fn empty_again(place: &Place) {
    for path in [
        "doubles/cloud/buckets",
        "doubles/cloud/cluster",
        "doubles/cloud/initialised",
        "doubles/cloud/protected",
        "doubles/cloud/states",
    ] {
        let path = place.scene.path(path);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
    }
    for path in ["terraform/backend.tf", "terraform/setup.tfplan", "kubeconfig"] {
        let _ = fs::remove_file(place.scene.path(path));
    }
    fs::create_dir(place.scene.path("doubles/cloud/buckets")).unwrap();
    place.scene.changes();
}

#[test]
fn killed_before_and_after_each_change_a_cluster_is_made_once() {
    let test = "setup_gke_killed";
    let Some(place) = Place::find(test, Generation::V3, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    let args = gke(&place, &["--yes", "--only", "infra"]);
    scene.ends(0, "setup.sh", &args);
    let whole = scene.changes();
    assert_eq!(whole.len(), 5, "the state's bucket, the cluster, its credentials: {whole:#?}");
    for point in
        (1..=whole.len()).flat_map(|number| [format!("before {number}"), format!("after {number}")])
    {
        empty_again(&place);
        let answer = scene.killed(&point, "setup.sh", &args);
        assert_eq!(answer.code, None, "{point}: {}", answer.stderr);
        let answer = scene.ends(0, "setup.sh", &args);
        assert_eq!(
            scene.read("doubles/cloud/states/zero-prover").lines().count(),
            3,
            "a network, a cluster, a bucket; {point}: {}",
            answer.stderr
        );
        assert!(there(&place, STATE) && there(&place, "cluster"), "{point}");
        assert!(!scene.path("terraform/setup.tfplan").exists(), "{point}");
        let answer = scene.ends(0, "setup.sh", &args);
        assert!(
            answer.stderr.contains("Terraform has nothing to change"),
            "{point}: {}",
            answer.stderr
        );
    }
}

#[test]
fn a_state_that_somebody_keeps_elsewhere_is_left_there() {
    let test = "setup_gke_own_state";
    let Some(place) = Place::find(test, Generation::V4, GKE) else { return };
    terraform(&place);
    let own = "terraform {\n  backend \"s3\" {\n    bucket = \"ours\"\n  }\n}\n";
    place.scene.write("terraform/place.tf", own);
    let args = gke(&place, &["--yes", "--only", "infra"]);
    let answer = place.scene.ends(0, "setup.sh", &args);
    assert!(answer.stderr.contains("say where it is kept"), "{}", answer.stderr);
    assert!(!there(&place, STATE) && !place.scene.path("terraform/backend.tf").exists());
    assert!(!answer.stderr.contains("-backend-config"), "{}", answer.stderr);
}

/// Nobody deletes it once the cluster's drivers are gone.
#[test]
fn a_volume_that_is_being_deleted_is_gone_before_its_cluster() {
    let test = "setup_gke_volumes";
    let Some(place) = Place::find(test, Generation::V4, GKE) else { return };
    terraform(&place);
    let scene = &place.scene;
    scene.ends(0, "setup.sh", &gke(&place, &["--yes", "--only", "infra"]));
    let volume = "apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: NAME}\n\
                  spec: {capacity: {storage: 1Ti}, accessModes: [ReadWriteMany], hostPath: {path: /none}, \
                  persistentVolumeReclaimPolicy: POLICY, claimRef: {namespace: NAMESPACE, name: circuits}}\n";
    let volume = volume.replace("NAMESPACE", &place.namespace);
    for (name, policy) in [("going", "Delete"), ("kept", "Retain")] {
        place.plane.apply(&volume.replace("NAME", name).replace("POLICY", policy)).unwrap();
    }
    let mut child = scene.begin("teardown.sh", &gke(&place, &["--yes", "--stop-proofs"]));
    let mut words = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(
        words.any(|line| line.contains("waiting for the volumes") && line.ends_with(": going"))
    );
    assert!(there(&place, "cluster"));
    let free = r#"{"metadata": {"finalizers": null}}"#;
    place.plane.kubectl(&["delete", "persistentvolume", "going", "--wait=false"]).unwrap();
    place.plane.kubectl(&["patch", "persistentvolume", "going", "--patch", free]).unwrap();
    let rest: Vec<String> = words.collect();
    assert!(child.wait().unwrap().success(), "{rest:#?}");
    assert!(!there(&place, "cluster"));
}
