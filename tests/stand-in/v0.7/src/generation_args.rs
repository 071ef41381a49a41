//! Options that leader and worker of v0.7 share.

use clap::Args;
use paladin::config::{Config, Runtime, Serializer};

use crate::circuits::{CircuitArgs, bit_range};

/// The queue when nothing else is said. paladin 0.4.3 would say `default`, v0.7's own says this.
pub const DEFAULT_TASK_QUEUE: &str = "task-ipc-routing-key";

/// How to reach the broker.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Paladin options")]
pub struct PaladinArgs {
    /// Determines the serialization format to be used
    #[arg(long, short, env = "PALADIN_SERIALIZER", value_enum, default_value = "postcard")]
    pub serializer: Serializer,

    /// Specifies the runtime environment to use
    #[arg(long, short, env = "PALADIN_RUNTIME", value_enum, default_value = "amqp")]
    pub runtime: Runtime,

    /// Specifies the number of worker threads to spawn (in memory runtime only)
    #[arg(long, short, env = "PALADIN_NUM_WORKERS")]
    pub num_workers: Option<usize>,

    /// Provides the URI for the AMQP broker, if the AMQP runtime is selected
    #[arg(long, env = "PALADIN_AMQP_URI", required_if_eq("runtime", "amqp"))]
    pub amqp_uri: Option<String>,

    /// Provides the routing key for workers to listen on, if the AMQP runtime is used
    #[arg(long, env = "PALADIN_TASK_BUS_ROUTING_KEY")]
    pub task_bus_routing_key: Option<String>,
}

impl PaladinArgs {
    /// The library's configuration for one task queue; a leader's override comes first.
    #[must_use]
    pub fn config(&self, task_queue: Option<&str>) -> Config {
        let own = self.task_bus_routing_key.as_deref();
        let task_queue = task_queue.or(own).unwrap_or(DEFAULT_TASK_QUEUE);
        Config {
            serializer: self.serializer,
            runtime: self.runtime,
            num_workers: self.num_workers,
            amqp_uri: self.amqp_uri.clone(),
            task_bus_routing_key: Some(task_queue.to_owned()),
        }
    }
}

/// Circuit options of v0.7.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Table circuit sizes (accepted, without effect in the stand-in)")]
pub struct GenerationCircuitArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "the values are ignored")]
    pub common: CircuitArgs,

    /// Size of the memory before table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "MEMORY_BEFORE_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub mem_before: Option<String>,

    /// Size of the memory after table
    #[arg(long, value_name = "CIRCUIT_BIT_RANGE", env = "MEMORY_AFTER_CIRCUIT_SIZE")]
    #[arg(value_parser = bit_range)]
    pub mem_after: Option<String>,

    /// Run with a low-security but fast STARK configuration (no effect in the stand-in)
    #[arg(long)]
    pub use_test_config: bool,
}
