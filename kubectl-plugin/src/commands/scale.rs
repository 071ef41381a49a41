//! `scale`: how the number of workers comes about, and holding it.

mod explain;
mod hold;

use std::time::Duration;

use anyhow::Result;

use crate::cluster::ClusterArgs;
use crate::exit::Code;
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  zero scale explain                   in the scaler's own words
  zero scale pause --reason 'wrong witnesses, see the channel'
  zero scale pause --scale-in          no worker goes while a proof must end
  zero scale pause zero-worker --replicas 0
  zero scale resume";

/// What can be typed after `scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What about scaling.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Say how the number of workers comes about.
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Args),
    /// Hold the number of workers: KEDA changes nothing until `scale resume`.
    #[command(after_help = hold::PAUSE_EXAMPLES)]
    Pause(hold::PauseArgs),
    /// Let KEDA scale again.
    #[command(after_help = hold::RESUME_EXAMPLES)]
    Resume(hold::ResumeArgs),
}

/// Asks the scaler, or changes ScaledObjects.
pub(crate) async fn run(
    args: &Args,
    cluster: &ClusterArgs,
    timeout: Duration,
    printer: &mut Printer,
) -> Result<Code> {
    match &args.act {
        Act::Explain(args) => explain::run(args, cluster, timeout, printer).await,
        Act::Pause(args) => hold::pause(args, cluster, timeout, printer).await,
        Act::Resume(args) => hold::resume(args, cluster, timeout, printer).await,
    }
}
