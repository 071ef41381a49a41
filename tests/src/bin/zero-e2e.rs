//! `zero-e2e`: what `cargo xtask e2e` runs.

use std::process::ExitCode;

use clap::Parser as _;
use tests::e2e::{Options, run};

fn main() -> anyhow::Result<ExitCode> {
    run(&Options::parse())
}
