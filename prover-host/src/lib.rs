//! Runs the upstream prover's programs as children behind the gateway.
//!
//! `zero-worker` is the init of a worker's container: it reaps and signals, drains on SIGTERM, turns
//! the worker's log into structured events and counts them. Decisions (`cleaning`, `ending`, `logs`,
//! `restarts`, `tally`, `tasks`) are pure.

pub mod logs;
