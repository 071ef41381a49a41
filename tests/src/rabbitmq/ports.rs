//! Ports, names and passwords of a node, picked so that they meet no one else's.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

use anyhow::bail;

use crate::access::Access;

/// Below what kernels hand out to outgoing connections.
///
/// Asking for "any free port" would pick from that range. While the node is down, a client that keeps connecting to
/// such a port may be given it as its own source port: it then connects to itself, and the node cannot come back.
const RANGE: std::ops::Range<u16> = 10_240..32_000;
/// Far more tries than free ports are rare.
const TRIES: usize = 1_000;

/// The ports of one node, all on the loopback interface.
pub(super) struct Ports {
    pub(super) amqp: u16,
    pub(super) management: u16,
    pub(super) metrics: u16,
    pub(super) distribution: u16,
    pub(super) epmd: u16,
}

impl Ports {
    /// Five ports that were free a moment ago, each tried by listening on it.
    pub(super) fn pick() -> anyhow::Result<Self> {
        let mut held = Vec::new();
        for _ in 0..TRIES {
            let width = u64::from(RANGE.end - RANGE.start);
            let port = RANGE.start + u16::try_from(random() % width)?;
            // Kept open until all are found: no port is picked twice.
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                held.push((port, listener));
            }
            if let [(amqp, _), (management, _), (metrics, _), (distribution, _), (epmd, _)] = *held
            {
                return Ok(Self { amqp, management, metrics, distribution, epmd });
            }
        }
        bail!("found no five free ports in {RANGE:?}")
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

/// Text that nobody guesses; letters and digits only.
pub(super) fn secret() -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_picks_share_no_secret_and_stay_in_the_range() {
        let (one, two) = (Ports::pick().unwrap(), Ports::pick().unwrap());
        assert!(RANGE.contains(&one.amqp) && RANGE.contains(&two.epmd));
        assert_ne!(one.access().password, two.access().password);
    }

    #[test]
    fn the_ports_of_a_node_differ() {
        let Ports { amqp, management, metrics, distribution, epmd } = Ports::pick().unwrap();
        let mut all = vec![amqp, management, metrics, distribution, epmd];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5);
    }
}
