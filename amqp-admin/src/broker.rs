//! AMQP through lapin, which stays in this file and its folder. Auto-recovery is off: a lost
//! connection is an error, and the caller connects anew.

mod hold;
mod message;
mod publisher;

use std::time::Duration;

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result, Source};
use crate::name::{QueueName, VhostName};

pub use hold::{Hold, Tag, Taken};
#[cfg(test)]
pub(crate) use message::tests::tagged;
pub use message::{Message, NotProperties, Properties};
pub use publisher::Publisher;

/// The broker's reply to what it cannot do: quorum queues are not deleted on conditions.
const NOT_IMPLEMENTED: u16 = 540;

/// What a passive declare tells, exact at the moment of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveDepth {
    /// Messages waiting for a worker.
    pub ready: u64,
    /// Consumers on the queue.
    pub consumers: u64,
}

/// On what condition a queue is deleted. The broker itself checks it in the same moment; that of a
/// quorum queue cannot, so there we look ourselves just before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteIf {
    /// Only while it has no ready message.
    Empty,
    /// Only while it has no ready message and nobody consumes from it.
    EmptyAndUnused,
}

/// A connection to one vhost of a broker. Reading needs no permission beyond access to the vhost
/// (`configure` on the queues for RabbitMQ 4.2.6 and 4.3.0).
#[derive(Debug)]
pub struct BrokerConnection {
    /// Where it leads, for a refusal that closes it.
    dialled: (Endpoint, VhostName),
    endpoint: String,
    connection: Connection,
    channel: Channel,
    timeout: Duration,
}

impl BrokerConnection {
    /// Connects within `timeout`, which also bounds each later call.
    pub async fn connect(endpoint: &Endpoint, vhost: &VhostName, limit: Duration) -> Result<Self> {
        let uri = endpoint.secret_uri(vhost);
        let address = endpoint.to_string();
        let runtime = lapin::runtime::default_runtime()
            .map_err(|error| failure(&address, "start", error.into()))?;
        let properties =
            ConnectionProperties::default().with_connection_name("zero-prover-infra".into());
        let opening = async {
            let connection = Connection::connect_with_config(
                uri.expose_secret(),
                properties,
                tls_config(endpoint)?,
                runtime,
            )
            .await?;
            let channel = connection.create_channel().await?;
            Ok::<_, Source>((connection, channel))
        };
        let act = format!("connect to the vhost `{vhost}`");
        let (connection, channel) =
            bounded(limit, opening).await.map_err(|source| failure(&address, &act, source))?;
        let dialled = (endpoint.clone(), vhost.clone());
        Ok(Self { dialled, endpoint: address, connection, channel, timeout: limit })
    }

