//! The broker's open channels: which client holds how many messages.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Management, decode};
use crate::error::Result;
use crate::name::VhostName;

/// Two addresses and a number are all that tells a worker from the others.
const COLUMNS: &str =
    "connection_details.peer_host,connection_details.peer_port,messages_unacknowledged";

/// One open channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChannel {
    /// The client's address as the broker sees it; a host name with `reverse_dns_lookups`.
    pub peer_host: String,
    /// The client's port.
    pub peer_port: u16,
    /// Messages delivered on it and not yet acknowledged; `None`: the broker did not say.
    pub unacked: Option<u64>,
}

impl Management {
    /// The open channels of a vhost, or of all, up to 10 s old: a channel reports every 5 s, and
    /// the management plugin collects that every 5 s. A young channel is missing until then. Needs
    /// the tag `management` for the channels of this user, `monitoring` for everyone's.
    pub async fn channels(&self, vhost: Option<&VhostName>) -> Result<Vec<OpenChannel>> {
        let of_vhost = vhost.map(|vhost| format!("/vhosts/{}", vhost.url_encoded()));
        let path = format!("/api{}/channels?columns={COLUMNS}", of_vhost.unwrap_or_default());
        let (url, body) = self.body(&path).await?;
        let rows: Vec<ChannelRow> = decode(&url, &body)?;
        Ok(rows.into_iter().filter_map(ChannelRow::into_channel).collect())
    }
}

/// A row of `GET /api/channels`. An absent count stays absent.
#[derive(Debug, Deserialize)]
struct ChannelRow {
    connection_details: Option<Peer>,
    messages_unacknowledged: Option<u64>,
}

/// A channel about to open or close has an empty table, or words where numbers belong.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Peer {
    Known { peer_host: String, peer_port: u16 },
    Unknown(IgnoredAny),
}

impl ChannelRow {
    /// `None`: the broker does not say whose channel it is, so it can be nobody's.
    fn into_channel(self) -> Option<OpenChannel> {
        match self.connection_details? {
            Peer::Known { peer_host, peer_port } => {
                Some(OpenChannel { peer_host, peer_port, unacked: self.messages_unacknowledged })
            }
            Peer::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channels(json: &str) -> Vec<OpenChannel> {
        let rows: Vec<ChannelRow> = serde_json::from_str(json).unwrap();
        rows.into_iter().filter_map(ChannelRow::into_channel).collect()
    }

    #[test]
    fn a_row_as_the_broker_sends_it() {
        let json = r#"[{"connection_details":{"peer_host":"127.0.0.1","peer_port":47750},"messages_unacknowledged":1}]"#;
        let row = OpenChannel { peer_host: "127.0.0.1".into(), peer_port: 47750, unacked: Some(1) };
        assert_eq!(channels(json), [row]);
    }

    #[test]
    fn a_missing_count_is_unknown_and_never_zero() {
        let rows = channels(r#"[{"connection_details":{"peer_host":"::1","peer_port":1}}]"#);
        assert_eq!(rows.first().map(|row| row.unacked), Some(None));
    }

    #[test]
    fn a_channel_without_a_client_is_nobodys() {
        let json = r#"[{"connection_details":[]},{"messages_unacknowledged":3},
            {"connection_details":{"peer_host":"undefined","peer_port":"undefined"}}]"#;
        assert_eq!(channels(json), []);
    }
}
