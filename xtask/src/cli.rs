//! The command line; each command is a file of its own.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{bench, book, dashboards, demo, e2e, lint, matrix, test};

/// Developer commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure the scaler beside KEDA's built-in one; writes docs/benchmarks.
    Bench(bench::Args),
    /// The handbook as a web site; its links are checked first.
    Book,
    /// Write the chart's Grafana dashboards anew.
    Dashboards,
    /// The whole product at work on this machine, with a stand-in prover.
    Demo(demo::Args),
    /// The whole product on a real control plane with the real KEDA, scenario by scenario.
    E2e(e2e::Args),
    /// Format, lints, documentation, licences and the rules of the house.
    Lint,
    /// The whole-product tests against several series of RabbitMQ in turn.
    Matrix(matrix::Args),
    /// Every test, against a real broker of its own.
    Test(test::Args),
}

/// Does what the command line says.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Bench(args) => bench::run(&args)?,
        Command::Dashboards => dashboards::run()?,
        Command::Book => book::run()?,
        Command::Demo(args) => return demo::run(&args),
        Command::E2e(args) => e2e::run(&args)?,
        Command::Lint => lint::run()?,
        Command::Matrix(args) => matrix::run(&args)?,
        Command::Test(args) => test::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn series_stand_between_commas_and_must_be_known() {
        let asked = ["cargo xtask", "matrix", "--series", "4.0,4.3-denied"];
        assert!(matches!(Cli::parse_from(asked).command, Command::Matrix(_)));
        assert!(Cli::try_parse_from(["cargo xtask", "matrix", "--series", "4.9"]).is_err());
    }

    #[test]
    fn what_follows_two_dashes_is_for_the_tests() {
        let cli = Cli::parse_from(["cargo xtask", "test", "--", "a_name", "--nocapture"]);
        let Command::Test(args) = cli.command else { panic!("not the test command") };
        assert_eq!(args.passed_through(), ["a_name", "--nocapture"]);
    }
}
