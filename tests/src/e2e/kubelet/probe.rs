//! Readiness probes: HTTP as it is written, gRPC and TCP by a connection alone.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A probe of this machine is answered at once, or counts as failed.
const LIMIT: Duration = Duration::from_millis(500);
/// As many failures in a row make a container that is ready unready, unless its probe says otherwise.
const FAILURES: u64 = 3;
/// How often a container that is ready is asked.
const WHILE_READY: Duration = Duration::from_secs(2);
/// How often one that is not.
const UNTIL_READY: Duration = Duration::from_millis(300);

/// A container's readiness probe, and its last answer.
pub(super) struct Probe {
    address: SocketAddr,
    path: Option<String>,
    most_failures: u64,
    failures: u64,
    ready: bool,
    asked: Option<Instant>,
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
        let most_failures = probe.get("failureThreshold").and_then(Value::as_u64);
        Some(Self {
            address: SocketAddr::new(IpAddr::V4(ip), port),
            path,
            most_failures: most_failures.unwrap_or(FAILURES),
            failures: 0,
            ready: false,
            asked: None,
        })
    }

    /// Whether it is ready, asked anew when that is due.
    pub(super) fn says(&mut self, now: Instant) -> bool {
        let pause = if self.ready && self.failures == 0 { WHILE_READY } else { UNTIL_READY };
        if self.asked.is_some_and(|asked| now.duration_since(asked) < pause) {
            return self.ready;
        }
        self.asked = Some(now);
        self.failures = if self.ask() { 0 } else { self.failures + 1 };
        self.ready = self.failures == 0 || (self.ready && self.failures < self.most_failures);
        self.ready
    }

    /// Its process has ended: the next one has to show anew that it is ready.
    pub(super) fn forget(&mut self) {
        self.ready = false;
    }

    fn ask(&self) -> bool {
        let Some(path) = &self.path else {
            return TcpStream::connect_timeout(&self.address, LIMIT).is_ok();
        };
        read(self.address, path, LIMIT).is_some()
    }
}

/// What is answered on a path within a time, if it is an answer that says yes.
pub(super) fn read(address: SocketAddr, path: &str, limit: Duration) -> Option<String> {
    let config = ureq::Agent::config_builder().timeout_global(Some(limit)).build();
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
