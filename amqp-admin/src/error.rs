//! The errors of this crate: each variant names the act that failed.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// The broker's reply for a vhost that it does not have, or that is closed to us; its words alone
/// say which.
const NOT_ALLOWED: u16 = 530;
/// The broker's reply to a message that is too large, among others.
const PRECONDITION_FAILED: u16 = 406;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error a library below us gave; its type stays in the file that calls the library.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why the broker could not be asked, or why its answer is of no use. No message holds a secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// An address cannot be used.
    #[error("cannot use the {kind} address: {reason}")]
    InvalidEndpoint {
        /// `AMQP`, `management`, `metrics` or `service`.
        kind: &'static str,
        /// What is wrong with it, without the address: it may hold a password.
        reason: String,
    },
    /// A file named in the configuration cannot be read.
    #[error("cannot read `{}`", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A certificate or key is not what it should be.
    #[error("cannot use the TLS material for `{endpoint}`")]
    Tls {
        /// The address it is for, without credentials.
        endpoint: String,
        /// The cause.
        source: Source,
    },
    /// The user sees its own clients alone, and the answer would look as if there were no others.
    #[error(
        "the broker shows user `{user}` no consumers but its own: give it the tag `monitoring` \
         (`rabbitmqctl set_user_tags {user} monitoring`)"
    )]
    OwnAlone {
        /// The user.
        user: String,
    },
    /// No answer came: refused, reset, timed out, not HTTP.
    #[error("no answer from `{url}`")]
    Request {
        /// What was asked, without credentials.
        url: String,
        /// The cause.
        source: Source,
    },
    /// The whole answer did not come in time.
    #[error("no whole answer from `{url}` within {}", humane(*limit))]
    Timeout {
        /// What was asked, without credentials.
        url: String,
        /// How long we waited.
        limit: Duration,
    },
    /// The broker answered with a status that is not success.
    #[error("`{url}` answered {status}: {reason}")]
    Status {
        /// What was asked, without credentials.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The broker's own words, shortened, and what to do about it.
        reason: String,
    },
    /// The broker answered with something that cannot be read.
    #[error("cannot read the answer of `{url}`: {reason}")]
    Decode {
        /// What was asked, without credentials.
        url: String,
        /// What is wrong and where.
        reason: String,
    },
    /// The answer is larger than we are willing to hold.
    #[error("the answer of `{url}` is larger than {limit} bytes")]
    TooLarge {
        /// What was asked, without credentials.
        url: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// An AMQP operation failed.
    #[error("cannot {act} over AMQP at `{endpoint}`")]
    Amqp {
        /// What was tried.
        act: String,
        /// The address, without credentials.
        endpoint: String,
        /// The broker's reply code, when it was the broker that refused.
        reply: Option<u16>,
        /// The cause.
        source: Source,
    },
}

impl Error {
    /// The broker takes no message of that size.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        if let Self::Amqp { reply: Some(PRECONDITION_FAILED), source, .. } = self {
            return source.to_string().contains("larger than configured max size");
        }
        false
    }

    /// The thing asked for does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        if let Self::Amqp { reply: Some(NOT_ALLOWED), source, .. } = self {
            return source.to_string().ends_with(" not found");
        }
        matches!(self, Self::Status { status: 404, .. } | Self::Amqp { reply: Some(404), .. })
    }

    /// The broker knows us not, or does not let us.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Status { status: 401 | 403, .. } | Self::Amqp { reply: Some(403), .. })
    }

    /// Somebody else has it: an exclusive queue, or an exclusive consumer on it.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Amqp { reply: Some(405), .. })
    }

    /// The broker's condition did not hold: a queue in use, or not as it was declared.
    #[must_use]
    pub fn is_precondition_failed(&self) -> bool {
        matches!(self, Self::Amqp { reply: Some(406), .. })
    }

    /// Asking again later may work without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Request { .. } | Self::Timeout { .. } => true,
            Self::Amqp { reply, .. } => reply.is_none_or(|reply| !(400..500).contains(&reply)),
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::InvalidEndpoint { .. }
            | Self::ReadFile { .. }
            | Self::Tls { .. }
            | Self::Decode { .. }
            | Self::TooLarge { .. }
            | Self::OwnAlone { .. } => false,
        }
    }
}

/// An error and its causes in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        // Libraries below repeat their source's words in their own.
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

fn humane(limit: Duration) -> String {
    format!("{:.1} s", limit.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_tell_what_to_do_next() {
        let status = |status| Error::Status { url: "u".into(), status, reason: String::new() };
        assert!(status(404).is_not_found() && !status(404).is_transient());
        assert!(status(401).is_denied() && status(403).is_denied());
        let vhost = |words: &str| Error::Amqp {
            act: "connect".into(),
            endpoint: "e".into(),
            reply: Some(530),
            source: words.into(),
        };
        assert!(vhost("NOT_ALLOWED - vhost v not found").is_not_found());
        let refused = "NOT_ALLOWED - access to vhost 'not found' refused for user 'zero'";
        assert!(!vhost(refused).is_not_found());
        assert!(status(429).is_transient() && status(503).is_transient());
        let timeout = Error::Timeout { url: "u".into(), limit: Duration::from_millis(1500) };
        assert!(timeout.is_transient());
        assert_eq!(timeout.to_string(), "no whole answer from `u` within 1.5 s");
    }
}
