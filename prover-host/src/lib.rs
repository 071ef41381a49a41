//! Runs the upstream prover's programs as children behind the gateway.
//!
//! `zero-leader` is the proof service around the leader. `zero-worker` is the init of a worker's container: it reaps and signals, drains on SIGTERM, turns
//! the worker's log into structured events and counts them. Decisions (`cleaning`, `configuration`,
//! `ending`, `logs`, `restarts`, `tally`, `tasks`) are pure; only `worker` builds the parts.

pub mod api;
pub mod args;
pub mod attempt;
pub mod books;
pub mod broker_args;
pub mod capture;
pub mod cgroup;
pub mod child;
pub mod circuits;
pub mod cleaning;
pub mod clearing;
pub mod clock;
pub mod configuration;
pub mod course;
pub mod ending;
pub mod follow;
pub mod generation;
pub mod hex;
pub mod http;
pub mod judging;
pub mod last_words;
pub mod leader;
pub mod ledger;
pub mod logs;
pub mod meter;
pub mod output;
pub mod pace;
pub mod progress;
pub mod proof;
pub mod proof_file;
pub mod proof_metrics;
pub mod proofs;
pub mod prover;
pub mod reaper;
pub mod reason;
pub mod report;
pub mod restarts;
pub mod runner;
pub mod said;
pub mod serializer;
pub mod signals;
pub mod store;
pub mod sweep;
pub mod tally;
pub mod tasks;
pub mod telemetry;
pub mod turn;
pub mod upload;
pub mod verdict;
pub mod view;
pub mod wards;
pub mod watching;
pub mod worker;
