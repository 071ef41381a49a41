//! Everything that can be typed. Values become types here; nothing is opened or asked.

use clap::{Parser, Subcommand};

use crate::broker::BrokerArgs;
use crate::cluster::ClusterArgs;
use crate::commands::{
    abort, backup, completion, doctor, move_messages, orphans, peek, plan, proof, proofs, prove,
    purge, queues, remove, report, restore, scale, status, verify, version, witness,
};
use crate::exit;
use crate::leader::LeaderArgs;
use crate::output::Format;

/// See and manage the queues and proofs of a prover.
///
/// Commands that change something show their plan first and ask; --dry-run shows the same plan and
/// changes nothing. What they remove is in a backup file first, and `restore` puts it back.
#[derive(Debug, Parser)]
#[command(version, after_help = exit::TABLE)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) broker: BrokerArgs,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) leader: LeaderArgs,
    /// How data is written; words about it go to standard error.
    #[arg(long, short, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Service(ServiceCommand),
    #[command(flatten)]
    Broker(BrokerCommand),
    /// How the number of workers comes about; hold it, and let it go again.
    #[command(after_help = scale::EXAMPLES)]
    Scale(scale::Args),
    /// What is in files for the prover, or what is wrong with them; no cluster is needed.
    #[command(after_help = witness::EXAMPLES)]
    Witness(witness::Args),
    /// How many workers a load needs, on which machines, and what they cost; no cluster is needed.
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::Args),
    /// Write a completion script for a shell.
    #[command(after_help = completion::EXAMPLES)]
    Completion(completion::Args),
    /// The versions of this program, of the proof service and its prover, of scaler, KEDA and broker.
    #[command(after_help = version::EXAMPLES)]
    Version(version::Args),
}

/// The commands that talk to the proof service.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Prove witnesses: check them here, submit them, and follow their proofs to the end.
    #[command(after_help = prove::EXAMPLES)]
    Prove(prove::Args),
    /// List proofs, newest first.
    #[command(after_help = proofs::EXAMPLES)]
    Proofs(proofs::Args),
    /// Show one proof, its leader's log, its file; call it off, try it again.
    #[command(after_help = proof::EXAMPLES)]
    Proof(proof::Args),
    /// Where a proof's time went: its phases, its tasks, what they used; as text, CSV and a timeline.
    #[command(after_help = report::EXAMPLES)]
    Report(report::Args),
    /// Ask whether proofs are good.
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Args),
}

/// The commands that talk to the broker.
#[derive(Debug, Subcommand)]
pub(crate) enum BrokerCommand {
    /// The whole on one screen: broker, queues, workers, leaders, and what is wrong with the cure.
    #[command(after_help = status::EXAMPLES)]
    Status(status::Args),
    /// One check for each known hazard of the prover, with its evidence and cure.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::Args),
    /// List the queues with their roles and what they hold; show one of them.
    #[command(after_help = queues::EXAMPLES)]
    Queues(queues::Args),
    /// Look at messages without removing them, decoded.
    #[command(after_help = peek::EXAMPLES)]
    Peek(peek::Args),
    /// Empty queues.
    #[command(after_help = purge::EXAMPLES)]
    Purge(purge::Args),
    /// Remove the tasks of one proof, and nobody else's.
    #[command(after_help = remove::EXAMPLES)]
    Remove(remove::Args),
    /// Find tasks and result queues whose leader is gone, and reclaim them.
    #[command(after_help = orphans::EXAMPLES)]
    Orphans(orphans::Args),
    /// Move messages from one queue to another.
    #[command(name = "move", after_help = move_messages::EXAMPLES)]
    Move(move_messages::Args),
    /// Copy messages of a queue into a file; they stay where they are.
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Args),
    /// Put the messages of a backup back into their queues.
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::Args),
    /// Stop the work on a proof, by the way that loses nobody else's.
    #[command(after_help = abort::EXAMPLES)]
    Abort(remove::Args),
}

impl BrokerCommand {
    /// `-n` is kubectl's namespace everywhere; after `peek` and `doctor` a number is a count.
    pub(crate) fn count_or_namespace(&mut self, mut cluster: ClusterArgs) -> ClusterArgs {
        let Some(count) = cluster.namespace.as_ref().and_then(|name| name.parse().ok()) else {
            return cluster;
        };
        if let Self::Peek(peek::Args { number, .. }) | Self::Doctor(doctor::Args { number, .. }) =
            self
        {
            *number = count;
            cluster.namespace = None;
        }
        cluster
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
