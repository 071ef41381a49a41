//! What a gateway is told: the broker, how queues are declared, which rules hold.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use amqp_admin::paladin::Serializer;
use amqp_admin::{Endpoint, VhostName};
use tokio::sync::mpsc;

use crate::account::Owner;
use crate::activity::Step;

/// As often as a task that fails is given to a worker before it is put aside.
const ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
/// A broker of this cluster answers in milliseconds; one that is starting refuses at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A broker's restart takes a minute or two; who repairs one by hand needs longer.
const RECONNECT_FOR: Duration = Duration::from_secs(600);
/// What lapin and the broker use themselves.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// Tasks of real blocks have 0.5 MB, so one in hand fits with room to spare.
const KEPT_IN_MEMORY: usize = 8 << 20;

/// How the queues that the child declares are made. Leader and workers must agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum QueuePolicy {
    /// As the child declares them: gone with a broker's restart, and after 30 minutes without use.
    #[default]
    AsIs,
    /// Durable classic queues. Task queues never expire; a result queue keeps its 30 minutes, for a
    /// leader that was killed leaves it behind.
    Durable,
    /// Task queues are quorum queues, result queues durable classic ones.
    Quorum,
}

/// What a gateway does beyond relaying. Every rule holds unless [`Config::without`] names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Tasks and results carry headers that say whose they are, and a result that is there twice is
    /// shown to the leader once.
    Tags,
    /// An abort reaches every worker it concerns, and no worker it does not concern.
    Aborts,
    /// A task that a worker drops is tried again, and put aside with its reason in the end.
    Repair,
}

/// What a gateway is told. Its `Debug` holds no secret.
#[derive(Debug, Clone)]
pub struct Config {
    /// The broker's addresses, tried in this order at each connect.
    pub broker: Vec<Endpoint>,
    /// The vhost the child works in, whatever its own URI says.
    pub vhost: VhostName,
    /// Where the child connects to. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// How queues are declared.
    pub policy: QueuePolicy,
    /// The highest priority that task queues tell apart, declared as `x-max-priority`. Only
    /// [`QueuePolicy::Durable`] makes use of it: quorum queues tell two levels apart (since 4.0)
    /// without it. Leader and workers must agree.
    pub max_priority: Option<u8>,
    /// The priority of the tasks that the child publishes, unless it gives them one itself.
    pub priority: Option<u8>,
    /// What the child reads and writes (its `--serializer`), where it is known before it has said a
    /// word: tasks that it cannot read are not shown to it.
    pub serializer: Option<Serializer>,
    /// As often as a task is given to a worker before it is put aside.
    pub attempts: NonZeroU32,
    /// The proof that the child's tasks belong to; without one a task's result queue stands for it.
    pub proof: Option<String>,
    /// The block that all of the child's tasks belong to.
    pub block: Option<u64>,
    /// The pod we run in, as `NAMESPACE/NAME`: told to the broker, so that who holds a task can be
    /// named also where an address does not name one pod.
    pub pod: Option<String>,
    /// Rules that do not hold.
    pub without: BTreeSet<Rule>,
    /// Bounds the connecting to one address, to the broker's last word of welcome.
    pub connect_timeout: Duration,
    /// For so long a lost connection is tried to be made anew before the child is told of it. Zero:
    /// it is tried once.
    pub reconnect_for: Duration,
    /// The longest silence on a connection; whole seconds, rounded up. The broker may ask for less.
    pub heartbeat: Duration,
    /// Bytes of tasks in the child's hands that are kept in memory; the rest is in temporary files.
    pub kept_in_memory: usize,
    /// Whom a worker's gateway asks what a task has used, for the headers of its result.
    pub owner: Option<Arc<dyn Owner>>,
    /// Who is told each step of a leader's tasks. What it does not take in time is counted as untold:
    /// nobody waits for it.
    pub steps: Option<mpsc::Sender<Step>>,
}

impl Config {
    /// A gateway on a free port of the loopback interface, with every rule, that declares queues as
    /// the child does.
    #[must_use]
    pub fn new(broker: Vec<Endpoint>, vhost: VhostName) -> Self {
        Self {
            broker,
            vhost,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            policy: QueuePolicy::default(),
            max_priority: None,
            priority: None,
            serializer: None,
            attempts: ATTEMPTS,
            proof: None,
            block: None,
            pod: None,
            without: BTreeSet::new(),
            connect_timeout: CONNECT_TIMEOUT,
            reconnect_for: RECONNECT_FOR,
            heartbeat: HEARTBEAT,
            kept_in_memory: KEPT_IN_MEMORY,
            owner: None,
            steps: None,
        }
    }
}
