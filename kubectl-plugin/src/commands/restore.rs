//! `restore`: puts the messages of a backup back, each once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use amqp_admin::{
    BrokerConnection, Contents, Presence, QueueName, Restored, contents, plural, presence, restore,
};
use anyhow::{Context as _, Result};
use serde::Serialize;

use super::queues::no_such_queue;
use crate::ask::{Approval, Consent, approve};
use crate::broker::Broker;
use crate::change::{leave_event, on_interrupt};
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
    #[command(flatten)]
    consent: Consent,
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

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, to, messages, restored, .. } = self;
        let restored = restored.unwrap_or_default();
        write!(f, "{restored} of {messages} messages of `{queue}` put into `{to}`")
    }
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
    let Consent { dry_run, yes } = args.consent;
    if dry_run || rows.is_empty() {
        print(&rows, printer)?;
        return Ok(exit::DONE);
    }
    approve(printer, Approval::Yes, yes)?;
    let stop = on_interrupt();
    let outcome = put_back(args, broker, &mut rows, &stop).await;
    leave_event(broker, ("restore", ""), &rows, printer).await;
    print(&rows, printer)?;
    if outcome? {
        printer.say("stopped: restoring the same file again puts back the rest");
    }
    Ok(if stop.load(Ordering::Relaxed) { exit::INTERRUPTED } else { exit::DONE })
}

fn say_what(args: &Args, held: &Contents, printer: &mut Printer) {
    let (file, size) = (args.file.display(), bytes(held.bytes));
    let messages = plural(held.queues.values().sum(), "message");
    printer.say(&format!("{file}: {messages}, {size}, every checksum right"));
    if held.cut_short {
        printer.say("note: it ends in the middle of a message, as when its writer was killed: what stands before that is put back");
    }
    if !held.whole {
        printer.say(
            "note: it was not closed: the last of its messages may be in their queue still, and are not put there twice",
        );
    }
}

/// Tells whether it was stopped before its end.
async fn put_back(
    args: &Args,
    broker: &Broker,
    rows: &mut [Row],
    stop: &AtomicBool,
) -> Result<bool> {
    let mut connection = broker.connect().await?;
    let mut there = BTreeMap::new();
    for row in rows.iter() {
        if !there.contains_key(&row.to) {
            let Some(present) = present(args, &mut connection, &row.to, stop).await? else {
                return Err(missing(&row.to, broker).into());
            };
            there.insert(row.to.clone(), present);
        }
    }
    let outcome = restore(&connection, &args.file, args.to.as_ref(), there, stop).await;
    let done = match &outcome {
        Ok(done) => done,
        Err(failure) => &failure.done,
    };
    note(rows, done);
    let stopped = outcome.map(|done| done.stopped);
    let stopped = stopped.with_context(|| format!("cannot restore {}", args.file.display()))?;
    connection.close().await;
    Ok(stopped)
}

/// What is in a queue already. `None`: there is no such queue.
async fn present(
    args: &Args,
    connection: &mut BrokerConnection,
    queue: &QueueName,
    stop: &AtomicBool,
) -> Result<Option<Presence>> {
    if args.even_if_present {
        return Ok(connection.touch(queue).await?.map(|_| Presence::default()));
    }
    Ok(presence(connection, queue, stop).await?)
}

fn missing(queue: &QueueName, broker: &Broker) -> NotFound {
    let missing = no_such_queue(queue, broker);
    NotFound(format!("{missing}; start a worker or a leader, which declares it, or give --to"))
}

fn note(rows: &mut [Row], done: &Restored) {
    for row in rows {
        if let Some(queue) = done.queues.get(&row.queue) {
            row.restored = Some(queue.restored);
            row.already_present = Some(queue.present);
        }
    }
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
