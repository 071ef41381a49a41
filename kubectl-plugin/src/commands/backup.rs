//! `backup`: copies messages into a file; they stay where they are.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use amqp_admin::{BackupWriter, Destination, Keep, Order, QueueName, Wanted, chain, sift};
use anyhow::{Result, bail};
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::queues::no_such_queue;
use crate::broker::Broker;
use crate::change::{bar, now, opening};
use crate::complete::queue_names;
use crate::exit::{self, Code};
use crate::output::{Printer, Table, bytes};
use crate::select::TaskArgs;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Examples:
  zero backup task-ipc-routing-key --file tasks.backup
  zero backup task-ipc-routing-key --file block.backup --block 20362228";

/// What can be typed after `backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue.
    #[arg(add = ArgValueCompleter::new(queue_names))]
    queue: QueueName,
    /// The new file.
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
    /// Which messages; all of them unless something is said.
    #[command(flatten)]
    tasks: TaskArgs,
}

/// What was copied, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Copied {
    queue: QueueName,
    file: PathBuf,
    messages: u64,
    bytes: u64,
    unknown: u64,
}

/// Copies.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let Args { queue, file, tasks } = args;
    let mut connection = broker.connect().await?;
    let Some(depth) = connection.touch(queue).await? else {
        return Err(no_such_queue(queue, broker).into());
    };
    let opening = opening(&broker.vhost, now(), "backup".to_owned());
    let mut writer = match BackupWriter::create(file, &opening) {
        Ok(writer) => writer,
        Err(error) => bail!("{}; name another file with --file", chain(&error)),
    };
    let wanted = if tasks.is_empty() { Wanted::Everything } else { Wanted::Tasks(tasks.filter()) };
    let stop = AtomicBool::new(false);
    let order = Order { queue, wanted: &wanted, count: depth.ready, rate: None, stop: &stop };
    let progress = bar(depth.ready, "copying");
    let destination = Destination::Copy(&mut writer);
    let copied = sift(&connection, order, destination, Keep::GiveBack, |_, _, _| progress.inc(1));
    let copied = copied.await?;
    progress.finish_and_clear();
    connection.close().await;
    writer.sync()?;
    let copied = Copied {
        queue: queue.clone(),
        file: file.clone(),
        messages: copied.wanted,
        bytes: copied.wanted_bytes,
        unknown: copied.unknown,
    };
    let mut table = Table::new(["FILE", "MESSAGES", "SIZE"], []);
    let (messages, size) = (copied.messages.to_string(), bytes(copied.bytes));
    table.row([file.display().to_string(), messages, size]);
    printer.data(&copied, &table)?;
    Ok(exit::DONE)
}
