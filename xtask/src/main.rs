//! `cargo xtask …`: the one door to every developer command.

mod bench;
mod book;
mod cli;
mod dashboards;
mod demo;
mod e2e;
mod lint;
mod matrix;
mod rules;
mod shell;
mod test;
mod tools;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run().unwrap_or_else(|error| {
        shell::say(&format!("\nFAILED: {error:#}"));
        ExitCode::FAILURE
    })
}
