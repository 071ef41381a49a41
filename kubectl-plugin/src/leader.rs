//! The proof service `zero-leader`, over HTTP.

mod manner;
mod trouble;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::header::ETAG;
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::place::Home;
use crate::proof::{Proof, State};
use crate::report::Report;
pub(crate) use manner::{Manner, token_of};
pub(crate) use trouble::Trouble;
pub(crate) use upload::Wish;

/// An answer that is read as a whole is shorter.
const LONGEST: usize = 64 << 20;
/// Proofs in one answer at most.
const PAGE: u32 = 1000;
/// Ending a leader and clearing up behind it, or verifying, takes longer than an answer from memory.
const AT_WORK: Duration = Duration::from_secs(3600);

/// A proof service that is named directly.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proof service")]
pub(crate) struct LeaderArgs {
    /// The proof service's address; without it, that of the release in the cluster.
    #[arg(
        long,
        global = true,
        env = "ZERO_LEADER_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) leader_url: Option<Url>,
    /// A file that holds the token the proof service asks for; without it, the release's Secret.
    #[arg(long, global = true, env = "ZERO_LEADER_TOKEN_FILE", value_name = "FILE")]
    pub(crate) leader_token_file: Option<PathBuf>,
}

impl LeaderArgs {
    /// The token that the command line names.
    fn token(&self) -> anyhow::Result<Option<SecretString>> {
        self.leader_token_file.as_deref().map(manner::token_in).transpose()
    }
}

/// A proof service, and the way to it.
#[derive(Debug)]
pub(crate) struct Leader {
    url: Url,
    /// The address for errors, without credentials.
    shown: String,
    client: Client,
    /// Bounds each answer from memory, and each silence within a longer one.
    limit: Duration,
    /// The release in a cluster it was found in.
    pub(crate) home: Option<Home>,
}

/// What runs there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) zero_leader: String,
    pub(crate) prover: Option<String>,
    pub(crate) generation: String,
    pub(crate) verifier: bool,
}

/// Which proofs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) state: Option<State>,
    pub(crate) block: Option<u64>,
    pub(crate) chain: Option<String>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// Some of the proofs.
#[derive(Debug, Deserialize)]
struct Page {
    proofs: Vec<Proof>,
    before: Option<i64>,
}

/// A file that comes in parts.
pub(crate) struct Coming {
    answer: Response,
    url: String,
    limit: Duration,
}

impl Leader {
    /// At an address; nothing is asked yet.
    pub(crate) fn at(url: Url, manner: &Manner, home: Option<Home>) -> anyhow::Result<Self> {
        let shown = without_credentials(url.clone());
        Ok(Self { url, shown, client: manner.client()?, limit: manner.limit, home })
    }

    /// Opens the way anew, if it leads through a cluster: what was behind it may be gone.
    pub(crate) async fn reach_again(&mut self) {
        let Some(home) = &mut self.home else { return };
        if let Ok(Some(url)) = home.open().await {
            self.shown = without_credentials(url.clone());
            self.url = url;
        }
    }

    /// What runs there.
    pub(crate) async fn version(&self) -> Result<Version, Trouble> {
        let asked = self.asked(Method::GET, &["version"], self.limit).await;
        asked.map_err(|trouble| trouble.unless_missing(&self.shown))
    }

