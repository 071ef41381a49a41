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
mod leader;
mod output;
mod place;
mod plan;
mod proof;
mod report;
mod save;
mod scaler;
mod select;
mod survey;
mod timeline;

use amqp_admin::chain;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use cli::Cli;
use output::Printer;

/// What the file name of a plugin of kubectl begins with.
pub(crate) const PLUGIN: &str = "kubectl-";

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
            printer.say(&format!("error: {}{hint}", chain(error.as_ref())));
            exit::code_of(&error).into()
        }
    }
}

/// What the program was called by.
fn program(args: &[OsString]) -> String {
    let name = args.first().map(std::path::Path::new).and_then(std::path::Path::file_name);
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// Under a plugin's file name people type `kubectl` and the rest of it.
fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    let name = typed(&program(args));
    let command = Cli::command().name("zero").bin_name(name.clone()).display_name(name);
    Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

/// PURE: what people type for a program of this file name. kubectl looks for a dash in what is
/// typed as an underscore in the file's name.
fn typed(program: &str) -> String {
    match program.strip_prefix(PLUGIN) {
        Some(plugin) => format!("kubectl {}", plugin.replace('_', "-")),
        None => "zero".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_called_as_kubectl_finds_it() {
        assert_eq!(typed("kubectl-zero"), "kubectl zero");
        assert_eq!(typed("kubectl-zero_prover"), "kubectl zero-prover");
        assert_eq!(typed("zero"), "zero");
    }
}
