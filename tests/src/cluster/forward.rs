//! Where the ports of one pod lead: KWOK's `PortForward`, and whether KWOK has read it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::ports::secret;

/// A pod port of ours that answers with the mark of the last change.
const MARK_PORT: u16 = 1;

/// The forwards of one pod.
#[derive(Default)]
pub(super) struct Forwards {
    local_ports: BTreeMap<u16, u16>,
    mark: String,
}

impl Forwards {
    pub(super) fn add(&mut self, pod_port: u16, local_port: u16) {
        self.local_ports.insert(pod_port, local_port);
        self.mark = secret();
    }

    /// KWOK finds it by the names of the pod and its namespace.
    pub(super) fn manifest(&self, namespace: &str, pod: &str) -> String {
        let lead = |(pod_port, local_port): (&u16, &u16)| {
            json!({
                "ports": [pod_port],
                "target": { "address": "127.0.0.1", "port": local_port },
            })
        };
        let mark = json!({ "ports": [MARK_PORT], "command": ["echo", self.mark] });
        let forwards: Value = self.local_ports.iter().map(lead).chain([mark]).collect();
        let manifest = json!({
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "PortForward",
            "metadata": { "namespace": namespace, "name": pod },
            "spec": { "forwards": forwards },
        });
        manifest.to_string()
    }

    /// Whether the kubelet knows the last change.
    ///
    /// Nothing tells what KWOK has read, so that we ask for the port with the mark, by a WebSocket without TLS.
    pub(super) fn in_effect(&self, kubelet: u16, namespace: &str, pod: &str) -> Result<(), String> {
        let said = asked(kubelet, namespace, pod).map_err(|error| format!("{error:#}"))?;
        if said.contains(&self.mark) { Ok(()) } else { Err(format!("it says {said:?}")) }
    }
}

fn asked(kubelet: u16, namespace: &str, pod: &str) -> anyhow::Result<String> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", kubelet)).context("connect to the kubelet")?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = format!(
        "GET /portForward/{namespace}/{pod}?port={MARK_PORT} HTTP/1.1\r\nHost: localhost\r\n\
         Origin: http://localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    // After its line it waits for more from us; without a forward it closes the connection.
    while !line_said(&answer) {
        let mut part = [0; 1024];
        let read = stream.read(&mut part).context("read the kubelet's answer")?;
        if read == 0 {
            break;
        }
        answer += &String::from_utf8_lossy(part.get(..read).unwrap_or_default());
    }
    ensure!(answer.starts_with("HTTP/1.1 101 "), "the kubelet refuses: {answer:?}");
    Ok(answer)
}

fn line_said(answer: &str) -> bool {
    answer.split_once("\r\n\r\n").is_some_and(|(_, frames)| frames.contains('\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_port_keeps_the_earlier_ones_and_changes_the_mark() {
        let mut forwards = Forwards::default();
        forwards.add(5672, 1001);
        let first = forwards.mark.clone();
        forwards.add(15672, 1002);
        assert_ne!(first, forwards.mark);
        let read: Value = serde_json::from_str(&forwards.manifest("provers", "broker")).unwrap();
        let all = read["spec"]["forwards"].as_array().unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0]["target"]["port"], 1001);
        assert_eq!(all[1]["ports"][0], 15672);
    }
}
