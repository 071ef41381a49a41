//! Who may hold messages: every channel with what it consumes, and whose it is.

use std::collections::HashMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::consumers::Client;
use super::{Management, decode};
use crate::error::{Error, Result};
use crate::name::{NameError, QueueName, VhostName};

/// The client property in which a gateway says which pod it runs in, as `NAMESPACE/NAME`.
pub const POD_PROPERTY: &str = "zero_pod";

const CONSUMERS: &str = "/api/consumers?columns=queue.name,queue.vhost,channel_details.name,\
    channel_details.connection_name,channel_details.peer_host,channel_details.peer_port";
const CHANNELS: &str = "/api/channels?columns=name,vhost,connection_details.name,\
    connection_details.peer_host,connection_details.peer_port,messages_unacknowledged,\
    message_stats.ack";

/// One channel of the broker: what it consumes, what it holds, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The channel's vhost.
    pub vhost: VhostName,
    /// The client as the broker sees it.
    pub client: Client,
    /// The pod that the connection says it is of, as `NAMESPACE/NAME`; not every client says so.
    pub pod: Option<String>,
    /// The queues it consumes from, as far as this user may see them.
    pub queues: Vec<QueueName>,
    /// Messages delivered on it and not yet acknowledged; `None`: the broker did not say, or does
    /// not list the channel at all.
    pub unacked: Option<u64>,
    /// Messages acknowledged on it since it was opened; `None`: none yet, or the broker keeps no
    /// such statistics.
    pub acked: Option<u64>,
}

impl Management {
    /// Every channel of the broker that consumes or holds anything, up to 10 s old: a channel
    /// reports every 5 s, and the management plugin collects that every 5 s. A young channel is
    /// known by its consumers alone, or not yet at all. Three calls, each by the number of
    /// channels. Needs the tag `monitoring`: with `management` alone a user sees its own channels
    /// and consumers, and the answer looks as if there were no others.
    pub async fn holders(&self) -> Result<Vec<Holder>> {
        // Consumers first: a channel that opens meanwhile shows no consumer, one that closes
        // meanwhile shows no count. Either way nobody is taken for idle.
        let (consumers_url, consumers) = self.body(CONSUMERS).await?;
        let (channels_url, channels) = self.body(CHANNELS).await?;
        let connections = format!("/api/connections?columns=name,client_properties.{POD_PROPERTY}");
        let (connections_url, connections) = self.body(&connections).await?;
        let rows = Rows {
            consumers: decode(&consumers_url, &consumers)?,
            channels: decode(&channels_url, &channels)?,
            connections: decode(&connections_url, &connections)?,
        };
        let wrong =
            |error: NameError| Error::Decode { url: channels_url, reason: error.to_string() };
        rows.joined().map_err(wrong)
    }
}

/// What the three calls answer.
struct Rows {
    consumers: Vec<ConsumerRow>,
    channels: Vec<ChannelRow>,
    connections: Vec<ConnectionRow>,
}

#[derive(Debug, Deserialize)]
struct ConsumerRow {
    queue: ConsumedQueue,
    channel_details: Option<Consuming>,
}

#[derive(Debug, Deserialize)]
struct ConsumedQueue {
    name: String,
    vhost: String,
}

/// A channel about to close has an empty table, or words where numbers belong.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Consuming {
    Known { name: String, connection_name: String, peer_host: String, peer_port: u16 },
    Unknown(IgnoredAny),
}

