//! `prove`: witnesses are checked here, submitted, and their proofs followed to the end.

mod bars;
mod follow;
mod gather;
mod lines;
mod order;
mod row;

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::change::interrupted;
use crate::exit::{self, Code, NotFound, Usage};
use crate::leader::{Leader, Submitted, Trouble, Version, Wish};
use crate::output::{Printer, Table};
use crate::place::Named;
use crate::proof::range;
use follow::{End, follow};
use gather::{Sheet, gather};
use order::{Wanted, breaks, ordered, plan};
use row::{Row, code, table};

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
Every witness is read here first: a fault in one of them stops before anything is sent. They go in
the order of their blocks. A witness that has a proof already is not proved again without --force.

While it waits, a terminal shows a bar for each proof, and anything else gets lines such as
  proof=20362226-3f9a1c state=running txs_proved=23 total_txs=166 tasks=25/180 time_spent=120s eta=700s
Ctrl-C leaves the proofs running. Exits with 0 when all are proved, 3 when some are, 1 when none is.

Examples:
  zero prove 20362226.witness.json --out proofs
  zero prove witnesses --chain tip --from 20362226 --to 20362229
  zero prove witnesses --detach -o name               the ids, one a line
  zero prove 20362226.witness.json.zst --test-only
  rpc --rpc-url URL fetch --start-block 7 --end-block 7 | zero prove -";

/// So many ids fit into a command to be copied.
const FEW: usize = 5;

/// What can be typed after `prove`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Witnesses, plain or packed with gzip, zstd or xz; folders of them; `-` for the standard input.
    #[arg(required = true, value_name = "FILE|DIR|-")]
    witnesses: Vec<PathBuf>,
    /// Leave out blocks before this one.
    #[arg(long, value_name = "BLOCK")]
    from: Option<u64>,
    /// Leave out blocks after this one.
    #[arg(long, value_name = "BLOCK")]
    to: Option<u64>,
    #[command(flatten)]
    wish: WishArgs,
    /// Wait until nothing more comes, which is what happens without it too.
    #[arg(long, conflicts_with = "detach")]
    wait: bool,
    /// Submit, say how to come back, and end.
    #[arg(long, short)]
    detach: bool,
    /// Download each proof into this folder when it is done, and check its SHA-256.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["detach", "test_only"])]
    out: Option<PathBuf>,
    /// Read and check everything, show the plan and send nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What is wanted.
#[derive(Debug, Clone, clap::Args)]
struct WishArgs {
    /// One chain of proofs: each starts from the one before it. Blocks must follow one another.
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// Simulate the blocks and prove nothing.
    #[arg(long)]
    test_only: bool,
    /// Higher goes first; 0 without it.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    priority: Option<i64>,
    /// A limit for all attempts together, such as `90m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    deadline: Option<Duration>,
    /// A new proof, whatever there is already.
    #[arg(long)]
    force: bool,
}

/// A witness that would be sent, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Planned<'a> {
    witness: &'a str,
    first_block: u64,
    last_block: u64,
    transactions: u64,
    bytes: u64,
}

/// Reads, submits, follows.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let sheets = gather(&args.witnesses, printer)?;
    let sheets = chosen(sheets, args)?;
    printer.say(&plan(&sheets, args.wish.chain.as_deref()));
    if args.dry_run {
        return show(&sheets, printer);
    }
    let mut leader = named.leader().await?;
    fits(&leader.version().await?, &sheets)?;
    let wish = args.wish.wish();
    let mut stop = pin!(interrupted());
    let (mut rows, end) = submit(&leader, &sheets, &wish, &mut stop, printer).await?;
    leave_event(&leader, &rows, printer).await;
    if let Some(code) = end {
        printer.data(&rows, &table(&rows))?;
        return Ok(code);
    }
    if args.detach {
        printer.data(&rows, &table(&rows))?;
        come_back(&rows, printer);
        return Ok(exit::DONE);
    }
    let end = follow(&mut leader, &mut rows, args.out.as_deref(), &mut stop, printer).await?;
    printer.data(&rows, &table(&rows))?;
    if end == End::Interrupted {
        printer.say("interrupted: the proofs go on without us");
        come_back(&rows, printer);
        return Ok(exit::INTERRUPTED);
    }
    Ok(code(&rows))
}

/// The witnesses that are meant, in order.
fn chosen(sheets: Vec<Sheet>, args: &Args) -> Result<Vec<Sheet>> {
    let wanted = Wanted { from: args.from, to: args.to };
    let sheets = ordered(sheets, wanted).map_err(Usage)?;
    if sheets.is_empty() {
        let words = "no witness holds a block between --from and --to; nothing was sent";
        return Err(NotFound(words.to_owned()).into());
    }
    let Some(chain) = &args.wish.chain else { return Ok(sheets) };
    let breaks = breaks(&sheets);
    if breaks.is_empty() {
        return Ok(sheets);
    }
    let words =
        format!("these witnesses are no chain `{chain}`: {}; nothing was sent", breaks.join("; "));
    Err(Usage(words).into())
}

