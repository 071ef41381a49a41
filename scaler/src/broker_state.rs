//! What poller, keeper and answers share about one broker: one snapshot, replaced whole.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

use crate::history::History;
use crate::snapshot::Snapshot;
use crate::status::KeepAliveStatus;

/// One broker as the rest of the program sees it.
#[derive(Debug)]
pub struct BrokerState {
    /// Its name in trigger metadata.
    pub alias: String,
    /// Its management address, without credentials.
    pub address: String,
    /// Woken when a trigger asks for a vhost that is not watched yet.
    pub wake: Notify,
    snapshot: watch::Sender<Arc<Snapshot>>,
    tick: watch::Sender<u64>,
    history: Mutex<History>,
    keep_alive: Mutex<KeepAliveStatus>,
}

impl BrokerState {
    /// A broker of which nothing was read yet. `tick` grows with each change of any broker.
    #[must_use]
    pub fn new(
        alias: String,
        address: String,
        keep_alive: KeepAliveStatus,
        tick: watch::Sender<u64>,
    ) -> Self {
        Self {
            alias,
            address,
            wake: Notify::new(),
            snapshot: watch::Sender::new(Arc::default()),
            tick,
            history: Mutex::default(),
            keep_alive: Mutex::new(keep_alive),
        }
    }

    /// The newest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }

    /// Follows the snapshots.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// Replaces the snapshot by a changed one.
    pub fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        self.snapshot.send_modify(|snapshot| {
            let snapshot = Arc::make_mut(snapshot);
            change(snapshot);
            snapshot.sequence += 1;
        });
        self.tick.send_modify(|tick| *tick += 1);
    }

    /// Reads or adds to the history.
    pub fn with_history<T>(&self, work: impl FnOnce(&mut History) -> T) -> T {
        work(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads or changes what is told of keeping queues alive.
    pub fn with_keep_alive<T>(&self, work: impl FnOnce(&mut KeepAliveStatus) -> T) -> T {
        work(&mut self.keep_alive.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
