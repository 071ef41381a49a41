//! Asks before anything is changed. Nobody there to ask is never a yes.

use std::io::{self, BufRead as _, Write as _};

use anyhow::Result;
use clap::Args;

use crate::exit::Refused;
use crate::output::Printer;

/// What every command takes that asks.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Change")]
pub(crate) struct Consent {
    /// Show the plan and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask. Needed where there is no terminal.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// What has to be typed for a yes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Approval<'a> {
    /// `y` or `yes`.
    Yes,
    /// This very name: what is done reaches everything in it.
    Retype(&'a str),
}

/// Asks, unless `yes` was said on the command line.
pub(crate) fn approve(printer: &mut Printer, approval: Approval<'_>, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !printer.has_terminal() {
        let words = "not approved: there is no terminal to ask on; look at the plan with --dry-run, then add --yes";
        return Err(Refused(words.to_owned()).into());
    }
    let question = match approval {
        Approval::Yes => "Do this? [y/N] ".to_owned(),
        Approval::Retype(name) => format!("Type the name `{name}` to do this: "),
    };
    let mut stderr = io::stderr();
    let _ = stderr.write_all(question.as_bytes());
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if is_yes(approval, answer.trim()) {
        return Ok(());
    }
    Err(Refused("not approved: nothing was changed".to_owned()).into())
}

fn is_yes(approval: Approval<'_>, answer: &str) -> bool {
    match approval {
        Approval::Yes => matches!(answer, "y" | "Y" | "yes" | "Yes" | "YES"),
        Approval::Retype(name) => answer == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, yes) in
            [("y", true), ("yes", true), ("", false), ("n", false), ("yeah", false)]
        {
            assert_eq!(is_yes(Approval::Yes, answer), yes, "{answer}");
        }
        assert!(is_yes(Approval::Retype("/"), "/") && !is_yes(Approval::Retype("/"), "y"));
    }
}
