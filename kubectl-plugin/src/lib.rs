//! Sees and manages the queues and proofs of a prover from a terminal.
//!
//! `cli` says what can be typed; each command is a file below `commands`. A command that changes
//! something makes a plan first, shows it, asks, and only then acts (`change`). Data goes to
//! standard output, words about it to standard error (`output`).

mod ask;
mod broker;
mod change;
mod cli;
mod cluster;
mod commands;
mod complete;
mod exit;
mod facts;
mod hint;
mod holders;
mod output;
mod place;
mod scaler;
mod select;
mod survey;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use cli::Cli;
use output::Printer;

/// Reads the command line, does what it says, and gives the exit code of the table in
/// `docs/cli.md`.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if program(&args).starts_with(complete::NAME) {
        return complete::respond(&args);
    }
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let mut printer = Printer::open(cli.output);
    match commands::perform(cli, &mut printer) {
        Ok(code) => code.into(),
        Err(error) => {
            let hint = hint::of(&error).map_or_else(String::new, |hint| format!("; {hint}"));
            printer.say(&format!("error: {error:#}{hint}"));
            exit::code_of(&error).into()
        }
    }
}

/// What the program was called by.
fn program(args: &[OsString]) -> String {
    let name = args.first().map(std::path::Path::new).and_then(std::path::Path::file_name);
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// As a plugin of kubectl the program is called `kubectl-zero`, and people type `kubectl zero`.
fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let name = if program(args).starts_with("kubectl-") { "kubectl zero" } else { "zero" };
    let command = Cli::command().bin_name(name).name(name);
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}
