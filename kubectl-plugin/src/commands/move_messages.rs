//! `move`: messages from one queue to another, confirmed.

use amqp_admin::{Plan, QueueName, Wanted};
use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;

use super::queues::no_such_queue;
use crate::ask::Approval;
use crate::broker::Broker;
use crate::change::{ChangeArgs, carry_out};
use crate::complete::queue_names;
use crate::exit::{Code, Usage};
use crate::facts::Facts;
use crate::output::Printer;
use crate::select::TaskArgs;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
A message is removed from its queue only after the broker has confirmed it in the other one. A
failure between the two leaves it in both; the report says when that can have happened.

Examples:
  zero move task-ipc-routing-key parked --block 20362228
  zero move parked task-ipc-routing-key --everything --yes";

/// What can be typed after `move`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue to take from.
    #[arg(add = ArgValueCompleter::new(queue_names))]
    from: QueueName,
    /// The queue to put into; it has to be there.
    #[arg(add = ArgValueCompleter::new(queue_names))]
    to: QueueName,
    /// Every message.
    #[arg(long, conflicts_with_all = ["blocks", "proofs", "result_queues"])]
    everything: bool,
    #[command(flatten)]
    tasks: TaskArgs,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Plans and moves.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let Args { from, to, everything, tasks, change } = args;
    if from == to {
        let words = "both queues are the same: name the one to take from and the one to put into";
        return Err(Usage(words.to_owned()).into());
    }
    let facts = Facts::read(broker).await?;
    let Some(queue) = facts.queue(from) else {
        return Err(no_such_queue(from, broker).into());
    };
    if facts.queue(to).is_none() {
        return Err(no_such_queue(to, broker).into());
    }
    let wanted = match (everything, tasks.is_empty()) {
        (true, _) => Wanted::Everything,
        (false, false) => Wanted::Tasks(tasks.filter()),
        (false, true) => {
            let words = "which messages? give --block, --proof, --result-queue or --everything";
            return Err(Usage(words.to_owned()).into());
        }
    };
    let ready = queue.reading.ready;
    let messages = if *everything { ready } else { None };
    let mut plan = Plan::new(broker.vhost.clone());
    if ready != Some(0) {
        plan.take_out(queue, wanted, messages, Some(to.clone()));
    }
    carry_out(broker, &plan, change, ("move", Approval::Yes), printer).await
}
