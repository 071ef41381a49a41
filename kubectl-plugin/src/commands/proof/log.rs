//! `proof log`: what a proof's leader wrote.

use std::time::Duration;

use anyhow::Result;
use clap_complete::engine::ArgValueCompleter;

use crate::complete::proof_ids;
use crate::exit::{self, Code};
use crate::leader::{Leader, Trouble};
use crate::output::Printer;

/// What `--help` ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  zero proof log 20362226-3f9a1c
  zero proof log 20362226-3f9a1c --attempt 1
  zero proof log 20362226-3f9a1c --follow       until the proof is done; further attempts too";

/// Between two looks at a log that grows.
const EVERY: Duration = Duration::from_secs(1);

/// What can be typed after `proof log`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The proof.
    #[arg(value_name = "ID", add = ArgValueCompleter::new(proof_ids))]
    id: String,
    /// Go on with what comes, until the proof is done or Ctrl-C.
    #[arg(long, short, conflicts_with = "attempt")]
    follow: bool,
    /// Of this attempt; the last one's without it.
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
}

/// Shows, once or until the end.
pub(super) async fn run(args: &Args, leader: &Leader, printer: &mut Printer) -> Result<Code> {
    if !args.follow {
        more(leader, (&args.id, args.attempt), 0, printer).await?;
        return Ok(exit::DONE);
    }
    tokio::select! {
        ended = follow(&args.id, leader, printer) => ended?,
        _ = tokio::signal::ctrl_c() => return Ok(exit::INTERRUPTED),
    }
    Ok(exit::DONE)
}

async fn follow(id: &str, leader: &Leader, printer: &mut Printer) -> Result<()> {
    let (mut attempt, mut shown) = (0, 0);
    loop {
        // Asked before the log is: what was written until the end is in what comes.
        let proof = leader.proof(id).await?;
        while attempt < proof.attempts {
            if attempt > 0 {
                shown = more(leader, (id, Some(attempt)), shown, printer).await?;
                printer.say(&format!("attempt {} begins; {shown} bytes were before", attempt + 1));
            }
            (attempt, shown) = (attempt + 1, 0);
        }
        if attempt > 0 {
            shown = more(leader, (id, Some(attempt)), shown, printer).await?;
        }
        if proof.is_settled() {
            let (state, why) = (proof.state.word(), proof.why());
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            printer.say(&format!("{id} {state}{why}"));
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Writes what is beyond the first `shown` bytes, and says how many there are by now.
async fn more(
    leader: &Leader,
    (id, attempt): (&str, Option<u32>),
    shown: u64,
    printer: &mut Printer,
) -> Result<u64, anyhow::Error> {
    let mut coming = match leader.log(id, attempt).await {
        // Its leader has not written anything yet.
        Err(Trouble::Ill { .. }) if shown == 0 && attempt.is_some() => return Ok(0),
        outcome => outcome?,
    };
    let mut read = 0;
    while let Some(part) = coming.next().await? {
        let part = part.as_ref();
        let skipped = usize::try_from(shown.saturating_sub(read)).unwrap_or(usize::MAX);
        printer.bytes(part.get(skipped.min(part.len())..).unwrap_or_default())?;
        read += part.len() as u64;
    }
    Ok(read.max(shown))
}
