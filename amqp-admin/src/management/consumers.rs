//! Who consumes from which queue, and from where.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Management, decode};
use crate::error::{Error, Result};
use crate::name::{QueueName, VhostName};

/// What tells one process from another.
const COLUMNS: &str = "queue.name,prefetch_count,channel_details.connection_name,channel_details.peer_host,channel_details.peer_port";

/// One consumer of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConsumer {
    /// The queue.
    pub queue: QueueName,
    /// Where it is; `None`: the broker did not say.
    pub client: Option<Client>,
}

/// A process that is connected to the broker, as the broker sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    /// Its address; a host name with `reverse_dns_lookups`.
    pub host: String,
    /// Its port: another one for each connection.
    pub port: u16,
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Management {
    /// The consumers of a vhost, up to 5 s old. Costs by the number of consumers, not of queues.
    /// Needs the tag `monitoring`: with `management` alone a user is told its own, as if there were no others.
    pub async fn consumers(&self, vhost: &VhostName) -> Result<Vec<QueueConsumer>> {
        let path = format!("/api/consumers/{}?columns={COLUMNS}", vhost.url_encoded());
        let (url, body) = self.body(&path).await?;
        let rows: Vec<ConsumerRow> = decode(&url, &body)?;
        let consumers = rows.into_iter().map(|row| {
            let queue = QueueName::new(&row.queue.name)
                .map_err(|error| Error::Decode { url: url.clone(), reason: error.to_string() })?;
            Ok(QueueConsumer { queue, client: row.channel_details.and_then(Peer::client) })
        });
        consumers.collect()
    }
}

#[derive(Debug, Deserialize)]
struct ConsumerRow {
    queue: ConsumedQueue,
    channel_details: Option<Peer>,
}

#[derive(Debug, Deserialize)]
struct ConsumedQueue {
    name: String,
}

/// A channel about to close has an empty table, or words where numbers belong.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Peer {
    Known { peer_host: String, peer_port: u16 },
    Unknown(IgnoredAny),
}

impl Peer {
    fn client(self) -> Option<Client> {
        match self {
            Self::Known { peer_host, peer_port } => {
                Some(Client { host: peer_host, port: peer_port })
            }
            Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_as_the_broker_sends_them() {
        let json = r#"[
            {"queue":{"name":"AbCdE"},"prefetch_count":1,
             "channel_details":{"connection_name":"127.0.0.1:1 -> 127.0.0.1:2","peer_host":"127.0.0.1","peer_port":47750}},
            {"queue":{"name":"q"},"channel_details":[]},
            {"queue":{"name":"q"}}]"#;
        let rows: Vec<ConsumerRow> = serde_json::from_str(json).unwrap();
        let clients = rows.into_iter().map(|row| row.channel_details.and_then(Peer::client));
        let known = Client { host: "127.0.0.1".into(), port: 47750 };
        assert_eq!(clients.collect::<Vec<_>>(), [Some(known), None, None]);
    }
}
