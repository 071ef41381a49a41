//! The command line; each command is a file of its own.

use clap::{Parser, Subcommand};

use crate::{lint, test};

/// Developer commands of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Format, lints, documentation, licences and the rules of the house.
    Lint,
    /// Every test, against a real broker of its own.
    Test(test::Args),
}

/// Does what the command line says.
pub(crate) fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Lint => lint::run(),
        Command::Test(args) => test::run(&args),
    }
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
    fn what_follows_two_dashes_is_for_the_tests() {
        let cli = Cli::parse_from(["cargo xtask", "test", "--", "a_name", "--nocapture"]);
        let Command::Test(args) = cli.command else { panic!("not the test command") };
        assert_eq!(args.passed_through(), ["a_name", "--nocapture"]);
    }
}