    /// Asks a queue for its depth by declaring it passively. `None`: there is no such queue.
    ///
    /// **Renews the queue's lease** (`x-expires`): the tool to keep a queue alive, and no way to
    /// watch queues that ought to expire.
    pub async fn touch(&mut self, queue: &QueueName) -> Result<Option<LiveDepth>> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declare =
            self.channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
        let act = || format!("ask the queue `{queue}` for its depth");
        let told = bounded(self.timeout, async { Ok(declare.await?) }).await;
        let told = self.answered(act, told).await?;
        Ok(told.map(|queue| LiveDepth {
            ready: u64::from(queue.message_count()),
            consumers: u64::from(queue.consumer_count()),
        }))
    }

    /// Removes all ready messages; gives their number. Messages in workers' hands stay theirs.
    /// `None`: there is no such queue. Needs `read` on the queue.
    pub async fn purge(&mut self, queue: &QueueName) -> Result<Option<u64>> {
        let purge = self.channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default());
        let purged = bounded(self.timeout, async { Ok(purge.await?) }).await;
        let purged = self.answered(|| format!("purge the queue `{queue}`"), purged).await?;
        Ok(purged.map(u64::from))
    }

    /// Deletes a queue. `false`: there was no such queue. A condition that does not hold is an error
    /// that [`Error::is_precondition_failed`]. Needs `configure` on the queue. That of a quorum queue
    /// costs the connection, so that names reserved by it are free again: there is a new one then.
    pub async fn delete(&mut self, queue: &QueueName, when: DeleteIf) -> Result<bool> {
        let if_unused = when == DeleteIf::EmptyAndUnused;
        let conditions = QueueDeleteOptions { if_unused, if_empty: true, nowait: false };
        match self.delete_queue(queue, conditions).await {
            Err(Error::Amqp { reply: Some(NOT_IMPLEMENTED), .. }) => {
                let (endpoint, vhost) = &self.dialled;
                *self = Self::connect(endpoint, vhost, self.timeout).await?;
                let depth = self.touch(queue).await?;
                if depth.is_some_and(|depth| depth.ready > 0 || (if_unused && depth.consumers > 0))
                {
                    let words = "it is not empty, or in use".into();
                    let (act, reply) = (format!("delete the queue `{queue}`"), Some(406));
                    return Err(Error::Amqp {
                        act,
                        endpoint: self.endpoint.clone(),
                        reply,
                        source: words,
                    });
                }
                self.delete_queue(queue, QueueDeleteOptions::default()).await
            }
            outcome => outcome,
        }
    }

    async fn delete_queue(&mut self, queue: &QueueName, when: QueueDeleteOptions) -> Result<bool> {
        let delete = self.channel.queue_delete(queue.as_str().into(), when);
        let deleted = bounded(self.timeout, async { Ok(delete.await?) }).await;
        let deleted = self.answered(|| format!("delete the queue `{queue}`"), deleted).await?;
        Ok(deleted.is_some())
    }

    /// Reserves a name until this connection ends: an exclusive queue, which the broker gives to
    /// one connection alone. `false`: another connection has it. Needs `configure` on the name.
    pub async fn reserve(&mut self, name: &QueueName) -> Result<bool> {
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let declare =
            self.channel.queue_declare(name.as_str().into(), options, FieldTable::default());
        let declared = bounded(self.timeout, async { Ok(declare.await?) }).await;
        match self.answered(|| format!("reserve the name `{name}`"), declared).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_locked() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Says goodbye, so that the broker logs no broken connection. A connection that is gone
    /// already is no error.
    pub async fn close(self) {
        let goodbye = self.connection.close(200, "done".into());
        let _ = timeout(self.timeout, goodbye).await;
    }

    /// Turns the end of a call into an answer, `None` for a queue that is not there. A refusal
    /// closed the channel: there is a new one afterwards, the connection lives on.
    async fn answered<T>(
        &mut self,
        act: impl Fn() -> String,
        outcome: Result<T, Source>,
    ) -> Result<Option<T>> {
        let error = match outcome {
            Ok(answer) => return Ok(Some(answer)),
            Err(source) => failure(&self.endpoint, &act(), source),
        };
        if let Error::Amqp { reply: Some(_), .. } = error
            && self.connection.status().connected()
        {
            self.channel = self.open_channel().await?;
        }
        if error.is_not_found() { Ok(None) } else { Err(error) }
    }

    async fn open_channel(&self) -> Result<Channel> {
        let open = async { Ok(self.connection.create_channel().await?) };
        let opened = bounded(self.timeout, open).await;
        opened.map_err(|source| failure(&self.endpoint, "open a channel", source))
    }
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Source>>,
) -> Result<T, Source> {
    match timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {:.1} s", limit.as_secs_f64()).into()),
    }
}

fn failure(endpoint: &str, act: &str, source: Source) -> Error {
    let reply = source.downcast_ref().and_then(reply_code);
    Error::Amqp { act: act.into(), endpoint: endpoint.into(), reply, source }
}

/// The code of a broker's refusal.
fn reply_code(error: &lapin::Error) -> Option<u16> {
    let lapin::ErrorKind::ProtocolError(reply) = error.kind() else { return None };
    Some(reply.get_id())
}

fn tls_config(endpoint: &Endpoint) -> Result<OwnedTLSConfig, std::str::Utf8Error> {
    let tls = &endpoint.tls;
    let identity = tls.client_cert.as_ref().zip(tls.client_key.as_ref()).map(|(cert, key)| {
        OwnedIdentity::PKCS8 { pem: cert.clone(), key: key.expose_secret().as_bytes().to_vec() }
    });
    let cert_chain = tls.ca.as_deref().map(std::str::from_utf8).transpose()?.map(str::to_owned);
    Ok(OwnedTLSConfig { identity, cert_chain })
}
