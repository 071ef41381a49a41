//! `worker` of v0.5 and v0.6: executes tasks from the broker.

use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use paladin::runtime::WorkerRuntime;

use crate::{
    faults::WorkerFaults,
    generation_args::{GenerationCircuitArgs, PaladinArgs, TestOnlyArgs},
    identity::VERSION,
    logging, ops, start, work,
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
    test_only: TestOnlyArgs,

    #[command(flatten)]
    faults: WorkerFaults,
}

/// Runs the program.
pub async fn run() -> Result<()> {
    logging::init()?;
    let Cli { paladin, circuits: _, test_only, faults } = Cli::parse();
    ops::set_test_only(test_only.test_only);
    start::load_circuits(Duration::from_millis(faults.start_delay_ms)).await;
    work::configure(faults);
    let runtime = WorkerRuntime::from_config(&paladin.config(), ops::register()).await?;
    runtime.main_loop().await
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
