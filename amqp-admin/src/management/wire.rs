//! The management API's JSON as the broker sends it. It goes no further than `management.rs`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::classify::classify;
use crate::name::{NameError, QueueName};
use crate::queue::{Lease, Queue, QueueKind, QueueState, Reading};

/// The columns of [`QueueRow`]; `columns` cuts the answer's bytes to about 40 %.
pub(super) const QUEUE_COLUMNS: &str =
    "name,type,state,exclusive,arguments,messages_ready,messages_unacknowledged";

/// The rows of `GET /api/queues/{vhost}`, each turned into a queue as it is read: ten thousand
/// rows beside ten thousand queues would double the memory of a read.
#[derive(Debug)]
pub(super) struct QueueList(pub(super) Vec<Queue>);

impl<'de> Deserialize<'de> for QueueList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Rows)
    }
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = QueueList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of queues")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<QueueList, A::Error> {
        let mut queues = Vec::new();
        while let Some(row) = rows.next_element::<QueueRow<'de>>()? {
            queues.push(row.into_queue().map_err(A::Error::custom)?);
        }
        Ok(QueueList(queues))
    }
}

/// A row of `GET /api/queues/{vhost}`. An absent count stays absent.
#[derive(Debug, Deserialize)]
struct QueueRow<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    exclusive: Option<bool>,
    arguments: Option<Arguments>,
    messages_ready: Option<u64>,
    messages_unacknowledged: Option<u64>,
}

/// The broker writes an empty table as `{}` or as `[]`, by version.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Arguments {
    Table {
        #[serde(rename = "x-expires")]
        expires: Option<u64>,
    },
    Other(IgnoredAny),
}

/// A row of `GET /api/vhosts`.
#[derive(Debug, Deserialize)]
pub(super) struct VhostRow {
    pub(super) name: String,
}

/// A row of `GET /api/consumers/{vhost}?columns=queue.name`.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumerRow {
    pub(super) queue: ConsumedQueue,
}

/// Who the broker takes us for, as `/api/whoami` tells since RabbitMQ 3.9.
#[derive(Debug, Deserialize)]
pub(super) struct WhoAmI {
    pub(super) name: String,
    pub(super) tags: Vec<String>,
}

/// The queue of a consumer.
#[derive(Debug, Deserialize)]
pub(super) struct ConsumedQueue {
    pub(super) name: String,
}

impl QueueRow<'_> {
    fn into_queue(self) -> Result<Queue, NameError> {
        let name = QueueName::new(&self.name)?;
        let lease = match self.arguments {
            None => Lease::Unknown,
            Some(Arguments::Table { expires: Some(millis) }) => Lease::Millis(millis),
            Some(Arguments::Table { expires: None } | Arguments::Other(_)) => Lease::Never,
        };
        Ok(Queue {
            role: classify(&name, lease),
            name,
            kind: kind(self.kind.as_deref()),
            state: state(self.state.as_deref()),
            exclusive: self.exclusive.unwrap_or(false),
            reading: Reading { ready: self.messages_ready, unacked: self.messages_unacknowledged },
        })
    }
}

fn kind(text: Option<&str>) -> QueueKind {
    match text {
        Some("classic") => QueueKind::Classic,
        Some("quorum") => QueueKind::Quorum,
        Some("stream") => QueueKind::Stream,
        _ => QueueKind::Unknown,
    }
}

/// `minority` and `down` are quorum queues that cannot answer; `crashed` and `stopped` classic ones.
fn state(text: Option<&str>) -> QueueState {
    match text {
        Some("running" | "flow" | "idle" | "live") => QueueState::Up,
        Some(_) => QueueState::Down,
        None => QueueState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Pool, QueueRole};

    fn row(json: &str) -> Queue {
        serde_json::from_str::<QueueRow<'_>>(json).unwrap().into_queue().unwrap()
    }

    #[test]
    fn a_row_as_the_broker_sends_it() {
        let queue = row(
            r#"{"arguments":{"x-expires":1800000},"exclusive":false,"messages_ready":2,
                "messages_unacknowledged":1,"name":"task-ipc-routing-key","state":"running","type":"classic"}"#,
        );
        assert_eq!(queue.role, QueueRole::Task(Pool::All));
        assert_eq!(queue.reading, Reading::known(2, 1));
        assert_eq!((queue.kind, queue.state), (QueueKind::Classic, QueueState::Up));
    }

    #[test]
    fn a_row_without_counts_has_none() {
        let queue = row(r#"{"name":"qq","state":"down","arguments":[],"exclusive":null}"#);
        assert_eq!(queue.reading, Reading::default());
        assert_eq!(queue.state, QueueState::Down);
    }

    #[test]
    fn wrong_types_and_impossible_counts_are_refused() {
        for json in [
            r#"{"name":"q","messages_ready":-1}"#,
            r#"{"name":"q","messages_ready":1.5}"#,
            r#"{"name":"q","messages_ready":"7"}"#,
            r#"{"name":7}"#,
            r#"{"messages_ready":1}"#,
        ] {
            assert!(serde_json::from_str::<QueueRow<'_>>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn counts_above_two_to_the_53_are_exact() {
        let queue =
            row(r#"{"name":"q","messages_ready":9007199254740993,"messages_unacknowledged":0}"#);
        assert_eq!(queue.reading.ready, Some(9_007_199_254_740_993));
    }
}
