//! Reads and classifies the queues of a RabbitMQ broker that carries paladin work.
//!
//! This library knows RabbitMQ and paladin. It must not know Kubernetes, gRPC or a terminal.
//! Decisions (`queue`, `classify`, `backlog`) are pure; `management`, `metrics_scrape` and `broker`
//! are the three ways to talk to a broker.

mod backlog;
mod broker;
mod classify;
mod endpoint;
mod error;
mod exposition;
mod management;
mod metrics_scrape;
mod name;
mod queue;
mod transport;

pub use backlog::{Backlog, ExcludedQueues, Exclusion, RoleSet, Selector};
pub use broker::{BrokerConnection, LiveDepth};
pub use classify::{classify, task_queue_names};
pub use endpoint::{Credentials, Endpoint, Tls};
pub use error::{Error, Result};
pub use management::{Management, OpenChannel};
pub use metrics_scrape::MetricsScrape;
pub use name::{NameError, QueueName, VhostName};
pub use queue::{Lease, Pool, Queue, QueueKind, QueueRole, QueueState, Reading};
