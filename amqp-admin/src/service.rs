//! A service beside the broker that answers over HTTP, such as the proof service.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::transport::Transport;

/// A client of one service. What its answers mean is for the caller to know.
#[derive(Debug, Clone)]
pub struct Service(Transport);

impl Service {
    /// `timeout` bounds each answer. Nothing is sent yet.
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Result<Self> {
        Ok(Self(Transport::new(endpoint, timeout)?))
    }

    /// The body of an answer, refused above `limit` bytes.
    pub async fn get(&self, path_and_query: &str, limit: usize) -> Result<Vec<u8>> {
        self.0.get(path_and_query).await?.body(limit).await
    }
}
