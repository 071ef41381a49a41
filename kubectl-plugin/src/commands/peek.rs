//! `peek`: looks at the first messages of a queue, decoded, and gives them back.

use amqp_admin::paladin::{self, Scope};
use amqp_admin::{BLOCK_HEADER, Message, PROOF_HEADER, QueueName, Taken, agree, look, plural};
use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;
use serde::Serialize;

use super::queues::no_such_queue;
use crate::broker::Broker;
use crate::complete::queue_names;
use crate::exit::{self, Code};
use crate::output::{Printer, Table, bytes};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
The messages are taken, looked at, and given back to their places; they are marked as redelivered
afterwards, and while they are looked at no worker gets them. Looking renews the queue's lease.

Examples:
  zero peek task-ipc-routing-key             the first 10
  zero peek task-ipc-routing-key -n 500 -o json
  zero peek BmXij --raw                      the first body as it is, to standard output";

/// What can be typed after `peek`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The queue.
    #[arg(add = ArgValueCompleter::new(queue_names))]
    queue: QueueName,
    /// How many messages; `-n N` is understood too.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) number: u64,
    /// Write the body of the first message as it is.
    #[arg(long)]
    raw: bool,
}

/// A message as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    number: u64,
    what: String,
    block: Option<u64>,
    proof: Option<String>,
    result_queue: Option<QueueName>,
    place: Option<String>,
    prover: Option<String>,
    bytes: u64,
    redelivered: bool,
}

/// Looks.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let mut connection = broker.connect().await?;
    let Some(depth) = connection.touch(&args.queue).await? else {
        return Err(no_such_queue(&args.queue, broker).into());
    };
    let number = if args.raw { 1 } else { args.number };
    let count = number.min(depth.ready);
    let (mut rows, mut first) = (Vec::new(), None);
    let looked = look(&connection, &args.queue, count, None, |taken| {
        rows.push(row(rows.len() as u64 + 1, taken));
        if args.raw {
            first = Some(taken.message.body.clone());
        }
    });
    looked.await?;
    connection.close().await;
    if args.raw {
        printer.bytes(&first.unwrap_or_default())?;
    } else {
        print(&rows, printer)?;
        let (ready, places) =
            (plural(depth.ready, "ready message"), agree(count, "its place", "their places"));
        printer.say(&format!("{count} of {ready}, given back to {places}"));
    }
    Ok(exit::DONE)
}

fn print(rows: &[Row], printer: &mut Printer) -> Result<()> {
    let narrow = ["#", "WHAT", "BLOCK", "RESULT QUEUE", "SIZE"];
    let mut table = Table::new(narrow, ["PLACE", "PROOF", "PROVER", "REDELIVERED"]);
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for row in rows {
        table.row([
            row.number.to_string(),
            row.what.clone(),
            dash(row.block.map(|block| block.to_string())),
            dash(row.result_queue.as_ref().map(ToString::to_string)),
            bytes(row.bytes),
            dash(row.place.clone()),
            dash(row.proof.clone()),
            dash(row.prover.clone()),
            row.redelivered.to_string(),
        ]);
    }
    printer.data(&rows, &table)
}

fn row(number: u64, taken: &Taken) -> Row {
    let Message { properties, body, .. } = &taken.message;
    let tagged = properties.header(BLOCK_HEADER).and_then(|block| block.parse().ok());
    let mut row = Row {
        number,
        what: "unknown".to_owned(),
        block: None,
        proof: properties.header(PROOF_HEADER),
        result_queue: None,
        place: None,
        prover: None,
        bytes: body.len() as u64,
        redelivered: taken.redelivered,
    };
    if let Some(task) = paladin::task(body) {
        row.what = task.operation.to_string();
        row.block = task.block;
        row.result_queue = Some(task.result_queue);
        row.place = Some(task.metadata.to_string());
        row.prover = Some(format!("{} {}", task.generation, task.serializer));
    } else if let Some(result) = paladin::result(body) {
        row.what =
            result.outcome.map_or_else(|words| format!("failed: {words}"), |_| "result".into());
        row.block = result.block;
        row.place = result.outcome.ok().map(|place| place.to_string());
        row.prover = Some(result.serializer.to_string());
    } else if let Some(command) = paladin::command(body) {
        row.what = match command.scope {
            Scope::Everything => "abort of everything".to_owned(),
            Scope::Job(queue) => format!("abort of {queue}"),
        };
        row.prover = Some(format!("{} {}", command.generation, command.serializer));
    }
    row.block = tagged.or(row.block);
    row
}
