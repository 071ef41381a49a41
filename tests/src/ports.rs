//! Loopback ports and secrets, picked so that they meet no one else's.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;

use anyhow::anyhow;

/// Below what kernels hand out to outgoing connections.
///
/// Asking for "any free port" would pick from that range. While a server is down, a client that keeps connecting to
/// such a port may be given it as its own source port: it then connects to itself, and the server cannot come back.
const RANGE: std::ops::Range<u16> = 10_240..32_000;
/// Far more tries than free ports are rare.
const TRIES: usize = 1_000;

/// Different ports that were free a moment ago, each tried by listening on it.
pub fn free<const N: usize>() -> anyhow::Result<[u16; N]> {
    let width = u64::from(RANGE.end - RANGE.start);
    let mut held = Vec::new();
    for _ in 0..TRIES {
        if held.len() == N {
            break;
        }
        let port = RANGE.start + u16::try_from(random() % width)?;
        // Kept open until all are found: no port is picked twice.
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
    }
    let found: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    found.try_into().map_err(|_| anyhow!("found no {N} free ports in {RANGE:?}"))
}

/// Text that nobody guesses; letters and digits only.
pub(crate) fn secret() -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stay_in_the_range_and_differ() {
        let mut all = free::<5>().unwrap();
        assert!(all.iter().all(|port| RANGE.contains(port)));
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn no_secret_is_given_twice() {
        assert_ne!(secret(), secret());
    }
}
