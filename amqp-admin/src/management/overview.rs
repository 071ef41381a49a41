//! What the broker says of itself.

use serde::Deserialize;

use super::{Management, decode};
use crate::error::Result;

/// A broker in a few words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Overview {
    /// RabbitMQ's version.
    #[serde(rename = "rabbitmq_version")]
    pub version: String,
    /// The cluster's name.
    pub cluster_name: Option<String>,
}

/// One node of the broker. What the broker did not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NodeHealth {
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub running: Option<bool>,
    /// It is out of memory and blocks publishers.
    pub mem_alarm: Option<bool>,
    /// Its disk is nearly full and it blocks publishers.
    pub disk_free_alarm: Option<bool>,
}

impl Management {
    /// Version and name. Needs the tag `management`.
    pub async fn overview(&self) -> Result<Overview> {
        let (url, body) = self.body("/api/overview?columns=rabbitmq_version,cluster_name").await?;
        decode(&url, &body)
    }

    /// The nodes and their alarms. Needs the tag `monitoring`.
    pub async fn nodes(&self) -> Result<Vec<NodeHealth>> {
        let path = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm";
        let (url, body) = self.body(path).await?;
        decode(&url, &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_as_the_broker_sends_them() {
        let json = r#"[{"mem_alarm":false,"disk_free_alarm":true,"name":"rabbit@a","running":true},
            {"name":"rabbit@b","running":false}]"#;
        let nodes: Vec<NodeHealth> = serde_json::from_str(json).unwrap();
        assert_eq!(nodes[0].disk_free_alarm, Some(true));
        assert_eq!((nodes[1].running, nodes[1].mem_alarm), (Some(false), None));
    }
}
