//! `zero-bench`: what `cargo xtask bench` runs.

use clap::Parser as _;
use tests::bench::{Options, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Options::parse()).await
}
