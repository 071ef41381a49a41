//! The KEDA external scaler `zero-scaler`: sums the backlog over all proof queues of a broker and
//! tells KEDA how many workers are wanted.
//!
//! `trigger`, `snapshot`, `decide` and `drain` are pure; see `ARCHITECTURE.md` for the data flow.

pub mod answers;
pub mod app;
pub mod args;
pub mod broker_state;
pub mod check;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod decide;
pub mod drain;
pub mod election;
pub mod grpc;
pub mod history;
pub mod http;
pub mod incoming;
pub mod keeper;
pub mod local;
pub mod orphans;
pub mod pace;
pub mod page;
pub mod poller;
pub mod proof_service;
pub mod proofs;
pub mod protect;
pub mod protector;
pub mod server;
pub mod sessions;
pub mod snapshot;
pub mod source;
pub mod status;
pub mod task_depths;
pub mod telemetry;
pub mod telling;
pub mod tls;
pub mod trigger;
pub mod triggers;
