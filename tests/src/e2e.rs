//! The whole product on one machine, end to end: a real control plane, the real KEDA, a real broker, our programs.
//!
//! Played are the machines alone. A pod's containers are processes of this machine, started by [`kubelet`] from what
//! stands in the pod; Services lead to them by [`services`]; the prover is the stand-in. Each scenario is a file of
//! [`scenarios`], and docs/testing.md has a line for each.

pub mod api;
mod images;
pub mod keda;
pub mod kubelet;
mod manual;
pub(crate) mod objects;
mod run;
pub mod scenarios;
pub mod services;
pub mod site;
pub mod stage;
mod terminal;
mod watch;

pub use run::{Options, run};
