//! `abort`: stops the work on a proof. paladin's own abort is not what it takes.

use anyhow::Result;

use super::remove;
use crate::broker::Broker;
use crate::exit::Code;
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
paladin's abort is no broadcast: every worker reads the one control queue, so a command reaches one
worker, whichever. A busy one drops the task in its hands, whosever it is, and its leader waits for
ever; an idle one drops its next task. So this command sends none. It removes the proof's tasks and
ends its leader, as `zero remove` does; what workers have in hand they finish.
Commands that others have left behind go with `zero purge --role control`.

Examples:
  zero abort --block 20362228 --dry-run
  zero abort --proof tip-20362228 --reason 'superseded'";

/// Removes.
pub(crate) async fn run(
    args: &remove::Args,
    broker: &Broker,
    printer: &mut Printer,
) -> Result<Code> {
    remove::run_as("abort", args, broker, printer).await
}
