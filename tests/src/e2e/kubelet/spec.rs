//! A container as the API server has it → a command line and an environment on this machine.
//!
//! Mapped are: references to Secrets and ConfigMaps, `$(NAME)`, paths below mounts, addresses that mean every interface
//! (the pod's own), and names of Services.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Ground;
use super::volumes::Mounts;
use crate::e2e::images;
use crate::e2e::services::LEADS_TO;

/// What is run.
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
}

/// Names and values.
pub(super) type Environment = Vec<(String, String)>;

/// A container, and what it sees of the world.
pub(super) struct Seen<'a> {
    pub(super) pod: &'a Value,
    pub(super) container: &'a Value,
    pub(super) ip: Ipv4Addr,
    pub(super) mounts: &'a Mounts,
    pub(super) ground: &'a Ground,
}

impl Seen<'_> {
    /// What is run, and the environment; nothing is run of what no image of ours has, or of what is elsewhere.
    pub(super) fn launch(&self) -> Result<(Option<Launch>, Environment)> {
        let words = self.words();
        let (first, rest) = words.split_first().context("a container has an image")?;
        let elsewhere = self.pod.pointer("/metadata/annotations").and_then(|all| all.get(LEADS_TO));
        let program = Launch::find(&self.ground.images, first).filter(|_| elsewhere.is_none());
        let mut env = images::environment(first, self.ip)?;
        env.extend(self.environment()?);
        let args = rest.iter().map(|word| self.mapped(&expanded(word, &env))).collect();
        Ok((program.map(|program| Launch { program, args }), self.here(&env)?))
    }

    /// The environment as it is on this machine.
    fn here(&self, env: &[(String, String)]) -> Result<Environment> {
        let mut here: Environment =
            env.iter().map(|(name, value)| (name.clone(), self.mapped(value))).collect();
        let path = std::env::var("PATH").unwrap_or_default();
        // By its home the guard of the run knows a process.
        here.retain(|(name, _)| name != "HOME" && name != "PATH");
        here.push(("PATH".to_owned(), format!("{}:{path}", self.ground.images.display())));
        here.push(("HOME".to_owned(), self.ground.home.display().to_string()));
        here.extend(self.account()?);
        Ok(here)
    }

    /// The command, or what the image would run, and the arguments.
    fn words(&self) -> Vec<String> {
        let texts = |key: &str| -> Vec<String> {
            let list = self.container.get(key).and_then(Value::as_array);
            list.into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        };
        let mut command = texts("command");
        if command.is_empty() {
            let image = self.container.get("image").and_then(Value::as_str).unwrap_or_default();
            let name = image.rsplit('/').next().unwrap_or_default();
            command.push(name.split([':', '@']).next().unwrap_or_default().to_owned());
        }
        command.extend(texts("args"));
        command
    }

    fn environment(&self) -> Result<Environment> {
        let mut env = Environment::new();
        let list =
            |key: &str| self.container.get(key).and_then(Value::as_array).into_iter().flatten();
        for source in list("envFrom") {
            for (key, plural) in [("secretRef", "secrets"), ("configMapRef", "configmaps")] {
                let Some(reference) = source.get(key) else { continue };
                for (name, value) in self.all_keys(reference, plural)? {
                    env.push((name, value));
                }
            }
        }
        for entry in list("env") {
            let name = entry.get("name").and_then(Value::as_str).unwrap_or_default();
            let value = match entry.get("valueFrom") {
                Some(source) => self.value_from(source)?,
                None => {
                    entry.get("value").and_then(Value::as_str).map(|value| expanded(value, &env))
                }
            };
            env.extend(value.map(|value| (name.to_owned(), value)));
        }
        Ok(env)
    }

    fn all_keys(&self, reference: &Value, plural: &str) -> Result<Vec<(String, String)>> {
        let Some(found) = self.referred(reference, plural)? else { return Ok(Vec::new()) };
        let data = found.get("data").and_then(Value::as_object);
        let keys = data.into_iter().flatten();
        keys.map(|(key, value)| Ok((key.clone(), decoded(value, plural)?))).collect()
    }

    fn value_from(&self, source: &Value) -> Result<Option<String>> {
        for (key, plural) in [("secretKeyRef", "secrets"), ("configMapKeyRef", "configmaps")] {
            let Some(reference) = source.get(key) else { continue };
            let Some(found) = self.referred(reference, plural)? else { return Ok(None) };
            let wanted = reference.get("key").and_then(Value::as_str).unwrap_or_default();
            let value = found.pointer("/data").and_then(|data| data.get(wanted));
            return match value {
                Some(value) => decoded(value, plural).map(Some),
                None if reference.get("optional").is_some_and(|told| told == true) => Ok(None),
                None => bail!("{plural} have no key {wanted}: {reference}"),
            };
        }
        let field = source.pointer("/fieldRef/fieldPath").and_then(Value::as_str);
        Ok(field.and_then(|path| self.field(path)))
    }

    fn field(&self, path: &str) -> Option<String> {
        if path == "status.podIP" || path == "status.podIPs" {
            return Some(self.ip.to_string());
        }
        let pointer = format!("/{}", path.replace('.', "/"));
        self.pod.pointer(&pointer).and_then(Value::as_str).map(ToOwned::to_owned)
    }

    fn referred(&self, reference: &Value, plural: &str) -> Result<Option<Value>> {
        let name =
            reference.get("name").and_then(Value::as_str).context("a reference has a name")?;
        let optional = reference.get("optional").is_some_and(|told| told == true);
        object(self.ground, (self.namespace(), plural, name), optional)
    }

    fn namespace(&self) -> &str {
        self.pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default()
    }

    /// A text as it is on this machine.
    fn mapped(&self, text: &str) -> String {
        let list = self.container.get("volumeMounts").and_then(Value::as_array);
        let mut mounts: Vec<(&str, String)> = list
            .into_iter()
            .flatten()
            .filter_map(|mount| {
                let folder = self.mounts.get(mount.get("name")?.as_str()?)?;
                let below = mount.get("subPath").and_then(Value::as_str);
                let folder = below.map_or_else(|| folder.clone(), |below| folder.join(below));
                let path = mount.get("mountPath")?.as_str()?.trim_end_matches('/');
                Some((path, folder.display().to_string()))
            })
            .collect();
        mounts.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        let table = self.ground.services.table();
        below(&here(&table.resolved(text, self.namespace()), self.ip), &mounts)
    }

    /// A kubeconfig of the pod's service account, if it has one of its own.
    fn account(&self) -> Result<Option<(String, String)>> {
        let spec = self.pod.get("spec").context("a pod has a spec")?;
        let account = spec.get("serviceAccountName").and_then(Value::as_str).unwrap_or("default");
        if account == "default"
            || spec.get("automountServiceAccountToken").is_some_and(|told| told == false)
        {
            return Ok(None);
        }
        let namespace = self.namespace();
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let answer = self.ground.api.create(&path, &request)?;
        let token = answer.pointer("/status/token").context("no token was made")?;
        let cluster = &self.ground.cluster;
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "pod",
            "clusters": [{"name": "here", "cluster": {"server": cluster.server, "certificate-authority": cluster.authority}}],
            "users": [{"name": "pod", "user": {"token": token}}],
            "contexts": [{"name": "pod", "context": {"cluster": "here", "user": "pod", "namespace": namespace}}]});
        let file = self.ground.home.join(format!("account-{namespace}-{account}.kubeconfig"));
        std::fs::write(&file, config.to_string())?;
        Ok(Some(("KUBECONFIG".to_owned(), file.display().to_string())))
    }
}

