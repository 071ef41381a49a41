//! Passes the time a proof would take, and shows the faults that are due.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, bail};

use crate::faults::{Fault, Place, WorkerFaults};

/// An operation sees only its task, so the process's settings are global.
static FAULTS: OnceLock<WorkerFaults> = OnceLock::new();
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Sets the process's speed and faults; the first call counts. Without one there is no delay.
pub fn configure(faults: WorkerFaults) {
    FAULTS.get_or_init(|| faults);
}

/// Works on one task. An error is a fault on demand.
pub fn perform(place: &Place) -> Result<()> {
    let faults = FAULTS.get_or_init(WorkerFaults::default);
    let begun = BEGUN.fetch_add(1, Ordering::Relaxed);
    let txns = place.txns.end.saturating_sub(place.txns.start).max(1);
    let half = Duration::from_millis(txns.saturating_mul(faults.ms_per_txn) / 2);
    thread::sleep(half);
    match faults.due(begun, place) {
        Some(Fault::Crash) => std::process::abort(),
        Some(Fault::Hang) => loop {
            thread::sleep(FOR_EVER);
        },
        Some(Fault::Fail) => bail!("KernelPanic in kernel at pc=panic, stand-in fault on demand"),
        None => thread::sleep(half),
    }
    Ok(())
}