/// A leader reads witnesses of one form.
fn fits(version: &Version, sheets: &[Sheet]) -> Result<()> {
    let generation = &version.generation;
    let other = |sheet: &&Sheet| !generation.contains(&sheet.witness.form.to_string());
    if let Some(Sheet { name, witness, .. }) = sheets.iter().find(other) {
        bail!(
            "{name} is a witness of the form of {} and the leader there is of {generation}: fetch it with that version's `rpc`; nothing was sent",
            witness.form
        );
    }
    Ok(())
}

/// Submits in order. A code: it did not come to the end of them, and why was said.
async fn submit(
    leader: &Leader,
    sheets: &[Sheet],
    wish: &Wish,
    stop: &mut (impl Future<Output = ()> + Unpin),
    printer: &mut Printer,
) -> Result<(Vec<Row>, Option<Code>)> {
    let mut rows: Vec<Row> = Vec::new();
    for sheet in sheets {
        let sent = tokio::select! {
            sent = send(leader, sheet, wish) => sent,
            () = &mut *stop => {
                printer.say(&format!("interrupted: {} and what follows was not submitted", sheet.name));
                return Ok((rows, Some(exit::INTERRUPTED)));
            }
        };
        match sent {
            Ok(Submitted { new, proof }) => {
                let there = if new { "" } else { ", which was there already" };
                let (id, state) = (&proof.id, proof.state.word());
                printer.say(&format!("{}: {id}, {state}{there}", sheet.name));
                let witness = sheet.name.clone();
                rows.push(Row { witness, new, proof, file: None, error: None });
            }
            Err(trouble) if rows.is_empty() => return Err(trouble.into()),
            Err(trouble) => {
                let (name, left) = (&sheet.name, sheets.len() - rows.len());
                printer.say(&format!("{name}: {trouble}; it and what follows, {left} of {}, was not submitted: the same command again submits it", sheets.len()));
                return Ok((rows, Some(exit::PARTIAL)));
            }
        }
    }
    Ok((rows, None))
}

async fn send(leader: &Leader, sheet: &Sheet, wish: &Wish) -> Result<Submitted, Trouble> {
    let bar = bars::sending(sheet.bytes).with_message(name(&sheet.path));
    let sent = leader.submit(&sheet.path, wish, |bytes| bar.set_position(bytes)).await;
    bar.finish_and_clear();
    sent
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// In a cluster, what was added is told to whoever looks at the release's Events.
async fn leave_event(leader: &Leader, rows: &[Row], printer: &mut Printer) {
    let Some(home) = &leader.home else { return };
    let new = rows.iter().filter(|row| row.new).map(|row| &row.proof);
    let told: Vec<String> =
        new.map(|proof| format!("{} of block {}", proof.id, proof.range())).collect();
    if told.is_empty() {
        return;
    }
    let (some, more) = (told.get(..FEW).unwrap_or(&told), told.len().saturating_sub(FEW));
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    home.record(("prove", ""), &format!("submitted {}{more}", some.join(", ")), printer).await;
}

/// The commands that find these proofs again.
fn come_back(rows: &[Row], printer: &mut Printer) {
    let ids: Vec<&str> = rows.iter().map(|row| row.proof.id.as_str()).collect();
    let ids = if ids.len() > FEW { "ID…".to_owned() } else { ids.join(" ") };
    let words = format!(
        "  zero proofs --watch\n  zero proof show {ids}\n  zero proof download {ids} --out proofs"
    );
    printer.say(&words);
}

fn show(sheets: &[Sheet], printer: &mut Printer) -> Result<Code> {
    let mut table = Table::new(["WITNESS", "BLOCKS", "TXS", "BYTES"], []);
    let planned = sheets.iter().map(|sheet| {
        let (first_block, last_block) = sheet.range();
        let transactions = sheet.witness.transactions();
        let blocks = range(first_block, last_block);
        table.row([sheet.name.clone(), blocks, transactions.to_string(), sheet.bytes.to_string()]);
        Planned { witness: &sheet.name, first_block, last_block, transactions, bytes: sheet.bytes }
    });
    let planned: Vec<Planned<'_>> = planned.collect();
    printer.data(&planned, &table)?;
    Ok(exit::DONE)
}

impl WishArgs {
    fn wish(&self) -> Wish {
        let Self { chain, test_only, priority, deadline, force } = self.clone();
        Wish { test_only, chain, priority, deadline, force }
    }
}
