//! Runs the upstream prover's programs as children behind the gateway.
//!
//! `zero-worker` is the init of a worker's container: it reaps and signals, drains on SIGTERM, turns
//! the worker's log into structured events and counts them. Decisions (`cleaning`, `configuration`,
//! `ending`, `logs`, `restarts`, `tally`, `tasks`) are pure; only `worker` builds the parts.

pub mod args;
pub mod books;
pub mod cgroup;
pub mod child;
pub mod circuits;
pub mod cleaning;
pub mod clock;
pub mod configuration;
pub mod ending;
pub mod http;
pub mod logs;
pub mod output;
pub mod reaper;
pub mod restarts;
pub mod serializer;
pub mod signals;
pub mod tally;
pub mod tasks;
pub mod telemetry;
pub mod watching;
pub mod worker;
