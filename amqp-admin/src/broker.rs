//! AMQP through lapin, which stays in this file. Auto-recovery is off: a lost connection is an
//! error, and the caller connects anew.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::tcp::{OwnedIdentity, OwnedTLSConfig};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::name::{QueueName, VhostName};

/// The broker's reply when a queue is not there.
const NOT_FOUND: u16 = 404;

/// What a passive declare tells, exact at the moment of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveDepth {
    /// Messages waiting for a worker.
    pub ready: u64,
    /// Consumers on the queue.
    pub consumers: u64,
}

/// A connection to one vhost of a broker. Needs no permission beyond access to the vhost
/// (`configure` on the queues for RabbitMQ 4.2.6 and 4.3.0).
#[derive(Debug)]
pub struct BrokerConnection {
    endpoint: String,
    connection: Connection,
    channel: Channel,
    timeout: Duration,
}

impl BrokerConnection {
    /// Connects within `timeout`, which also bounds each later call.
    pub async fn connect(endpoint: &Endpoint, vhost: &VhostName, limit: Duration) -> Result<Self> {
        let uri = endpoint.secret_uri(vhost);
        let runtime = lapin::runtime::default_runtime()
            .map_err(|error| failure(endpoint, "start", error.into()))?;
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
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((connection, channel))
        };
        let act = format!("connect to the vhost `{vhost}`");
        let (connection, channel) =
            bounded(limit, opening).await.map_err(|source| failure(endpoint, &act, source))?;
        Ok(Self { endpoint: endpoint.to_string(), connection, channel, timeout: limit })
    }

    /// Asks a queue for its depth by declaring it passively. `None`: there is no such queue.
    ///
    /// **Renews the queue's lease** (`x-expires`): the tool to keep a queue alive, and no way to
    /// watch queues that ought to expire.
    pub async fn touch(&mut self, queue: &QueueName) -> Result<Option<LiveDepth>> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let declare =
            self.channel.queue_declare(queue.as_str().into(), options, FieldTable::default());
        match timeout(self.timeout, declare).await {
            Ok(Ok(queue)) => Ok(Some(LiveDepth {
                ready: u64::from(queue.message_count()),
                consumers: u64::from(queue.consumer_count()),
            })),
            Ok(Err(error)) if is_not_found(&error) => {
                // The refusal closed the channel; the connection lives on.
                self.reopen().await?;
                Ok(None)
            }
            Ok(Err(error)) => Err(self.failed(queue, error.into())),
            Err(elapsed) => Err(self.failed(queue, elapsed.into())),
        }
    }

    /// Says goodbye, so that the broker logs no broken connection. A connection that is gone
    /// already is no error.
    pub async fn close(self) {
        let goodbye = self.connection.close(200, "done".into());
        let _ = timeout(self.timeout, goodbye).await;
    }

    async fn reopen(&mut self) -> Result<()> {
        let open = async { Ok(self.connection.create_channel().await?) };
        self.channel = bounded(self.timeout, open).await.map_err(|source| Error::Amqp {
            act: "open a channel".into(),
            endpoint: self.endpoint.clone(),
            source,
        })?;
        Ok(())
    }

    fn failed(&self, queue: &QueueName, source: Box<dyn std::error::Error + Send + Sync>) -> Error {
        let act = format!("ask the queue `{queue}` for its depth");
        Error::Amqp { act, endpoint: self.endpoint.clone(), source }
    }
}

async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Box<dyn std::error::Error + Send + Sync>>>,
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    timeout(limit, work).await?
}

fn failure(
    endpoint: &Endpoint,
    act: &str,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> Error {
    Error::Amqp { act: act.into(), endpoint: endpoint.to_string(), source }
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(reply) if reply.get_id() == NOT_FOUND)
}

fn tls_config(endpoint: &Endpoint) -> Result<OwnedTLSConfig, std::str::Utf8Error> {
    let tls = &endpoint.tls;
    let identity = tls.client_cert.as_ref().zip(tls.client_key.as_ref()).map(|(cert, key)| {
        OwnedIdentity::PKCS8 { pem: cert.clone(), key: key.expose_secret().as_bytes().to_vec() }
    });
    let cert_chain = tls.ca.as_deref().map(std::str::from_utf8).transpose()?.map(str::to_owned);
    Ok(OwnedTLSConfig { identity, cert_chain })
}
