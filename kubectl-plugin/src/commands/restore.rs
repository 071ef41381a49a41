//! `restore`: puts the messages of a backup back, each once.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use amqp_admin::{Contents, Presence, QueueName, contents, presence, restore};
use anyhow::{Context as _, Result};
use serde::Serialize;

use super::queues::no_such_queue;
use crate::ask::{Approval, approve};
use crate::broker::Broker;
use crate::exit::{self, Code, NotFound};
use crate::output::{Printer, Table, bytes};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
The whole file is checked before anything is put back. What is in a queue already is not put there
again, so restoring twice does not double; what workers have taken meanwhile cannot be seen.

Examples:
  zero restore zero-remove-20260101T120000Z.backup --dry-run
  zero restore tasks.backup --to parked --yes";

/// What can be typed after `restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The backup.
    file: PathBuf,
    /// Put everything into this queue instead of where it was.
    #[arg(long, value_name = "QUEUE")]
    to: Option<QueueName>,
    /// Put back even what is in the queue already.
    #[arg(long)]
    even_if_present: bool,
    /// Show what would be put back, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask. Needed where there is no terminal.
    #[arg(long, short)]
    yes: bool,
}

/// What was put back, or would be, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    queue: QueueName,
    to: QueueName,
    messages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    already_present: Option<u64>,
}

/// Checks, asks and puts back.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let held = contents(&args.file)?;
    say_what(args, &held, printer);
    let rows = held.queues.iter().map(|(queue, messages)| Row {
        queue: queue.clone(),
        to: args.to.clone().unwrap_or_else(|| queue.clone()),
        messages: *messages,
        restored: None,
        already_present: None,
    });
    let mut rows: Vec<Row> = rows.collect();
    if args.dry_run || rows.is_empty() {
        print(&rows, printer)?;
        return Ok(exit::DONE);
    }
    approve(printer, Approval::Yes, args.yes)?;
    let outcome = put_back(args, broker, &mut rows).await;
    print(&rows, printer)?;
    outcome.map(|()| exit::DONE)
}

fn say_what(args: &Args, held: &Contents, printer: &mut Printer) {
    let (file, size) = (args.file.display(), bytes(held.bytes));
    let messages: u64 = held.queues.values().sum();
    printer.say(&format!("{file}: {messages} messages, {size}, every checksum right"));
    if held.cut_short {
        printer.say("note: it ends in the middle of a message, as when its writer was killed: what stands before that is put back");
    }
    if !held.whole {
        printer.say(
            "note: it was not closed: the last of its messages may be in their queue still, and are not put there twice",
        );
    }
}

async fn put_back(args: &Args, broker: &Broker, rows: &mut [Row]) -> Result<()> {
    let stop = AtomicBool::new(false);
    let mut connection = broker.connect().await?;
    for row in rows {
        let present = presence(&mut connection, &row.to, &stop).await?;
        let Some(present) = present else {
            let missing = no_such_queue(&row.to, broker);
            let words =
                format!("{missing}; start a worker or a leader, which declares it, or give --to");
            return Err(NotFound(words).into());
        };
        let present = if args.even_if_present { Presence::default() } else { present };
        let ways = (&row.queue, &row.to);
        let restored = restore(&connection, &args.file, ways, present, &stop).await;
        let restored = restored.with_context(|| format!("cannot restore `{}`", row.queue))?;
        row.restored = Some(restored.restored);
        row.already_present = Some(restored.present);
    }
    connection.close().await;
    Ok(())
}

fn print(rows: &[Row], printer: &mut Printer) -> Result<()> {
    let mut table = Table::new(["QUEUE", "TO", "IN THE FILE", "PUT BACK", "THERE ALREADY"], []);
    let dash = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    for row in rows {
        let (queue, to, messages) = (row.queue.to_string(), row.to.to_string(), row.messages);
        let done = [dash(row.restored), dash(row.already_present)];
        table.row([queue, to, messages.to_string()].into_iter().chain(done));
    }
    printer.data(&rows, &table)
}
