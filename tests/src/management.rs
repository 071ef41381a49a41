//! A small blocking client of the management API, for setting up brokers and looking at them from the outside.
//!
//! It is not the product's client, so that the product's client is not tested against itself.

use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::http::{Method, Request};

use crate::access::segment;

/// Longer than any answer of a healthy broker; a paused one must not hold a test for ever.
const TIMEOUT: Duration = Duration::from_secs(20);
/// A list of some ten thousand queues with all their columns fits.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// The management API of one broker.
pub struct Management {
    agent: ureq::Agent,
    base: String,
    authorization: String,
}

/// A policy for queues of one vhost.
#[derive(Debug, Clone)]
pub struct Policy<'a> {
    /// The policy's name.
    pub name: &'a str,
    /// The regular expression its queues' names match.
    pub pattern: &'a str,
    /// What it sets, for example `{"max-length": 10}`.
    pub definition: Value,
}

impl Management {
    /// A client that signs in with every request.
    #[must_use]
    pub fn new(base: &str, user: &str, password: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build()
            .into();
        let authorization = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Self { agent, base: base.to_owned(), authorization }
    }

    /// Reads `/api/…`; no body is `null`.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(&Method::GET, path, None)
    }

    /// Creates or replaces what is at `/api/…`.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(&Method::PUT, path, Some(body))
    }

    /// Sends a body to `/api/…`.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(&Method::POST, path, Some(body))
    }

    /// Removes what is at `/api/…`.
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.call(&Method::DELETE, path, None)
    }

    /// Makes a vhost, and gives `user` every right in it.
    pub fn add_vhost(&self, vhost: &str, user: &str) -> anyhow::Result<()> {
        let vhost = segment(vhost);
        self.put(&format!("/api/vhosts/{vhost}"), &json!({}))?;
        let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.put(&format!("/api/permissions/{vhost}/{}", segment(user)), &all)?;
        Ok(())
    }

    /// Deletes a vhost with everything in it.
    pub fn delete_vhost(&self, vhost: &str) -> anyhow::Result<()> {
        self.delete(&format!("/api/vhosts/{}", segment(vhost)))?;
        Ok(())
    }

    /// Sets a policy on the queues of a vhost.
    pub fn set_policy(&self, vhost: &str, policy: &Policy<'_>) -> anyhow::Result<()> {
        let Policy { name, pattern, definition } = policy;
        let path = format!("/api/policies/{}/{}", segment(vhost), segment(name));
        let body = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
        self.put(&path, &body)?;
        Ok(())
    }

    fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let (status, text) =
            self.exchange(method, path, body).with_context(|| format!("{method} {path}"))?;
        if !(200..300).contains(&status) {
            bail!("{method} {path} was answered with {status}: {text}");
        }
        if text.trim().is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{method} {path} did not answer JSON"))
    }

    fn exchange(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, String)> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json");
        let mut answer = match body {
            Some(body) => self.agent.run(request.body(body.to_string())?)?,
            None => self.agent.run(request.body(())?)?,
        };
        let text = answer.body_mut().with_config().limit(LARGEST_ANSWER).read_to_string()?;
        Ok((answer.status().as_u16(), text))
    }
}
