//! `completion`: a script that teaches a shell our commands.

use anyhow::Result;
use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  source <(zero completion bash)
  zero completion zsh > \"${fpath[1]}/_zero\"
  zero completion fish > ~/.config/fish/completions/zero.fish";

/// What can be typed after `completion`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<()> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command().name("zero"), "zero", &mut script);
    printer.bytes(&script)
}
