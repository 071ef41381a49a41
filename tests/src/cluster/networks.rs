//! Networks of the loopback interface that no other control plane of this machine has.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;

/// The second numbers of the networks of pods; the one above each is that of Services.
const NUMBERS: std::ops::RangeInclusive<u8> = 64..=190;
/// A port of the last address of a network: whoever listens there has the network.
const CLAIM: u16 = 10_239;

/// One network for pods, one for Services, as long as the value lives.
pub(super) struct Networks {
    number: u8,
    _claim: TcpListener,
}

impl Networks {
    /// The first that nobody has.
    pub(super) fn claim() -> anyhow::Result<Self> {
        let claimed = NUMBERS.step_by(2).find_map(|number| {
            let listener = TcpListener::bind((Ipv4Addr::new(127, number, 255, 254), CLAIM));
            listener.ok().map(|claim| Self { number, _claim: claim })
        });
        claimed.context("every network of the loopback interface that tests use is taken")
    }

    /// Where Services are.
    pub(super) fn services(&self) -> String {
        format!("127.{}.0.0/16", self.number + 1)
    }

    /// The second number of pods' addresses.
    pub(super) fn pods(&self) -> u8 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_have_different_networks() {
        let (one, other) = (Networks::claim().unwrap(), Networks::claim().unwrap());
        assert_ne!(one.pods(), other.pods());
        assert_ne!(one.services(), other.services());
        assert_ne!(format!("127.{}.0.0/16", one.pods()), other.services());
    }
}
