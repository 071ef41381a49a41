//! What the whole-product tests share: brokers of their own, ways to wait, and the record of what ran.
//!
//! Nothing in here decides about the product; it starts real servers, ends them again, and says where they are.

pub mod access;
#[cfg(feature = "product")]
pub mod amqp;
#[cfg(feature = "bench")]
pub mod bench;
#[cfg(feature = "cluster")]
pub mod cluster;
pub mod docker;
#[cfg(feature = "e2e")]
pub mod e2e;
pub mod harness;
pub mod helm;
pub mod images;
#[cfg(feature = "product")]
pub mod keda;
pub mod ledger;
pub mod management;
pub mod management_double;
pub mod poll;
pub mod ports;
mod process;
pub mod prometheus;
pub mod provision;
pub mod rabbitmq;
pub mod repository;
pub mod scaler;
pub mod zero;
