//! Removing, moving and restoring messages on a real broker, with trouble at every step.

mod bodies;
pub(crate) mod crowd;
mod cut_proxy;
mod doubled;
mod leaders;
mod moves;
mod outage;
mod quorum;
mod rules;
mod scene;
mod selective;
mod stage;
