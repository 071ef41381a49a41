//! Dialling the broker again for a child that is there already.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::config::Config;
use crate::dial::Address;
use crate::handshake::{self, Introduction, Tuned};
use crate::link::Link;
use crate::trouble::Trouble;

/// A broker that restarts refuses at once, so the first tries may be quick.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// A worker that waits for hours is to be at work soon after the broker is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Who can make the connection to the broker once more as it was.
pub(crate) struct Dialler {
    config: Config,
    addresses: Arc<Vec<Address>>,
    introduction: Introduction,
    tuned: Tuned,
}

impl Dialler {
    pub(crate) fn new(
        config: Config,
        addresses: Arc<Vec<Address>>,
        introduction: Introduction,
        tuned: Tuned,
    ) -> Self {
        Self { config, addresses, introduction, tuned }
    }

    /// What the child has agreed to; it holds for every connection to the broker.
    pub(crate) fn tuned(&self) -> &Tuned {
        &self.tuned
    }

    /// Dials until the broker answers, at most for as long as configured.
    pub(crate) async fn until_connected(&self) -> Result<Link, Trouble> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect().await {
                Ok(link) => return Ok(link),
                Err(trouble) if started.elapsed() >= self.config.reconnect_for => {
                    return Err(trouble);
                }
                Err(trouble) => tracing::debug!("the broker is not there yet: {trouble}"),
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn connect(&self) -> Result<Link, Trouble> {
        let broker = handshake::log_in(&self.addresses, &self.introduction, &self.config).await?;
        handshake::enter_again(broker, &self.tuned, &self.config).await
    }
}
