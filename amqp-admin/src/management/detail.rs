//! Everything about one queue that people ask for.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Management, decode};
use crate::error::Result;
use crate::name::{QueueName, VhostName};

/// One queue as the management API describes it, up to 10 s old. What it did not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDetail {
    /// It survives a broker's restart.
    pub durable: Option<bool>,
    /// The policy that applies to it.
    pub policy: Option<String>,
    /// Unused for so many milliseconds it is deleted: the smaller of its own lease and the policy's.
    pub expires_ms: Option<u64>,
    /// Since when nobody has used it, RFC 3339; `None` while it is in use.
    pub idle_since: Option<String>,
    /// Its consumers.
    pub consumers: Option<u64>,
    /// Bytes of its ready messages' bodies.
    pub ready_bytes: Option<u64>,
    /// Where messages go that it refuses or that are refused.
    pub dead_letter_exchange: Option<String>,
}

impl Management {
    /// Describes a queue. Needs the tag `management` and a permission entry on the vhost.
    pub async fn queue(&self, vhost: &VhostName, queue: &QueueName) -> Result<QueueDetail> {
        let path = format!("/api/queues/{}/{}", vhost.url_encoded(), queue.url_encoded());
        let (url, body) = self.body(&path).await?;
        decode::<Row>(&url, &body).map(Row::into_detail)
    }
}

#[derive(Debug, Deserialize)]
struct Row {
    durable: Option<bool>,
    policy: Option<String>,
    idle_since: Option<String>,
    consumers: Option<u64>,
    message_bytes_ready: Option<u64>,
    arguments: Option<Table>,
    effective_policy_definition: Option<Table>,
}

/// The broker writes an empty table as `{}` or as `[]`, by version.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Table {
    Settings(Settings),
    Other(IgnoredAny),
}

/// What we read of a queue's arguments and of its policy; the names differ by the prefix.
#[derive(Debug, Default, Clone, Deserialize)]
struct Settings {
    #[serde(alias = "x-expires")]
    expires: Option<u64>,
    #[serde(rename = "dead-letter-exchange", alias = "x-dead-letter-exchange")]
    dead_letter_exchange: Option<String>,
}

impl Row {
    fn into_detail(self) -> QueueDetail {
        let settings = |table: Option<Table>| match table {
            Some(Table::Settings(settings)) => settings,
            Some(Table::Other(_)) | None => Settings::default(),
        };
        let own = settings(self.arguments);
        let policy = settings(self.effective_policy_definition);
        QueueDetail {
            durable: self.durable,
            policy: self.policy,
            expires_ms: own.expires.into_iter().chain(policy.expires).min(),
            idle_since: self.idle_since,
            consumers: self.consumers,
            ready_bytes: self.message_bytes_ready,
            dead_letter_exchange: own.dead_letter_exchange.or(policy.dead_letter_exchange),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(json: &str) -> QueueDetail {
        serde_json::from_str::<Row>(json).unwrap().into_detail()
    }

    #[test]
    fn the_smaller_lease_holds() {
        let both = detail(
            r#"{"arguments":{"x-expires":1800000,"x-dead-letter-exchange":"dead"},
                "effective_policy_definition":{"expires":6000},"policy":"short","durable":false}"#,
        );
        assert_eq!((both.expires_ms, both.policy.as_deref()), (Some(6_000), Some("short")));
        assert_eq!(both.dead_letter_exchange.as_deref(), Some("dead"));
    }

    #[test]
    fn what_the_broker_does_not_say_is_unknown() {
        let bare = detail(r#"{"arguments":[],"effective_policy_definition":[]}"#);
        assert_eq!((bare.expires_ms, bare.consumers, bare.durable), (None, None, None));
    }
}