    /// Proofs, newest first, as many pages as it takes.
    pub(crate) async fn list(&self, which: &Which) -> Result<Vec<Proof>, Trouble> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let left = which.limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
            let request = self.request(Method::GET, &["proofs"]).query(&which.query(left, before));
            let page = self.read(request.timeout(self.limit)).await;
            let page: Page = page.map_err(|trouble| trouble.unless_missing(&self.shown))?;
            let empty = page.proofs.is_empty();
            found.extend(page.proofs);
            before = page.before;
            if empty || before.is_none() || found.len() >= which.limit as usize {
                return Ok(found);
            }
        }
    }

    /// One proof.
    pub(crate) async fn proof(&self, id: &str) -> Result<Proof, Trouble> {
        self.asked(Method::GET, &["proofs", id], self.limit).await
    }

    /// Calls a proof off.
    pub(crate) async fn cancel(&self, id: &str) -> Result<Proof, Trouble> {
        self.asked(Method::DELETE, &["proofs", id], AT_WORK).await
    }

    /// Tries a proof again.
    pub(crate) async fn retry(&self, id: &str) -> Result<Proof, Trouble> {
        self.asked(Method::POST, &["proofs", id, "retry"], self.limit).await
    }

    /// Asks the service's verifier about a proof.
    pub(crate) async fn verify(&self, id: &str) -> Result<Proof, Trouble> {
        self.asked(Method::POST, &["proofs", id, "verify"], AT_WORK).await
    }

    /// Where a proof's time went.
    pub(crate) async fn report(&self, id: &str) -> Result<Report, Trouble> {
        self.asked(Method::GET, &["proofs", id, "report"], self.limit).await
    }

    /// A proof's file.
    pub(crate) async fn file(&self, id: &str) -> Result<Coming, Trouble> {
        self.coming(self.request(Method::GET, &["proofs", id, "proof"])).await
    }

    /// What its leader wrote, in an attempt or in the last one.
    pub(crate) async fn log(&self, id: &str, attempt: Option<u32>) -> Result<Coming, Trouble> {
        let request = self.request(Method::GET, &["proofs", id, "log"]);
        let attempt = attempt.map(|attempt| ("attempt", attempt));
        self.coming(request.query(attempt.as_slice())).await
    }

    /// How many proofs are in each state, in the order of a proof's life.
    pub(crate) async fn census(&self) -> Result<Vec<(State, u64)>, Trouble> {
        let request = self.client.get(self.url_of(&["metrics"])).timeout(self.limit);
        let text = whole(self.answer(request).await?).await.map_err(|why| self.silent(why))?;
        census(&text).map_err(|why| Trouble::Stranger { url: self.shown.clone(), why })
    }

    async fn asked<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        limit: Duration,
    ) -> Result<T, Trouble> {
        self.read(self.request(method, path).timeout(limit)).await
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.client.request(method, self.url_of(&[&["v1"], path].concat()))
    }

    fn url_of(&self, path: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Trouble> {
        let text = whole(self.answer(request).await?).await.map_err(|why| self.silent(why))?;
        serde_json::from_str(&text)
            .map_err(|error| Trouble::Stranger { url: self.shown.clone(), why: error.to_string() })
    }

    async fn coming(&self, request: RequestBuilder) -> Result<Coming, Trouble> {
        let limit = self.limit;
        let answer = match tokio::time::timeout(limit, self.answer(request)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(self.silent(format!("nothing came within {limit:?}"))),
        };
        Ok(Coming { answer, url: self.shown.clone(), limit })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        let answer = request.send().await.map_err(|error| self.silent(words(error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = whole(answer).await.map_err(|why| self.silent(why))?;
        Err(Trouble::of(&self.shown, status, &body))
    }

    fn silent(&self, why: String) -> Trouble {
        let why = match self.home.as_ref().and_then(Home::trouble) {
            Some(way) => format!("{way}: {why}"),
            None => why,
        };
        Trouble::Silent { url: self.shown.clone(), why }
    }
}

impl Which {
    fn query(&self, left: u32, before: Option<i64>) -> Vec<(&'static str, String)> {
        let Self { state, block, chain, limit: _ } = self;
        let pairs = [
            ("state", state.map(|state| state.word().to_owned())),
            ("block", block.map(|block| block.to_string())),
            ("chain", chain.clone()),
            ("before", before.map(|before| before.to_string())),
            ("limit", Some(left.clamp(1, PAGE).to_string())),
        ];
        pairs.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

impl Coming {
    /// The digest that the service names.
    pub(crate) fn digest(&self) -> Option<String> {
        let tag = self.answer.headers().get(ETAG)?.to_str().ok()?;
        Some(tag.trim_matches('"').to_owned())
    }

    /// The next part; `None`: it was the last.
    pub(crate) async fn next(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, Trouble> {
        let broke = |why| Trouble::Silent { url: self.url.clone(), why };
        match tokio::time::timeout(self.limit, self.answer.chunk()).await {
            Ok(part) => part.map_err(|error| broke(words(error))),
            Err(_) => Err(broke(format!("nothing more came within {:?}", self.limit))),
        }
    }
}

fn without_credentials(mut url: Url) -> String {
    // Only a URL that cannot have any refuses.
    let _ = url.set_password(None).and_then(|()| url.set_username(""));
    url.into()
}

/// The text of an answer; what it breaks off with is words.
async fn whole(mut answer: Response) -> Result<String, String> {
    let mut text = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(words)? {
        text.extend_from_slice(&part);
        if text.len() > LONGEST {
            return Err(format!("the answer is longer than {LONGEST} bytes"));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn words(error: reqwest::Error) -> String {
    amqp_admin::chain(&error.without_url())
}

/// PURE: the number of proofs in each state, from the service's metrics, which have a sample of each;
/// or what is wrong with them.
fn census(metrics: &str) -> Result<Vec<(State, u64)>, String> {
    let counted = State::ALL.map(|state| {
        let sample = format!("zero_leader_proofs{{state=\"{}\"}}", state.word());
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix(&sample));
        let count = values.next().and_then(|value| value.trim().parse().ok());
        count.map(|count| (state, count)).ok_or_else(|| format!("its /metrics have no `{sample}`"))
    });
    counted.into_iter().collect()
}

/// What the service made of a submission.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Submitted {
    /// There was no proof of it yet.
    pub(crate) new: bool,
    pub(crate) proof: Proof,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leader(url: &str) -> Leader {
        drop(rustls::crypto::ring::default_provider().install_default());
        let manner = Manner { limit: Duration::from_secs(1), ca: None, token: None };
        Leader::at(Url::parse(url).unwrap(), &manner, None).unwrap()
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        for (url, path) in [
            ("http://leader:8080", "http://leader:8080/v1/proofs/a%2F..%2Fb"),
            ("http://host/zero/", "http://host/zero/v1/proofs/a%2F..%2Fb"),
        ] {
            let request = leader(url).request(Method::GET, &["proofs", "a/../b"]);
            assert_eq!(request.build().unwrap().url().as_str(), path);
        }
    }

    #[test]
    fn credentials_are_not_told() {
        let silent = leader("http://me:s3cret@leader:8080").silent("why".into()).to_string();
        assert!(silent.contains("http://leader:8080/") && !silent.contains("s3cret"), "{silent}");
    }

    #[test]
    fn only_what_was_asked_for_is_in_the_query() {
        let which = Which { state: Some(State::Failed), limit: 5000, ..Which::default() };
        let query = which.query(5000, Some(7));
        let wanted = [("state", "failed"), ("before", "7"), ("limit", "1000")];
        assert_eq!(query, wanted.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn metrics_without_a_sample_of_each_state_are_of_no_proof_service() {
        let line = |state: State| format!("zero_leader_proofs{{state=\"{}\"}} 3\n", state.word());
        let whole: String = State::ALL.map(line).concat();
        assert_eq!(census(&whole), Ok(State::ALL.map(|state| (state, 3)).into()));
        let other = whole.replace(&line(State::Failed), "");
        let wrong = whole.replace(&line(State::Failed), "zero_leader_proofs{state=\"failed\"} x\n");
        for metrics in ["", "<html>", &other, &wrong] {
            let why = census(metrics).unwrap_err();
            assert!(why.contains("no `zero_leader_proofs{state="), "{why}");
        }
    }
}
