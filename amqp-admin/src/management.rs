//! The management HTTP API: the few calls we make, by hand. The broker's JSON stays in `wire.rs`.
//!
//! Needs a user with the tag `management` and a permission entry on the vhost; `^$ ^$ ^$` is enough.

use std::collections::HashSet;
use std::time::Duration;

use serde::Deserialize;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::name::{NameError, QueueName, VhostName};
use crate::queue::Queue;
use crate::transport::Transport;

mod channels;
mod consumers;
mod deprecated;
mod detail;
mod holders;
mod overview;
mod wire;

pub use channels::OpenChannel;
pub use consumers::{Client, QueueConsumer};
pub use detail::QueueDetail;
pub use holders::{Holder, POD_PROPERTY};
pub use overview::{NodeHealth, Overview};

/// Largest answer held in memory: about 108 bytes a queue, so half a million queues.
const BODY_LIMIT: usize = 64 << 20;

/// A client of the management API.
#[derive(Debug, Clone)]
pub struct Management {
    transport: Transport,
}

impl Management {
    /// `timeout` bounds each call. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Result<Self> {
        Ok(Self { transport: Transport::new(endpoint, timeout)? })
    }

    /// Every queue of a vhost with live counts, asked of each queue's own process: exact at the
    /// call, about 60 µs of broker CPU a queue, and it wakes them. Changes nothing and renews no
    /// lease. Needs the tag `management` and any permission entry on the vhost.
    pub async fn queues(&self, vhost: &VhostName) -> Result<Vec<Queue>> {
        // `sort=` (empty) spares the server a sort: 15 to 24 % of the call.
        let path = format!(
            "/api/queues/{}?disable_stats=true&enable_queue_totals=true&columns={}&sort=",
            vhost.url_encoded(),
            wire::QUEUE_COLUMNS
        );
        let (url, body) = self.body(&path).await?;
        let wire::QueueList(queues) = decode(&url, &body)?;
        Ok(queues)
    }

    /// The vhosts this user may see. Needs the tag `management`.
    pub async fn vhosts(&self) -> Result<Vec<VhostName>> {
        let (url, body) = self.body("/api/vhosts?columns=name").await?;
        let rows: Vec<wire::VhostRow> = decode(&url, &body)?;
        let names = rows.into_iter().map(|row| VhostName::new(&row.name));
        all(url, names)
    }

    /// Whether a queue exists; costs the broker one look-up, and unlike a passive declare of a
    /// missing queue it leaves no error in the broker's log. Needs the tag `management`.
    pub async fn has_queue(&self, vhost: &VhostName, queue: &QueueName) -> Result<bool> {
        let (vhost, queue) = (vhost.url_encoded(), queue.url_encoded());
        let path = format!("/api/queues/{vhost}/{queue}?disable_stats=true&columns=name");
        match self.body(&path).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The queues of a vhost that have at least one consumer, up to 5 s old. Costs by the number
    /// of consumers, not of queues. Needs the tag `monitoring`: with `management` alone it fails,
    /// for the broker would leave out the consumers of other users and not say so.
    pub async fn consumed_queues(&self, vhost: &VhostName) -> Result<HashSet<QueueName>> {
        self.sees_everyone().await?;
        let path = format!("/api/consumers/{}?columns=queue.name", vhost.url_encoded());
        let (url, body) = self.body(&path).await?;
        let rows: Vec<wire::ConsumerRow> = decode(&url, &body)?;
        let names = rows.into_iter().map(|row| QueueName::new(&row.queue.name));
        all(url, names)
    }

    /// Fails when this user is shown its own channels and consumers alone.
    pub async fn sees_everyone(&self) -> Result<()> {
        let (url, body) = self.body("/api/whoami").await?;
        let us: wire::WhoAmI = decode(&url, &body)?;
        let sees = us.tags.iter().any(|tag| matches!(tag.as_str(), "monitoring" | "administrator"));
        if sees { Ok(()) } else { Err(Error::OwnAlone { user: us.name }) }
    }

    async fn body(&self, path: &str) -> Result<(String, Vec<u8>)> {
        let answer = self.transport.get(path).await?;
        let url = answer.url.clone();
        Ok((url, answer.body(BODY_LIMIT).await?))
    }
}

/// All names, or the first that AMQP cannot carry.
fn all<T, C: FromIterator<T>>(
    url: String,
    names: impl Iterator<Item = Result<T, NameError>>,
) -> Result<C> {
    names
        .collect::<Result<_, _>>()
        .map_err(|error| Error::Decode { url, reason: error.to_string() })
}

fn decode<'a, T: Deserialize<'a>>(url: &str, body: &'a [u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let reason = if body.first() == Some(&b'<') {
            "it is a page of HTML, not JSON: is this the management API?".to_owned()
        } else {
            error.to_string()
        };
        Error::Decode { url: url.into(), reason }
    })
}
