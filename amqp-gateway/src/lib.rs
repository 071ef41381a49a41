//! A frame-level AMQP 0-9-1 proxy between one unmodified prover process and the broker.
//!
//! The child, a paladin leader or worker, connects in plain AMQP to a port of ours on the loopback
//! interface; each of its connections gets one of its own to the broker, with credentials and TLS that
//! the child never sees. Bodies pass through without being parsed or copied.
//!
//! This library knows AMQP and paladin. It must not know Kubernetes or how a child is started.

mod account;
mod activity;
mod again;
mod board;
mod config;
mod dial;
mod error;
pub mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gateway;
mod handshake;
mod keep;
mod link;
mod relay;
mod rules;
mod session;
mod tags;
mod trouble;
mod wire;

pub use account::{Account, Owner, Used};
pub use activity::{Activity, Counters, Failed, Leading, Step, Task, Work};
pub use config::{Config, QueuePolicy, Rule};
pub use error::{Error, Result};
pub use gateway::Gateway;
