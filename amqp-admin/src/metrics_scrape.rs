//! The Prometheus endpoint `/metrics/detailed`: the cheap way to read every queue's depth.
//!
//! Counts are as old as the broker's `collect_statistics_interval` (5 s by default). Each node
//! lists only the queues whose leader it hosts, so every node of a cluster must be named.

use std::collections::HashMap;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::exposition::{Count, parse_line};
use crate::name::{QueueName, VhostName};
use crate::queue::Reading;
use crate::transport::{Answer, Transport};

/// Longest line held in memory: two names of 255 bytes, each byte escaped, and a number.
const LINE_LIMIT: usize = 8 << 10;

/// A client of the metrics ports of all nodes of one broker.
#[derive(Debug, Clone)]
pub struct MetricsScrape {
    nodes: Vec<Transport>,
}

impl MetricsScrape {
    /// One endpoint for each node. `timeout` bounds each node's whole answer.
    pub fn new(nodes: Vec<Endpoint>, timeout: Duration) -> Result<Self> {
        let nodes = nodes.into_iter().map(|node| Transport::new(node, timeout));
        Ok(Self { nodes: nodes.collect::<Result<_>>()? })
    }

    /// The depth of every queue of a vhost, about 17 µs of broker CPU a queue; wakes no queue. An
    /// unknown vhost gives no rows: the endpoint does not tell it from an empty one. By default
    /// the port asks for no credentials.
    pub async fn depths(&self, vhost: &VhostName) -> Result<HashMap<QueueName, Reading>> {
        let path =
            format!("/metrics/detailed?vhost={}&family=queue_coarse_metrics", vhost.url_encoded());
        let mut depths = HashMap::new();
        for node in &self.nodes {
            read_depths(node.get(&path).await?, vhost, &mut depths).await?;
        }
        Ok(depths)
    }
}

async fn read_depths(
    mut answer: Answer,
    vhost: &VhostName,
    depths: &mut HashMap<QueueName, Reading>,
) -> Result<()> {
    let mut line = Vec::new();
    let mut complete = false;
    while let Some(chunk) = answer.chunk().await? {
        for piece in chunk.as_ref().split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.len() > LINE_LIMIT {
                return Err(Error::TooLarge { url: answer.url, limit: LINE_LIMIT });
            }
            if piece.ends_with(b"\n") {
                complete |= line.starts_with(b"rabbitmq_identity_info");
                take_line(&answer.url, &line, vhost, depths)?;
                line.clear();
            }
        }
    }
    // Every answer closes with the node's identity: without it something else answered, or half.
    if !complete {
        let reason = "it holds no `rabbitmq_identity_info`: not RabbitMQ's metrics, or cut short";
        return Err(Error::Decode { url: answer.url, reason: reason.into() });
    }
    Ok(())
}

fn take_line(
    url: &str,
    line: &[u8],
    vhost: &VhostName,
    depths: &mut HashMap<QueueName, Reading>,
) -> Result<()> {
    let refuse = |reason: String| Error::Decode { url: url.into(), reason };
    let text = std::str::from_utf8(line).map_err(|error| refuse(error.to_string()))?;
    let Some(sample) = parse_line(text.trim_end()).map_err(refuse)? else {
        return Ok(());
    };
    if sample.vhost != vhost.as_str() {
        return Ok(());
    }
    let name = QueueName::new(&sample.queue).map_err(|error| refuse(error.to_string()))?;
    let reading = depths.entry(name).or_default();
    // A queue moves between nodes by leader change: for a moment both may list it.
    let slot = match sample.count {
        Count::Ready => &mut reading.ready,
        Count::Unacked => &mut reading.unacked,
    };
    *slot = Some(slot.unwrap_or(0).max(sample.value));
    Ok(())
}
