//! What a provisioner does in a cluster: a volume for each claim of the default `StorageClass`, a folder of this machine.
//!
//! The real controllers bind the two, and keep a claim that a pod uses. A claim that goes takes its folder with it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::e2e::api::Api;

/// The `StorageClass`, which is the cluster's default.
const CLASS: &str = "folders";
/// Who makes its volumes: somebody whom the controllers do not know, and leave alone.
const PROVISIONER: &str = "zero-prover.test/folders";

/// The `StorageClass`. Volumes are made when the scheduler has found a node, as with the disks of clouds.
pub(in crate::e2e) fn class() -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER, "reclaimPolicy": "Delete", "allowVolumeExpansion": true,
        "volumeBindingMode": "WaitForFirstConsumer"})
}

/// The folder of a claim.
pub(super) fn folder(home: &Path, namespace: &str, claim: &str) -> PathBuf {
    home.join("claims").join(namespace).join(claim)
}

/// Makes volumes that are waited for, and removes those whose claims are gone.
pub(super) fn look_after(api: &Api, home: &Path) -> Result<()> {
    let volumes = api.list("/api/v1/persistentvolumes?resourceVersion=0")?;
    for claim in api.list("/api/v1/persistentvolumeclaims?resourceVersion=0")? {
        let Some(volume) = volume_for(&claim, home) else { continue };
        let name = volume.pointer("/metadata/name");
        if !volumes.iter().any(|other| other.pointer("/metadata/name") == name) {
            api.apply(&path(&volume), &volume).context("make a volume")?;
        }
    }
    for volume in volumes.iter().filter(|volume| is_released(volume)) {
        let folder = volume.pointer("/spec/hostPath/path").and_then(Value::as_str);
        let gone = fs::remove_dir_all(folder.context("a volume of ours is a folder")?);
        gone.or_else(
            |error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) },
        )?;
        api.delete(&path(volume), None)?;
    }
    Ok(())
}

fn path(volume: &Value) -> String {
    let name = volume.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    format!("/api/v1/persistentvolumes/{name}")
}

fn is_released(volume: &Value) -> bool {
    let says = |pointer: &str, word: &str| volume.pointer(pointer).is_some_and(|told| told == word);
    says("/spec/storageClassName", CLASS)
        && says("/status/phase", "Released")
        && volume.pointer("/metadata/deletionTimestamp").is_none()
}

/// PURE: the volume that a claim waits for; none for one that has one, or is not ours, or has no node yet.
fn volume_for(claim: &Value, home: &Path) -> Option<Value> {
    let text = |pointer: &str| claim.pointer(pointer).and_then(Value::as_str);
    let annotations = claim.pointer("/metadata/annotations")?;
    annotations.get("volume.kubernetes.io/selected-node")?;
    let waits = text("/spec/storageClassName") == Some(CLASS)
        && claim.pointer("/spec/volumeName").is_none()
        && claim.pointer("/metadata/deletionTimestamp").is_none();
    let (namespace, name) = (text("/metadata/namespace")?, text("/metadata/name")?);
    let uid = text("/metadata/uid")?;
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": format!("pvc-{uid}"), "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {"storageClassName": CLASS, "persistentVolumeReclaimPolicy": "Delete",
            "accessModes": claim.pointer("/spec/accessModes")?,
            "capacity": {"storage": claim.pointer("/spec/resources/requests/storage")?},
            "hostPath": {"path": folder(home, namespace, name)},
            "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "namespace": namespace, "name": name, "uid": uid}}});
    waits.then_some(volume)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(annotations: &Value, volume: &Value) -> Value {
        json!({"metadata": {"namespace": "provers", "name": "data", "uid": "7", "annotations": annotations},
            "spec": {"storageClassName": CLASS, "accessModes": ["ReadWriteOnce"], "volumeName": volume,
                "resources": {"requests": {"storage": "8Gi"}}}})
    }

    #[test]
    fn a_claim_that_has_a_node_gets_a_folder_of_the_size_it_asks_for() {
        let mut waiting =
            claim(&json!({"volume.kubernetes.io/selected-node": "node-0"}), &json!(""));
        waiting["spec"].as_object_mut().unwrap().remove("volumeName");
        let made = volume_for(&waiting, Path::new("/h")).unwrap();
        assert_eq!(made["spec"]["hostPath"]["path"], "/h/claims/provers/data");
        assert_eq!(made["spec"]["capacity"]["storage"], "8Gi");
        assert_eq!(made["spec"]["claimRef"]["uid"], "7");
    }

    #[test]
    fn one_that_is_bound_or_has_no_node_yet_gets_none() {
        let node = json!({"volume.kubernetes.io/selected-node": "node-0"});
        assert_eq!(volume_for(&claim(&node, &json!("pvc-7")), Path::new("/h")), None);
        assert_eq!(volume_for(&claim(&json!({}), &json!("")), Path::new("/h")), None);
    }
}
