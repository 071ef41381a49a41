//! The scaler's status page: its words for people, and how many workers it wants.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use crate::cluster::Forward;
use crate::exit::NotFound;

/// A scaler, and the way to it if that is a forward.
#[derive(Debug)]
pub(crate) struct Scaler {
    pub(crate) url: Url,
    pub(crate) forward: Option<Forward>,
    /// Bounds each answer.
    pub(crate) limit: Duration,
}

/// What the scaler answers KEDA for one ScaledObject, as far as `/status.json` is read here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Trigger {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) answer: Answer,
}

/// A number or a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Workers wanted.
    Value { workers: u64 },
    /// KEDA is answered with an error.
    Refused { reason: String },
}

/// `/status.json`, as far as it is read here.
#[derive(Debug, Deserialize)]
struct Status {
    version: Option<String>,
    triggers: Vec<Trigger>,
}

impl Scaler {
    /// `/explain`, with these keys and values.
    pub(crate) async fn explain(&self, query: &[(&str, &str)]) -> Result<String> {
        self.get("explain", query).await
    }

    /// Every trigger that KEDA asked for lately.
    pub(crate) async fn triggers(&self) -> Result<Vec<Trigger>> {
        Ok(self.status().await?.triggers)
    }

    /// Its version.
    pub(crate) async fn version(&self) -> Result<String> {
        self.status().await?.version.context("it does not tell its version")
    }

    async fn status(&self) -> Result<Status> {
        let text = self.get("status.json", &[]).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is no scaler of this version", self.url))
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<String> {
        let mut url = self.url.join(path).context("--scaler-url")?;
        for (key, value) in query {
            url.query_pairs_mut().append_pair(key, value);
        }
        let answer = self.ask(url).await;
        let (status, words) = match self.forward.as_ref().and_then(Forward::trouble) {
            Some(trouble) => answer.context(trouble)?,
            None => answer?,
        };
        match status {
            StatusCode::OK => Ok(words),
            StatusCode::NOT_FOUND => Err(NotFound(words.trim().to_owned()).into()),
            _ => bail!("{}", words.trim()),
        }
    }

    async fn ask(&self, url: Url) -> Result<(StatusCode, String)> {
        let client = Client::builder().timeout(self.limit).build().context("cannot start")?;
        let answer = client.get(url).send().await.map_err(|error| {
            anyhow::Error::from(error.without_url()).context(format!(
                "the scaler does not answer at {}; say where its status page is with --scaler-url",
                self.url
            ))
        })?;
        let status = answer.status();
        Ok((status, answer.text().await.context("the scaler's answer broke off")?))
    }
}

/// PURE: workers wanted in all: of a ScaledObject's triggers the greatest counts, as KEDA has it,
/// and ScaledObjects add up. `None`: there is no trigger, or one is refused.
pub(crate) fn wanted(triggers: &[Trigger]) -> Option<u64> {
    let mut objects = BTreeMap::new();
    for trigger in triggers {
        let Answer::Value { workers } = trigger.answer else { return None };
        let most = objects.entry((&trigger.namespace, &trigger.name)).or_insert(workers);
        *most = workers.max(*most);
    }
    (!objects.is_empty()).then(|| objects.values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triggers(json: &str) -> Vec<Trigger> {
        serde_json::from_str::<Status>(json).unwrap().triggers
    }

    #[test]
    fn triggers_of_one_object_compete_and_objects_add_up() {
        let told = triggers(
            r#"{"version": "1", "triggers": [
            {"namespace": "a", "name": "heavy", "metric": "m", "answer": {"value": {"workers": 3, "busy": 1}}},
            {"namespace": "a", "name": "heavy", "answer": {"value": {"workers": 5}}},
            {"namespace": "a", "name": "light", "answer": {"value": {"workers": 2}}}]}"#,
        );
        assert_eq!(wanted(&told), Some(7));
        assert_eq!(wanted(&[]), None);
    }

    #[test]
    fn a_refusal_is_no_number() {
        let told = triggers(
            r#"{"triggers": [{"namespace": "a", "name": "b", "answer": {"refused": {"reason": "too old"}}}]}"#,
        );
        assert_eq!(wanted(&told), None);
    }
}
