//! What the whole-product tests share: brokers of their own, ways to wait, and the record of what ran.
//!
//! Nothing in here decides about the product; it starts real servers, ends them again, and says where they are.

pub mod access;
pub mod docker;
pub mod harness;
pub mod ledger;
pub mod management;
pub mod poll;
pub mod provision;
pub mod rabbitmq;
