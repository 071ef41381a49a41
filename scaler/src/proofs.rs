//! PURE: what the proof service answers, as JSON → [`ProofsStatus`].

use std::collections::HashMap;
use std::time::Instant;

use jiff::Timestamp;
use serde::Deserialize;

use crate::status::{EtaStatus, ProgressStatus, ProofStatus, ProofsAnswer, ProofsStatus};

/// What is said before the first answer.
const FIRST: &str = "it is being asked for the first time";

/// One answer of the service to `GET /v1/proofs`, as far as it is read here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    proofs: Vec<Proof>,
    /// Where the next page begins; `None`: there is none.
    before: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    id: String,
    state: String,
    kind: String,
    first_block: u64,
    last_block: u64,
    transactions: u64,
    chain: Option<String>,
    priority: i64,
    attempts: u64,
    created_at: Moment,
    ended_at: Option<Moment>,
    waits: Option<String>,
    reason: Option<String>,
    progress: Option<Progress>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    done: f64,
    published: u64,
    answered: u64,
    expected: u64,
    elapsed_seconds: f64,
    eta: Option<Eta>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Eta {
    seconds: f64,
    low: f64,
    high: f64,
}

/// A moment in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct Moment(Timestamp);

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|error| format!("`{text}` is no moment: {error}"))
    }
}

impl Moment {
    /// Seconds up to `now`; the service's clock may be ahead of ours.
    fn seconds_ago(self, now: Timestamp) -> u64 {
        u64::try_from(now.as_second().saturating_sub(self.0.as_second())).unwrap_or(0)
    }
}

/// The proofs of the service at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    running: Vec<Proof>,
    queued: Vec<Proof>,
    more_queued: bool,
    ended: Vec<Proof>,
}

/// Reads one answer. `Err` says what is wrong and where.
pub fn read(body: &[u8]) -> Result<Page, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

impl Listing {
    /// Of three pages, asked for in this order: proofs that wait, that run, and the newest that have
    /// ended. A proof that moved on meanwhile is where the last page that has it says.
    #[must_use]
    pub fn of(queued: Page, running: Page, ended: Page) -> Self {
        let more_queued = queued.before.is_some();
        let mut last = HashMap::new();
        let mut order = Vec::new();
        for proof in ended.proofs.into_iter().chain(running.proofs).chain(queued.proofs) {
            if !last.contains_key(&proof.id) {
                order.push(proof.id.clone());
                last.insert(proof.id.clone(), proof);
            }
        }
        let mut listing =
            Self { running: Vec::new(), queued: Vec::new(), more_queued, ended: Vec::new() };
        for proof in order.iter().filter_map(|id| last.remove(id)) {
            let place = match proof.state.as_str() {
                "queued" => &mut listing.queued,
                "running" => &mut listing.running,
                _ => &mut listing.ended,
            };
            place.push(proof);
        }
        listing.running.sort_by_key(|proof| proof.created_at);
        listing.queued.sort_by_key(|proof| (std::cmp::Reverse(proof.priority), proof.created_at));
        listing
    }
}

/// What is known of the service: its last answer, or since when and why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct ProofsKnown {
    address: String,
    /// Of the answer, or of the first failure in a row.
    at: Instant,
    told: Result<Listing, String>,
}

impl ProofsKnown {
    /// Nothing yet.
    #[must_use]
    pub fn nothing(address: String, now: Instant) -> Self {
        Self { address, at: now, told: Err(FIRST.to_owned()) }
    }

    /// Takes an answer, or why there was none. Whether there is news in it.
    pub fn take(&mut self, told: Result<Listing, String>, now: Instant) -> bool {
        if told.is_ok() || self.told.is_ok() {
            self.at = now;
        }
        let is_news = self.told != told;
        self.told = told;
        is_news
    }

    /// As it is shown.
    #[must_use]
    pub fn status(&self, now: Instant, wall: Timestamp) -> ProofsStatus {
        let age = now.saturating_duration_since(self.at);
        let tell = |proofs: &[Proof]| proofs.iter().map(|proof| proof.status(wall)).collect();
        let answer = match &self.told {
            Ok(listing) => ProofsAnswer::Known {
                age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
                running: tell(&listing.running),
                queued: tell(&listing.queued),
                more_queued: listing.more_queued,
                ended: tell(&listing.ended),
            },
            Err(reason) => {
                ProofsAnswer::Unknown { since_seconds: age.as_secs(), reason: reason.clone() }
            }
        };
        ProofsStatus { address: self.address.clone(), answer }
    }
}

impl Proof {
    fn status(&self, wall: Timestamp) -> ProofStatus {
        ProofStatus {
            id: self.id.clone(),
            state: self.state.clone(),
            kind: self.kind.clone(),
            first_block: self.first_block,
            last_block: self.last_block,
            transactions: self.transactions,
            chain: self.chain.clone(),
            attempts: self.attempts,
            age_seconds: self.created_at.seconds_ago(wall),
            ended_seconds_ago: self.ended_at.map(|ended| ended.seconds_ago(wall)),
            waits: self.waits.clone(),
            reason: self.reason.clone(),
            progress: self.progress.as_ref().map(Progress::status),
        }
    }
}

impl Progress {
    fn status(&self) -> ProgressStatus {
        let eta = |eta: &Eta| EtaStatus { seconds: eta.seconds, low: eta.low, high: eta.high };
        ProgressStatus {
            done: self.done,
            published: self.published,
            answered: self.answered,
            expected: self.expected,
            elapsed_seconds: self.elapsed_seconds,
            eta: self.eta.as_ref().map(eta),
        }
    }
}

#[cfg(test)]
mod tests;
