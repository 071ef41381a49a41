//! PURE: a proof as the proof service tells it, and what people are told of it.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So much of a reason fits into a row.
const SHORT: usize = 60;

/// A proof. What the service did not tell is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) id: String,
    pub(crate) state: State,
    /// `proof` or `test-only`.
    pub(crate) kind: String,
    /// Why it failed or was called off, or why the attempt before failed.
    pub(crate) reason: Option<String>,
    /// What a queued one waits for.
    pub(crate) waits: Option<String>,
    pub(crate) first_block: u64,
    pub(crate) last_block: u64,
    pub(crate) blocks: Vec<Block>,
    pub(crate) transactions: u64,
    pub(crate) chain_id: u64,
    pub(crate) witness_sha256: String,
    pub(crate) witness_bytes: u64,
    /// The chain of proofs it belongs to.
    pub(crate) chain: Option<String>,
    pub(crate) priority: i64,
    pub(crate) deadline_seconds: Option<u64>,
    pub(crate) attempts: u32,
    pub(crate) created_at: String,
    pub(crate) started_at: Option<String>,
    pub(crate) ended_at: Option<String>,
    /// Not tried again before.
    pub(crate) not_before: Option<String>,
    /// What its leader calls itself.
    pub(crate) prover: Option<String>,
    /// Its file.
    #[serde(rename = "proof")]
    pub(crate) file: Option<ProofFile>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) progress: Option<Progress>,
    pub(crate) settled: bool,
}

/// Where a proof stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It waits for its turn.
    Queued,
    /// A leader works on it.
    Running,
    /// There is a proof, and no verifier has said yes.
    Proved,
    /// The verifier said yes.
    Verified,
    /// It is given up.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

/// One block of a witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) transactions: u64,
    pub(crate) gas_used: u64,
    pub(crate) hash: Option<String>,
}

/// A finished proof's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProofFile {
    /// SHA-256, hexadecimal.
    pub(crate) digest: String,
    pub(crate) bytes: u64,
}

/// What the verifier said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) word: Word,
    /// The verifier's own words.
    pub(crate) words: Option<String>,
}

/// A verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    /// The proof is good.
    Verified,
    /// The proof is bad.
    Refused,
    /// Neither was said.
    Unknown,
}

/// How far a proof has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    /// Tasks given out.
    pub(crate) published: u64,
    /// Tasks answered.
    pub(crate) answered: u64,
    /// Tasks in all, as far as it is known now.
    pub(crate) expected: u64,
    pub(crate) by_operation: Vec<OfOperation>,
    /// v0.5 and v0.6.
    pub(crate) transactions_proved: Option<u64>,
    /// v0.7.
    pub(crate) segments_proved: Option<u64>,
    /// From 0 to 1.
    pub(crate) done: f64,
    pub(crate) elapsed_seconds: f64,
    pub(crate) eta: Option<Eta>,
}

/// Tasks of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OfOperation {
    pub(crate) operation: String,
    pub(crate) published: u64,
    pub(crate) answered: u64,
}

/// When a proof will be done, in seconds from now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Eta {
    pub(crate) seconds: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// `rate` or `history`.
    pub(crate) from: String,
}

impl State {
    /// Every state, in the order of a proof's life.
    pub(crate) const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Proved, Self::Verified, Self::Failed, Self::Cancelled];

    /// One word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Proved => "proved",
            Self::Verified => "verified",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more happens by itself.
    pub(crate) fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// The work is done, and done well.
    pub(crate) fn is_good(self) -> bool {
        matches!(self, Self::Proved | Self::Verified)
    }
}

impl Word {
    /// The word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

impl Proof {
    /// Nothing more happens by itself: it has ended, and was verified if it can be.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled
    }

    /// Its blocks, as other commands take them.
    pub(crate) fn range(&self) -> String {
        range(self.first_block, self.last_block)
    }

    /// How much is done; a dash where nothing is known.
    pub(crate) fn done(&self) -> String {
        match &self.progress {
            _ if self.state.is_good() => "100%".to_owned(),
            Some(progress) => {
                format!("{} ({}/{})", progress.percent(), progress.answered, progress.expected)
            }
            None => "-".to_owned(),
        }
    }

    /// When it will be done.
    pub(crate) fn eta(&self) -> String {
        let eta = self.progress.as_ref().and_then(|progress| progress.eta.as_ref());
        eta.filter(|_| !self.state.is_final())
            .map_or_else(|| "-".to_owned(), |eta| format!("~{}", span(seconds(eta.seconds))))
    }

