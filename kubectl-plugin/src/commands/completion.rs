//! `completion`: teaches a shell, or kubectl, our commands.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::PLUGIN;
use crate::cli::Cli;
use crate::complete;
use crate::exit::{self, Code};
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
kubectl (1.26 and later) asks a program called kubectl_complete-zero on the path; `install` links it
to this one. Names of queues are asked of the broker that ZERO_AMQP_URI names, or of the release in
the kubeconfig's namespace.

Examples:
  source <(zero completion bash)
  zero completion zsh > \"${fpath[1]}/_zero\"
  zero completion fish > ~/.config/fish/completions/zero.fish
  zero completion install                     for `kubectl zero …`, beside this program
  zero completion install --dir ~/.local/bin";

/// What can be typed after `completion`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

/// For whom.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// A script for bash.
    Bash,
    /// A script for zsh.
    Zsh,
    /// A script for fish.
    Fish,
    /// A script for PowerShell.
    Powershell,
    /// A script for elvish.
    Elvish,
    /// Make kubectl ask us for `kubectl zero …`.
    Install {
        /// A folder on the path; this program's own without it.
        #[arg(long, value_name = "FOLDER")]
        dir: Option<PathBuf>,
    },
}

/// Writes the script, or makes the link.
pub(crate) fn run(args: &Args, printer: &mut Printer) -> Result<Code> {
    match &args.what {
        What::Bash => script(Shell::Bash, printer),
        What::Zsh => script(Shell::Zsh, printer),
        What::Fish => script(Shell::Fish, printer),
        What::Powershell => script(Shell::PowerShell, printer),
        What::Elvish => script(Shell::Elvish, printer),
        What::Install { dir } => install(dir.clone(), printer),
    }
}

fn script(shell: Shell, printer: &mut Printer) -> Result<Code> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command().name("zero"), "zero", &mut script);
    printer.bytes(&script)?;
    Ok(exit::DONE)
}

/// A link that is there already, to wherever, is left alone unless it leads here.
fn install(dir: Option<PathBuf>, printer: &mut Printer) -> Result<Code> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("{}{}", complete::NAME, name.strip_prefix(PLUGIN).unwrap_or("zero"));
    let dir = dir.or_else(|| program.parent().map(PathBuf::from));
    let link = dir.context("this program is in no folder")?.join(name);
    match std::fs::read_link(&link) {
        Ok(there) if there == program => {}
        Ok(_) => {
            bail!("`{}` is there already and leads elsewhere: remove it first", link.display())
        }
        Err(_) => std::os::unix::fs::symlink(&program, &link)
            .with_context(|| format!("cannot make the link `{}`", link.display()))?,
    }
    printer.say(&format!("{} → {}", link.display(), program.display()));
    Ok(exit::DONE)
}