/// A Secret or ConfigMap; `None`: it is optional and not there.
pub(super) fn object(
    ground: &Ground,
    (namespace, plural, name): (&str, &str, &str),
    optional: bool,
) -> Result<Option<Value>> {
    let found = ground.api.find(&format!("/api/v1/namespaces/{namespace}/{plural}/{name}"))?;
    if found.is_none() && !optional {
        bail!("there is no {name} among the {plural} of {namespace}");
    }
    Ok(found)
}

/// Every interface of a pod is its own address.
pub(super) fn here(text: &str, ip: Ipv4Addr) -> String {
    text.replace("0.0.0.0:", &format!("{ip}:")).replace("[::]:", &format!("{ip}:"))
}

fn decoded(value: &Value, plural: &str) -> Result<String> {
    let text = value.as_str().context("a value is a text")?;
    if plural == "configmaps" {
        return Ok(text.to_owned());
    }
    String::from_utf8(STANDARD.decode(text)?).context("a value of a Secret is a text here")
}

/// `$(NAME)` as a kubelet fills it in: with what was set before, else as it stands.
fn expanded(text: &str, env: &[(String, String)]) -> String {
    let last = env.iter().rev();
    last.fold(text.to_owned(), |text, (name, value)| text.replace(&format!("$({name})"), value))
}

/// The text with folders in place of mounts' paths, where one stands whole; of several the first.
///
/// What was put there is not looked at again: a folder of this machine may begin as a mount does.
fn below(text: &str, mounts: &[(&str, String)]) -> String {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    let (mut done, mut rest, mut inside) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        let mount = mounts.iter().find_map(|(path, folder)| {
            let after = rest.strip_prefix(path).filter(|after| !inside && !after.starts_with(part));
            Some((folder, after?))
        });
        if let Some((folder, after)) = mount {
            done += folder;
            (rest, inside) = (after, true);
        } else {
            done.push(first);
            (rest, inside) = (rest.strip_prefix(first).unwrap_or_default(), part(first));
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounts_path_is_replaced_where_it_stands_whole() {
        let mounts = [("/etc/zero", "/tmp/v".to_owned()), ("/tmp", "/tmp/t".to_owned())];
        let seen = below("--file=/etc/zero/password,/etc/zeroes /etc/zero /tmp /x/tmp", &mounts);
        assert_eq!(seen, "--file=/tmp/v/password,/etc/zeroes /tmp/v /tmp/t /x/tmp");
    }

    #[test]
    fn the_last_of_a_name_counts_and_unknown_names_stay() {
        let env = [("A".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())];
        assert_eq!(expanded("$(A)-$(B)", &env), "2-$(B)");
    }

    #[test]
    fn every_interface_is_the_pods_own() {
        assert_eq!(
            here("0.0.0.0:80 [::]:81", Ipv4Addr::new(127, 77, 0, 1)),
            "127.77.0.1:80 127.77.0.1:81"
        );
    }
}
