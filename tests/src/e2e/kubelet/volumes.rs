//! Volumes as folders: Secrets, ConfigMaps, empty ones and claims.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::spec::{here, object};
use super::{Ground, claims};

/// The folder of each volume, by name.
pub(super) type Mounts = BTreeMap<String, PathBuf>;

/// Makes the folders of a pod's volumes.
pub(super) fn prepare(pod: &Value, folder: &Path, ground: &Ground, ip: Ipv4Addr) -> Result<Mounts> {
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
    let mut mounts = Mounts::new();
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    for volume in volumes.into_iter().flatten() {
        let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut at = folder.join(name);
        if let Some(claim) =
            volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str)
        {
            at = claims::folder(&ground.home, namespace, claim);
        }
        fs::create_dir_all(&at)?;
        let sources = volume.pointer("/projected/sources").and_then(Value::as_array);
        for source in sources.into_iter().flatten().chain([volume]) {
            let text = |text: &str| here(&ground.services.table().resolved(text, namespace), ip);
            fill(source, (&at, namespace), ground, &text)?;
        }
        mounts.insert(name.to_owned(), at);
    }
    Ok(mounts)
}

fn fill(
    source: &Value,
    (at, namespace): (&Path, &str),
    ground: &Ground,
    text: &dyn Fn(&str) -> String,
) -> Result<()> {
    for (kind, plural) in [("secret", "secrets"), ("configMap", "configmaps")] {
        let Some(source) = source.get(kind) else { continue };
        let name = source.get("secretName").or_else(|| source.get("name")).and_then(Value::as_str);
        let name = name.context("a volume names its object")?;
        let optional = source.get("optional").is_some_and(|told| told == true);
        let Some(found) = object(ground, (namespace, plural, name), optional)? else { continue };
        let data = found.get("data").and_then(Value::as_object);
        for (key, value) in data.into_iter().flatten() {
            let value = value.as_str().unwrap_or_default();
            let bytes =
                if kind == "secret" { STANDARD.decode(value)? } else { text(value).into_bytes() };
            let Some(file) = file_of(source, key) else { continue };
            let path = at.join(file);
            fs::create_dir_all(path.parent().unwrap_or(at))?;
            fs::write(path, bytes)?;
        }
    }
    Ok(())
}

/// Under which name a key is a file; `None`: it is not among the items that are asked for.
fn file_of(source: &Value, key: &str) -> Option<String> {
    let Some(items) = source.get("items").and_then(Value::as_array) else {
        return Some(key.to_owned());
    };
    let item = items.iter().find(|item| item.get("key").is_some_and(|told| told == key))?;
    item.get("path")?.as_str().map(ToOwned::to_owned)
}
