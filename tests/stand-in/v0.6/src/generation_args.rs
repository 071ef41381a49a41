//! Options that leader and worker of v0.5 and v0.6 share.

use clap::Args;
use paladin::config::{Config, Runtime, Serializer};

pub use crate::circuits::CircuitArgs as GenerationCircuitArgs;

/// How to reach the broker. The task queue has a fixed name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Paladin options")]
pub struct PaladinArgs {
    /// Determines the serialization format to be used
    #[arg(long, short, value_enum, default_value = "postcard")]
    pub serializer: Serializer,

    /// Specifies the runtime environment to use
    #[arg(long, short, value_enum, default_value = "amqp")]
    pub runtime: Runtime,

    /// Specifies the number of worker threads to spawn (in memory runtime only)
    #[arg(long, short)]
    pub num_workers: Option<usize>,

    /// Provides the URI for the AMQP broker, if the AMQP runtime is selected
    #[arg(long, env = "AMQP_URI", required_if_eq("runtime", "amqp"))]
    pub amqp_uri: Option<String>,
}

impl PaladinArgs {
    /// The library's configuration.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            serializer: self.serializer,
            runtime: self.runtime,
            num_workers: self.num_workers,
            amqp_uri: self.amqp_uri.clone(),
        }
    }
}

/// What upstream decides when it is built.
#[derive(Args, Clone, Copy, Debug)]
#[command(next_help_heading = "Stand-in options (not upstream's)")]
pub struct TestOnlyArgs {
    /// Only simulate: upstream's build feature `test_only`. Leader and workers must agree
    #[arg(long = "stand-in-test-only", env = "STAND_IN_TEST_ONLY")]
    pub test_only: bool,
}
