//! The ports of a node, and where it will therefore be.

use crate::access::Access;
use crate::ports::{free, secret};

/// The ports of one node, all on the loopback interface.
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) management: u16,
    pub(super) metrics: u16,
    pub(super) distribution: u16,
    pub(super) epmd: u16,
}

impl Ports {
    /// Five ports that were free a moment ago.
    pub(super) fn pick() -> anyhow::Result<Self> {
        let [amqp, management, metrics, distribution, epmd] = free()?;
        Ok(Self { amqp, management, metrics, distribution, epmd })
    }

    /// Where the node will be, with a user made for it.
    pub(super) fn access(&self) -> Access {
        Access {
            amqp: format!("127.0.0.1:{}", self.amqp),
            management_url: format!("http://127.0.0.1:{}", self.management),
            metrics_url: format!("http://127.0.0.1:{}", self.metrics),
            user: "zero".to_owned(),
            password: secret(),
        }
    }
}
