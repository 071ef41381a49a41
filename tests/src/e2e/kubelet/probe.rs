//! Readiness probes: HTTP as it is written, gRPC and TCP by a connection alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A probe of this machine is answered at once, or counts as failed.
const LIMIT: Duration = Duration::from_millis(500);
/// How often a container that is ready is asked.
const WHILE_READY: Duration = Duration::from_secs(2);
/// How often one that is not.
const UNTIL_READY: Duration = Duration::from_millis(300);

/// A container's readiness probe, and its last answer.
pub(super) struct Probe {
    address: SocketAddr,
    path: Option<String>,
    last: Option<(Instant, bool)>,
}

impl Probe {
    pub(super) fn of(container: &Value, ip: Ipv4Addr) -> Option<Self> {
        let probe = container.get("readinessProbe")?;
        let (action, path) = match probe.get("httpGet") {
            Some(action) => (action, action.get("path").and_then(Value::as_str).unwrap_or("/")),
            None => (probe.get("grpc").or_else(|| probe.get("tcpSocket"))?, ""),
        };
        let port = number(container, action.get("port")?)?;
        let path = Some(path.to_owned()).filter(|path| !path.is_empty());
        Some(Self { address: SocketAddr::new(IpAddr::V4(ip), port), path, last: None })
    }

    /// The last answer, asked anew when that is due.
    pub(super) fn says(&mut self, now: Instant) -> bool {
        if let Some((asked, said)) = self.last {
            let pause = if said { WHILE_READY } else { UNTIL_READY };
            if now.duration_since(asked) < pause {
                return said;
            }
        }
        let said = self.ask();
        self.last = Some((now, said));
        said
    }

    fn ask(&self) -> bool {
        let Some(path) = &self.path else {
            return TcpStream::connect_timeout(&self.address, LIMIT).is_ok();
        };
        read(self.address, path).is_some()
    }
}

/// What is answered on a path, if it is an answer that says yes.
pub(super) fn read(address: SocketAddr, path: &str) -> Option<String> {
    let config = ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build();
    let mut answer =
        ureq::Agent::from(config).get(format!("http://{address}{path}")).call().ok()?;
    answer.body_mut().read_to_string().ok()
}

/// A port of a container by its number or name.
pub(super) fn number(container: &Value, port: &Value) -> Option<u16> {
    let Some(name) = port.as_str() else { return u16::try_from(port.as_u64()?).ok() };
    let ports = container.get("ports")?.as_array()?;
    let named = ports.iter().find(|port| port.get("name").is_some_and(|told| told == name))?;
    u16::try_from(named.get("containerPort")?.as_u64()?).ok()
}
