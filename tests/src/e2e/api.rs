//! The API server's objects as JSON, by way of the real `kubectl proxy`, which knows who we are.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// The API server answers in milliseconds; one under load in seconds.
const LIMIT: Duration = Duration::from_secs(30);

/// A client; clones share its connections.
#[derive(Debug, Clone)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
}

impl Api {
    /// A client of a proxy on this port.
    #[must_use]
    pub fn at(port: u16) -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.timeout_global(Some(LIMIT)).http_status_as_error(false).build();
        Self { agent: config.into(), base: format!("http://127.0.0.1:{port}") }
    }

    /// The object or list on a path.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.find(path)?.with_context(|| format!("there is no {path}"))
    }

    /// The same, where it may be missing.
    pub fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.agent.get(self.url(path)).call();
        read("GET", path, answer)
    }

    /// The items of a list.
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut list = self.get(path)?;
        match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => bail!("{path} is no list"),
        }
    }

    /// Hears of the changes of an object since a version of it, for two seconds or until it says no.
    pub fn changes(
        &self,
        path: &str,
        since: u64,
        mut hear: impl FnMut(&Value) -> bool,
    ) -> anyhow::Result<()> {
        let query = format!("watch=true&resourceVersion={since}&timeoutSeconds=2");
        let url = format!("{}&{query}", self.url(&Self::of_one(path)?));
        let answer = self.agent.get(url).call()?;
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let change: Value = serde_json::from_str(&line?)?;
            if !change.get("object").is_some_and(&mut hear) {
                bail!("no change of {path}: {change}");
            }
        }
        Ok(())
    }

    /// The path of the list in which there is this one object and no other.
    pub fn of_one(path: &str) -> anyhow::Result<String> {
        let (all, name) = path.rsplit_once('/').context("a path with a name")?;
        Ok(format!("{all}?fieldSelector=metadata.name%3D{name}"))
    }

    /// Makes an object.
    pub fn create(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let post = self.agent.post(self.url(path)).header("content-type", "application/json");
        read("POST", path, post.send(object.to_string()))?.context("it was not made")
    }

    /// Changes what the patch names, `null` takes away; the object may have gone.
    pub fn merge(&self, path: &str, change: &Value) -> anyhow::Result<Option<Value>> {
        let kind = "application/merge-patch+json";
        let request = self.agent.patch(self.url(path)).header("content-type", kind);
        read("PATCH", path, request.send(change.to_string()))
    }

    /// Makes or changes an object, as its owner of this name.
    pub fn apply(&self, path: &str, object: &Value) -> anyhow::Result<Value> {
        let url = format!("{}?fieldManager=e2e&force=true", self.url(path));
        let kind = "application/apply-patch+yaml";
        let request = self.agent.patch(url).header("content-type", kind);
        read("APPLY", path, request.send(object.to_string()))?.context("it was not applied")
    }

    /// Deletes an object; one that has gone is no error.
    pub fn delete(&self, path: &str, grace: Option<u32>) -> anyhow::Result<()> {
        let query = grace.map(|seconds| format!("?gracePeriodSeconds={seconds}"));
        let url = self.url(path) + &query.unwrap_or_default();
        read("DELETE", path, self.agent.delete(url).call()).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

type Answer = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// `None`: there is no such object.
fn read(act: &str, path: &str, answer: Answer) -> anyhow::Result<Option<Value>> {
    let mut answer = answer.with_context(|| format!("{act} {path}"))?;
    let body = answer.body_mut().with_config().limit(64 << 20).read_to_string();
    let body = body.with_context(|| format!("read the answer to {act} {path}"))?;
    match answer.status().as_u16() {
        200..=299 => serde_json::from_str(&body).map(Some).context("read JSON"),
        404 => Ok(None),
        code => bail!("{act} {path} was answered with {code}: {body}"),
    }
}
