//! The exit codes, in one table; `docs/cli.md` shows it.

use std::fmt;
use std::process::ExitCode;

use amqp_admin::{Error, Report, Success};

use crate::leader::Trouble;

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(u8);

/// Done, or healthy.
pub(crate) const DONE: Code = Code(0);
/// Something failed.
pub(crate) const FAILED: Code = Code(1);
/// The command line is wrong.
pub(crate) const USAGE: Code = Code(2);
/// Some of it was done.
pub(crate) const PARTIAL: Code = Code(3);
/// There is no such thing, or nothing to do with `--fail-empty`.
pub(crate) const NOT_FOUND: Code = Code(4);
/// Something is unhealthy.
pub(crate) const UNHEALTHY: Code = Code(6);
/// Not approved.
pub(crate) const REFUSED: Code = Code(7);
/// Ended by Ctrl-C.
pub(crate) const INTERRUPTED: Code = Code(130);

/// The table of all codes, for `--help`.
pub(crate) const TABLE: &str = "\
Exit codes:
  0    done, or healthy
  1    something failed; the last line says what, why and what to do
  2    the command line is wrong
  3    some of it was done or could be asked; the report says what was not
  4    no such vhost, queue, block or proof; nothing to do, with --fail-empty
  6    unhealthy
  7    not approved: no `yes` at the prompt, or no terminal and no --yes
  130  ended by Ctrl-C";

/// The code of so many things done of so many asked for.
pub(crate) fn of(done: usize, asked: usize) -> Code {
    match done {
        all if all == asked => DONE,
        0 => FAILED,
        _ => PARTIAL,
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        code.0.into()
    }
}

/// Somebody did not approve.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What was asked for is not there.
#[derive(Debug)]
pub(crate) struct NotFound(pub(crate) String);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFound {}

/// What was typed does not say enough, or contradicts itself.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The code of a failure.
pub(crate) fn code_of(error: &anyhow::Error) -> Code {
    if error.is::<Refused>() {
        return REFUSED;
    }
    if error.is::<Usage>() {
        return USAGE;
    }
    let missing = error.downcast_ref::<Error>().is_some_and(Error::is_not_found)
        || error.downcast_ref::<Trouble>().is_some_and(Trouble::is_missing);
    if missing || error.is::<NotFound>() { NOT_FOUND } else { FAILED }
}

/// The code of a report.
pub(crate) fn code_of_report(report: &Report) -> Code {
    match report.success() {
        Success::All => DONE,
        Success::Partial => PARTIAL,
        Success::None => FAILED,
    }
}
