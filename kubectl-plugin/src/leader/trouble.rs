//! PURE: why the proof service did not do what it was asked: the thing, the cause, the next step.

use reqwest::StatusCode;
use serde::Deserialize;
use thiserror::Error;

/// Why not.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// It cannot be reached, or the connection broke.
    #[error(
        "the proof service does not answer at {url}: {why}; look whether it runs, and at --leader-url"
    )]
    Silent {
        /// Where it was looked for.
        url: String,
        /// In words.
        why: String,
    },
    /// It is there and cannot answer now.
    #[error("the proof service at {url} cannot answer now: {why}; look at its log")]
    Ill {
        /// Where it is.
        url: String,
        /// In words.
        why: String,
    },
    /// It wants a token, and not the one we have sent.
    #[error(
        "the proof service at {url} does not know us: give its token with --leader-token-file, or let the release's `leader-token-secret` name the Secret that holds it"
    )]
    Unknown {
        /// Where it is.
        url: String,
    },
    /// There is no such thing there.
    #[error("{0}")]
    Missing(String),
    /// It does not fit to what is there.
    #[error("{0}")]
    Conflict(String),
    /// It takes no such witness.
    #[error("the proof service refuses the witness: {0}")]
    Witness(String),
    /// A parameter is wrong.
    #[error("the proof service does not understand what is asked for: {0}")]
    Wrong(String),
    /// A file of ours cannot be sent.
    #[error("{0}")]
    Unread(String),
    /// Its disk is full.
    #[error("the proof service has no room: {0}")]
    NoRoom(String),
    /// What answers is something else.
    #[error(
        "what answers at {url} is no proof service of this version: {why}; look at --leader-url"
    )]
    Stranger {
        /// Where it is.
        url: String,
        /// In words.
        why: String,
    },
}

/// An error as the service tells it.
#[derive(Debug, Default, Deserialize)]
struct Told {
    error: String,
    path: Option<String>,
    line: Option<u64>,
    column: Option<u64>,
}

impl Trouble {
    /// What an answer that is no success means.
    pub(crate) fn of(url: &str, status: StatusCode, body: &str) -> Self {
        let url = url.to_owned();
        let Ok(told) = serde_json::from_str::<Told>(body) else {
            let line = body.lines().next().unwrap_or_default().trim();
            let why = format!("{status} {line}").trim().to_owned();
            return if status.is_server_error() {
                Self::Ill { url, why }
            } else {
                Self::Stranger { url, why }
            };
        };
        match status {
            StatusCode::NOT_FOUND if told.error.starts_with("no such path") => {
                Self::Stranger { url, why: told.error }
            }
            StatusCode::NOT_FOUND => Self::Missing(in_our_words(told.error)),
            StatusCode::CONFLICT => Self::Conflict(with_next_step(told.error)),
            StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                Self::Witness(told.placed())
            }
            StatusCode::INSUFFICIENT_STORAGE => Self::NoRoom(told.error),
            StatusCode::UNAUTHORIZED => Self::Unknown { url },
            status if status.is_server_error() => Self::Ill { url, why: told.error },
            _ => Self::Wrong(told.error),
        }
    }

    /// The same for a question that names no proof: what misses a part of the service is none.
    pub(crate) fn unless_missing(self, url: &str) -> Self {
        if let Self::Missing(why) = self {
            return Self::Stranger { url: url.to_owned(), why };
        }
        self
    }

    /// Whether asking again later may end otherwise, without anybody doing anything.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Ill { .. })
    }

    /// Whether what was asked for is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

impl Told {
    /// The words with the place in the witness, unless they name it themselves.
    fn placed(self) -> String {
        let Self { error, path, line, column } = self;
        let place = line.zip(column).map(|(line, column)| format!("line {line}, column {column}"));
        let path = path.map(|path| format!("`{path}`"));
        let mut places: Vec<String> = [path, place].into_iter().flatten().collect();
        places.retain(|place| !error.contains(place.as_str()));
        if places.is_empty() { error } else { format!("{}: {error}", places.join(", ")) }
    }
}

/// What has no file may have one later.
fn with_next_step(words: String) -> String {
    match words.strip_suffix(" and has no proof file") {
        Some(_) => format!("{words}; `zero proof show` says how far it is"),
        None => words,
    }
}

/// The service names its own paths; here there are commands.
fn in_our_words(words: String) -> String {
    match words.split_once("; `GET ") {
        Some((what, _)) => format!("{what}; `zero proofs` lists what there is"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> Trouble {
        Trouble::of("http://leader/", StatusCode::from_u16(status).unwrap(), body)
    }

    #[test]
    fn each_refusal_says_what_why_and_what_to_do() {
        let missing = told(
            404,
            r#"{"error": "there is no proof `7`; `GET /v1/proofs` lists what there is"}"#,
        );
        assert!(missing.is_missing() && !missing.is_lost());
        insta::assert_snapshot!(missing, @"there is no proof `7`; `zero proofs` lists what there is");
        insta::assert_snapshot!(told(409, r#"{"error": "`7` is verified already"}"#), @"`7` is verified already");
        insta::assert_snapshot!(told(507, r#"{"error": "the disk is full"}"#), @"the proof service has no room: the disk is full");
        insta::assert_snapshot!(told(400, r#"{"error": "no such chain"}"#), @"the proof service does not understand what is asked for: no such chain");
        let other = told(404, r#"{"error": "Object Not Found"}"#).unless_missing("http://broker/");
        insta::assert_snapshot!(other, @"what answers at http://broker/ is no proof service of this version: Object Not Found; look at --leader-url");
        let unknown = told(401, r#"{"error": "this proof service wants a token"}"#);
        assert!(!unknown.is_lost());
        insta::assert_snapshot!(unknown, @"the proof service at http://leader/ does not know us: give its token with --leader-token-file, or let the release's `leader-token-secret` name the Secret that holds it");
        let lost = told(502, "<html>bad gateway");
        assert!(lost.is_lost());
        insta::assert_snapshot!(lost, @"the proof service at http://leader/ cannot answer now: 502 Bad Gateway <html>bad gateway; look at its log");
        insta::assert_snapshot!(told(404, "404 page not found"), @"what answers at http://leader/ is no proof service of this version: 404 Not Found 404 page not found; look at --leader-url");
    }

    #[test]
    fn the_place_in_a_witness_is_named_once() {
        let placed =
            r#"{"error": "the field is missing", "path": "[0].a", "line": 3, "column": 9}"#;
        insta::assert_snapshot!(told(422, placed), @"the proof service refuses the witness: `[0].a`, line 3, column 9: the field is missing");
        let own = r#"{"error": "`[0].a`, line 3, column 9: missing", "path": "[0].a", "line": 3, "column": 9}"#;
        insta::assert_snapshot!(told(422, own), @"the proof service refuses the witness: `[0].a`, line 3, column 9: missing");
    }
}
