//! Reads and classifies the queues of a RabbitMQ broker that carries paladin work.
//!
//! This library knows RabbitMQ and paladin. It must not know Kubernetes, gRPC or a terminal.
//! Decisions (`queue`, `classify`, `backlog`) are pure, as is reading messages (`paladin`);
//! `management`, `metrics_scrape` and `broker` are the three ways to talk to a broker.

mod addresses;
mod apply;
mod backlog;
mod backup;
mod broker;
mod classify;
mod endpoint;
mod error;
mod exposition;
mod look;
mod management;
mod metrics_scrape;
mod name;
pub mod paladin;
mod plan;
mod queue;
mod report;
mod restore;
mod service;
mod sift;
mod survey;
mod transport;
mod wanted;
mod words;

pub use addresses::{Addresses, Endpoints};
pub use apply::{Applier, Progress};
pub use backlog::{Backlog, ExcludedQueues, Exclusion, RoleSet, Selector};
pub use backup::{Backed, BackupError, BackupReader, BackupWriter, Closing, Opening, Restorable};
pub use broker::{
    BrokerConnection, DeleteIf, Hold, LiveDepth, Message, NotProperties, Properties, Publisher,
    Tag, Taken,
};
pub use classify::{ABORT_QUEUE_PREFIX, DEAD_LETTER_QUEUE, classify, task_queue_names};
pub use endpoint::{Credentials, Endpoint, Tls};
pub use error::{Error, Result, chain};
pub use look::look;
pub use management::{
    Client, Holder, Management, NodeHealth, OpenChannel, Overview, POD_PROPERTY, QueueConsumer,
    QueueDetail,
};
pub use metrics_scrape::MetricsScrape;
pub use name::{NameError, QueueName, VhostName};
pub use plan::{Act, Plan, Step};
pub use queue::{Lease, Pool, Queue, QueueKind, QueueRole, QueueState, Reading};
pub use report::{End, Outcome, Report, Success};
pub use restore::{
    Contents, Presence, PutBack, RestoreError, Restored, contents, presence, restore,
};
pub use service::Service;
pub use sift::{Destination, Keep, Order, SiftCause, SiftError, Sifted, sift};
pub use survey::{Job, Survey};
pub use wanted::{BLOCK_HEADER, PROOF_HEADER, TaskFilter, Verdict, Wanted};
pub use words::{agree, plural};