/// A row of `GET /api/channels`. An absent count stays absent.
#[derive(Debug, Deserialize)]
struct ChannelRow {
    name: Option<String>,
    vhost: Option<String>,
    connection_details: Option<Connected>,
    messages_unacknowledged: Option<u64>,
    message_stats: Option<Acknowledged>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Connected {
    Known { name: String, peer_host: String, peer_port: u16 },
    Unknown(IgnoredAny),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Acknowledged {
    Known { ack: u64 },
    Unknown(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct ConnectionRow {
    name: Option<String>,
    client_properties: Option<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Said {
    Pod { zero_pod: String },
    Unknown(IgnoredAny),
}

impl Rows {
    fn joined(self) -> Result<Vec<Holder>, NameError> {
        let pods: HashMap<String, String> =
            self.connections.into_iter().filter_map(ConnectionRow::pod).collect();
        let mut holders = HashMap::new();
        for row in self.channels {
            if let Some((name, holder)) = row.holder(&pods)? {
                holders.insert(name, holder);
            }
        }
        for ConsumerRow { queue, channel_details } in self.consumers {
            let Some(Consuming::Known { name, connection_name, peer_host, peer_port }) =
                channel_details
            else {
                continue;
            };
            let vhost = VhostName::new(&queue.vhost)?;
            let unlisted = || Holder {
                vhost,
                client: Client { host: peer_host, port: peer_port },
                pod: pods.get(&connection_name).cloned(),
                queues: Vec::new(),
                unacked: None,
                acked: None,
            };
            let holder: &mut Holder = holders.entry(name).or_insert_with(unlisted);
            holder.queues.push(QueueName::new(&queue.name)?);
        }
        Ok(holders.into_values().filter(Holder::matters).collect())
    }
}

impl Holder {
    fn matters(&self) -> bool {
        !self.queues.is_empty() || self.unacked != Some(0)
    }
}

impl ChannelRow {
    /// `None`: the broker does not say whose channel it is. It is about to open or to close.
    fn holder(self, pods: &HashMap<String, String>) -> Result<Option<(String, Holder)>, NameError> {
        let (
            Some(channel),
            Some(vhost),
            Some(Connected::Known { name: connection, peer_host, peer_port }),
        ) = (self.name, self.vhost, self.connection_details)
        else {
            return Ok(None);
        };
        let acked = match self.message_stats {
            Some(Acknowledged::Known { ack }) => Some(ack),
            Some(Acknowledged::Unknown(_)) | None => None,
        };
        let holder = Holder {
            vhost: VhostName::new(&vhost)?,
            client: Client { host: peer_host, port: peer_port },
            pod: pods.get(&connection).cloned(),
            queues: Vec::new(),
            unacked: self.messages_unacknowledged,
            acked,
        };
        Ok(Some((channel, holder)))
    }
}

impl ConnectionRow {
    fn pod(self) -> Option<(String, String)> {
        match (self.name?, self.client_properties?) {
            (name, Said::Pod { zero_pod }) => Some((name, zero_pod)),
            (_, Said::Unknown(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(consumers: &str, channels: &str, connections: &str) -> Vec<Holder> {
        let rows = Rows {
            consumers: serde_json::from_str(consumers).unwrap(),
            channels: serde_json::from_str(channels).unwrap(),
            connections: serde_json::from_str(connections).unwrap(),
        };
        let mut holders = rows.joined().unwrap();
        holders.sort_by_key(|holder| holder.client.port);
        holders
    }

    fn holder(port: u16, queues: &[&str], unacked: Option<u64>) -> Holder {
        Holder {
            vhost: VhostName::new("/").unwrap(),
            client: Client { host: "10.0.0.7".into(), port },
            pod: None,
            queues: queues.iter().map(|name| QueueName::new(name).unwrap()).collect(),
            unacked,
            acked: None,
        }
    }

    #[test]
    fn consumers_channels_and_connections_are_joined_as_the_broker_sends_them() {
        let consumers = r#"[
            {"queue":{"name":"tasks","vhost":"/"},"channel_details":
              {"name":"c1 (1)","connection_name":"c1","peer_host":"10.0.0.7","peer_port":1}},
            {"queue":{"name":"commands","vhost":"/"},"channel_details":
              {"name":"c1 (1)","connection_name":"c1","peer_host":"10.0.0.7","peer_port":1}},
            {"queue":{"name":"tasks","vhost":"/"},"channel_details":[]}]"#;
        let channels = r#"[
            {"name":"c1 (1)","vhost":"/","messages_unacknowledged":1,"message_stats":{"ack":7},
             "connection_details":{"name":"c1","peer_host":"10.0.0.7","peer_port":1}},
            {"name":"c2 (1)","vhost":"/","messages_unacknowledged":0,
             "connection_details":{"name":"c2","peer_host":"10.0.0.7","peer_port":2}},
            {"connection_details":[]}]"#;
        let connections = r#"[{"name":"c1","client_properties":{"zero_pod":"provers/worker-0"}},
            {"name":"c2","client_properties":[]},{"name":"c3","client_properties":{}},{}]"#;
        let told = holder(1, &["tasks", "commands"], Some(1));
        let told = Holder { pod: Some("provers/worker-0".into()), acked: Some(7), ..told };
        assert_eq!(joined(consumers, channels, connections), [told]);
    }

    #[test]
    fn a_consumer_whose_channel_is_not_listed_has_no_count_and_never_zero() {
        let consumers = r#"[{"queue":{"name":"tasks","vhost":"/"},"channel_details":
              {"name":"c1 (1)","connection_name":"c1","peer_host":"10.0.0.7","peer_port":1}}]"#;
        assert_eq!(joined(consumers, "[]", "[]"), [holder(1, &["tasks"], None)]);
    }

    #[test]
    fn a_channel_without_consumer_matters_as_long_as_it_may_hold_something() {
        let channels = r#"[
            {"name":"a","vhost":"/","messages_unacknowledged":1,"message_stats":{},
             "connection_details":{"name":"a","peer_host":"10.0.0.7","peer_port":1}},
            {"name":"b","vhost":"/",
             "connection_details":{"name":"b","peer_host":"10.0.0.7","peer_port":2}}]"#;
        let expected = [holder(1, &[], Some(1)), holder(2, &[], None)];
        assert_eq!(joined("[]", channels, "[]"), expected);
    }
}