    /// How long ago it came.
    pub(crate) fn age(&self, now: Timestamp) -> String {
        since(Some(&self.created_at), now).map_or_else(|| "?".to_owned(), span)
    }

    /// How long it was worked on, until now or until its end.
    pub(crate) fn took(&self, now: Timestamp) -> Option<Duration> {
        let until = self.ended_at.as_ref().and_then(|end| end.parse().ok()).unwrap_or(now);
        since(self.started_at.as_ref(), until)
    }

    /// Why it is where it is.
    pub(crate) fn why(&self) -> &str {
        let verdict = self.verdict.as_ref().and_then(|verdict| verdict.words.as_deref());
        self.waits.as_deref().or(self.reason.as_deref()).or(verdict).unwrap_or_default()
    }

    /// The same in a row.
    pub(crate) fn short_why(&self) -> String {
        let line: String = self.why().chars().map(|c| if c == '\n' { ' ' } else { c }).collect();
        if line.chars().count() <= SHORT {
            return line;
        }
        line.chars().take(SHORT).collect::<String>().trim_end().to_owned() + "…"
    }
}

impl Progress {
    /// How much is done.
    pub(crate) fn percent(&self) -> String {
        format!("{:.0}%", (self.done * 100.0).floor())
    }
}

/// The numbers of blocks from one to another.
pub(crate) fn range(first: u64, last: u64) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

/// Seconds that a program told; what makes no sense is none.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

/// How long something takes, in at most two units.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

fn since(moment: Option<&String>, now: Timestamp) -> Option<Duration> {
    let moment: Timestamp = moment?.parse().ok()?;
    now.duration_since(moment).try_into().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A proof of these blocks, with what else is to be said of it.
    pub(crate) fn proof(state: &str, first: u64, last: u64, more: &Value) -> Proof {
        let mut told = json!({
            "id": format!("{first}-3f9a1c"), "state": state,
            "settled": !["queued", "running"].contains(&state), "kind": "proof", "firstBlock": first,
            "lastBlock": last, "blocks": [], "transactions": 12, "chainId": 1,
            "witnessSha256": "3f9a1c", "witnessBytes": 9, "priority": 0, "attempts": 1,
            "createdAt": "2026-01-01T00:00:00Z"});
        told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(told).unwrap()
    }

    /// Progress of so many of so many tasks.
    pub(crate) fn progress(answered: u64, expected: u64) -> Value {
        #[expect(clippy::cast_precision_loss, reason = "a test's numbers are small")]
        let done = answered as f64 / expected as f64;
        json!({"published": answered, "answered": answered, "expected": expected,
            "byOperation": [], "transactionsProved": answered, "segmentsProved": null,
            "done": done, "elapsedSeconds": 120.4,
            "eta": {"seconds": 110.0, "low": 60.0, "high": 200.0, "from": "rate"}})
    }

    #[test]
    fn a_span_has_two_units_at_most() {
        let told = |seconds| span(Duration::from_secs(seconds));
        assert_eq!([told(5), told(372), told(7500)], ["5s", "6m12s", "2h05m"]);
        assert_eq!(told(3 * 86400 + 4 * 3600), "3d04h");
        assert_eq!(seconds(f64::NAN), Duration::ZERO);
    }

    #[test]
    fn what_is_known_is_told_and_what_is_not_is_a_dash() {
        let queued = proof("queued", 6, 8, &json!({}));
        let told = (queued.range(), queued.done(), queued.eta());
        assert_eq!(told, ("6..8".into(), "-".into(), "-".into()));
        let running = proof("running", 6, 6, &json!({"progress": progress(5, 12)}));
        let told = (running.range(), running.done(), running.eta());
        assert_eq!(told, ("6".into(), "41% (5/12)".into(), "~1m50s".into()));
        let now = "2026-01-01T01:00:05Z".parse().unwrap();
        assert_eq!((running.age(now), running.took(now)), ("1h00m".into(), None));
    }

    #[test]
    fn a_row_holds_the_beginning_of_a_reason() {
        let long = "the leader\nfailed ".repeat(9);
        let failed = proof("failed", 6, 6, &json!({"reason": long}));
        let told = failed.short_why();
        assert!(told.ends_with('…') && !told.contains('\n') && told.chars().count() <= SHORT + 1);
        let waiting = proof("queued", 6, 6, &json!({"waits": "waits for 5", "reason": "stalled"}));
        assert_eq!(waiting.short_why(), "waits for 5");
    }
}
