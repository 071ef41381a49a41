//! A running `kubectl port-forward`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::poll;
use crate::process::{Process, tail};

/// It says so in a fraction of a second.
const START_LIMIT: Duration = Duration::from_secs(30);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A forward that ends with this value.
pub struct PortForward {
    process: Process,
    local: SocketAddr,
}

impl PortForward {
    pub(super) fn start(command: Command, home: &Path, log: &Path) -> anyhow::Result<Self> {
        let process = Process::spawn(command, home, log)?;
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut forward = Self { process, local: nowhere };
        let found = poll::until_blocking("kubectl to forward a port", START_LIMIT, || {
            let said = tail(log);
            match (address(&said), forward.process.exited()) {
                (Some(local), _) => Ok(Ok(local)),
                (None, Ok(None)) => Err(said),
                (None, ended) => Ok(Err(anyhow::anyhow!("it ended ({ended:?}): {said}"))),
            }
        })?;
        forward.local = found?;
        Ok(forward)
    }

    /// Where it listens.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local
    }
}

impl Drop for PortForward {
    fn drop(&mut self) {
        let _ = self.process.signal(Signal::KILL);
        let _ = self.process.wait_gone(KILL_LIMIT);
    }
}

/// Read from a line such as `Forwarding from 127.0.0.1:40123 -> 5672`.
fn address(said: &str) -> Option<SocketAddr> {
    let line = said.lines().find_map(|line| line.strip_prefix("Forwarding from "))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_address_is_read_from_what_kubectl_says() {
        let said = "something\nForwarding from 127.0.0.1:40123 -> 5672\n";
        assert_eq!(address(said), Some(SocketAddr::from(([127, 0, 0, 1], 40123))));
        assert_eq!(address("error: forbidden\n"), None);
    }
}
