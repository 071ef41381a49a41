//! AMQP connections to the vhosts of one broker, opened when needed and closed when idle.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use amqp_admin::{BrokerConnection, Endpoint, Error, LiveDepth, QueueName, VhostName};

use crate::clock;

/// Bounds a connect and each call.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was not needed for so long is closed.
const IDLE: Duration = Duration::from_secs(120);

/// At most one connection for each vhost.
#[derive(Debug)]
pub struct Sessions {
    endpoint: Endpoint,
    open: BTreeMap<VhostName, Session>,
}

#[derive(Debug)]
struct Session {
    connection: BrokerConnection,
    used: Instant,
}

impl Sessions {
    /// None is open yet.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, open: BTreeMap::new() }
    }

    /// Asks a queue for its depth, which renews its lease. `None`: there is no such queue.
    pub async fn touch(
        &mut self,
        vhost: &VhostName,
        queue: &QueueName,
    ) -> Result<Option<LiveDepth>, Error> {
        if !self.open.contains_key(vhost) {
            let connection = BrokerConnection::connect(&self.endpoint, vhost, TIMEOUT).await?;
            self.open.insert(vhost.clone(), Session { connection, used: clock::now() });
        }
        let Some(session) = self.open.get_mut(vhost) else { return Ok(None) };
        session.used = clock::now();
        let outcome = session.connection.touch(queue).await;
        if outcome.is_err() {
            self.open.remove(vhost);
        }
        outcome
    }

    /// Closes what was not needed for a while.
    pub async fn close_idle(&mut self) {
        let now = clock::now();
        let idle = self.open.iter().filter(|(_, open)| now.duration_since(open.used) > IDLE);
        let idle: Vec<_> = idle.map(|(vhost, _)| vhost.clone()).collect();
        for vhost in idle {
            if let Some(session) = self.open.remove(&vhost) {
                session.connection.close().await;
            }
        }
    }

    /// Closes all.
    pub async fn close(self) {
        for session in self.open.into_values() {
            session.connection.close().await;
        }
    }
}
