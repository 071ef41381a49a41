//! `worker` of v0.7: executes tasks from the broker.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use paladin::{config::Runtime, runtime::WorkerRuntime, serializer::Serializer};

use crate::{
    cache_dir,
    faults::WorkerFaults,
    generation_args::{GenerationCircuitArgs, PaladinArgs},
    identity::VERSION,
    logging, ops, start, task_loop, work,
};

/// Executes tasks; proving is replaced by hashing and waiting.
#[derive(Parser, Debug)]
#[command(version = VERSION)]
struct Cli {
    #[command(flatten)]
    paladin: PaladinArgs,

    #[command(flatten)]
    circuits: GenerationCircuitArgs,

    #[command(flatten)]
    faults: WorkerFaults,
}

/// Runs the program.
pub async fn run() -> Result<()> {
    logging::init()?;
    let Cli { paladin, circuits: _, faults } = Cli::parse();
    cache_dir::check()?;
    start::load_circuits(Duration::from_millis(faults.start_delay_ms)).await;
    work::configure(faults);
    let config = paladin.config(None);
    match (config.runtime, &config.amqp_uri, &config.task_bus_routing_key) {
        (Runtime::Amqp, Some(uri), Some(queue)) => {
            ops::register();
            task_loop::run(uri, queue.clone(), Serializer::from(&config)).await
        }
        // Without an address the library panics, as upstream.
        _ => WorkerRuntime::from_config(&config, ops::register()).await?.main_loop().await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
