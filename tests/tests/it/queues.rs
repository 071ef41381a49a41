//! Removing, moving and restoring messages on a real broker, with trouble at every step.

mod crowd;
mod cut_proxy;
mod outage;
mod selective;
