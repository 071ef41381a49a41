//! `proof cancel` and `proof retry`: the plan, the question, what became of it.

use amqp_admin::plural;
use anyhow::Result;
use serde::Serialize;

use super::Ids;
use crate::ask::{Approval, Consent, approve};
use crate::exit::{self, Code};
use crate::leader::{Leader, Trouble};
use crate::output::{Printer, Table};
use crate::proof::{Proof, State};

/// What `cancel --help` ends with.
pub(super) const CANCEL_EXAMPLES: &str = "\
Tasks in workers' hands are finished by them. A proof of its chain that comes behind it starts from
its proof: call that off too, or `zero proof retry` this one.

Examples:
  zero proof cancel 20362226-3f9a1c --dry-run
  zero proof cancel 20362226-3f9a1c 20362227-77b0aa --yes --reason 'reorg'";

/// What `retry --help` ends with.
pub(super) const RETRY_EXAMPLES: &str = "\
Attempts are counted anew. Proofs of its chain that wait behind it go on once it is proved.

Examples:
  zero proof retry 20362226-3f9a1c
  zero proof retry $(zero proofs --state failed -o name) --yes";

/// What can be typed after both.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    ids: Ids,
    #[command(flatten)]
    consent: Consent,
    /// Why; it is in the Event that is left on the release in a cluster.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// What is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Cancel,
    Retry,
}

/// What became of one proof, as programs read it.
#[derive(Debug, Serialize)]
struct Row {
    id: String,
    /// How it stood.
    before: State,
    /// How it stands now; `null`: nothing was done.
    now: Option<State>,
    /// `planned`, `nothing`, `done` or `failed`.
    outcome: &'static str,
    error: Option<String>,
}

/// Shows the plan, asks, does it.
pub(super) async fn run(
    act: Act,
    args: &Args,
    leader: &Leader,
    printer: &mut Printer,
) -> Result<Code> {
    let mut proofs: Vec<Proof> = Vec::new();
    for id in &args.ids.ids {
        let proof = leader.proof(id).await?;
        if !proofs.iter().any(|other| other.id == proof.id) {
            proofs.push(proof);
        }
    }
    let Consent { dry_run, yes } = args.consent;
    if !(dry_run && printer.is_for_programs()) {
        printer.say(&plan(act, &proofs));
    }
    let some = proofs.iter().any(|proof| act.applies_to(proof.state));
    if dry_run || !some {
        let rows: Vec<Row> = proofs.iter().map(|proof| planned(act, proof)).collect();
        return tell(&rows, printer);
    }
    approve(printer, Approval::Yes, yes)?;
    let mut rows = Vec::new();
    for proof in &proofs {
        let row = planned(act, proof);
        let applies = act.applies_to(proof.state);
        rows.push(if applies { done(row, act.done(leader, &proof.id).await) } else { row });
    }
    leave_event(act, &args.reason, leader, &rows, printer).await;
    tell(&rows, printer)
}

async fn leave_event(act: Act, reason: &str, leader: &Leader, rows: &[Row], printer: &mut Printer) {
    let Some(home) = &leader.home else { return };
    let told = |row: &Row| Some(format!("{} is {}", row.id, row.now?.word()));
    let done: Vec<String> = rows.iter().filter_map(told).collect();
    if !done.is_empty() {
        home.record((act.name(), reason), &done.join("; "), printer).await;
    }
}

impl Act {
    fn name(self) -> &'static str {
        match self {
            Self::Cancel => "proof cancel",
            Self::Retry => "proof retry",
        }
    }

    fn applies_to(self, state: State) -> bool {
        match self {
            Self::Cancel => !state.is_final(),
            Self::Retry => matches!(state, State::Failed | State::Cancelled),
        }
    }

    async fn done(self, leader: &Leader, id: &str) -> Result<Proof, Trouble> {
        match self {
            Self::Cancel => leader.cancel(id).await,
            Self::Retry => leader.retry(id).await,
        }
    }
}

/// PURE: what would be done, a line for each proof.
fn plan(act: Act, proofs: &[Proof]) -> String {
    let lines = proofs.iter().map(|proof| {
        let (id, state, range) = (&proof.id, proof.state.word(), proof.range());
        let what = match (act, proof.state) {
            (Act::Cancel, State::Queued) => "it is taken out of the queue",
            (Act::Cancel, State::Running) => {
                "its leader ends, its tasks and its result queues go; what its workers have done is lost"
            }
            (Act::Retry, State::Failed | State::Cancelled) => "it is put back into the queue",
            (Act::Cancel, _) => "nothing to call off",
            (Act::Retry, _) => "nothing to try again",
        };
        let runs = act == Act::Cancel && proof.state == State::Running;
        let so_far = proof.progress.as_ref().filter(|_| runs);
        let so_far = so_far.map(|progress| format!(" at {}", progress.percent()));
        format!("  {id}, block {range}, {state}{}: {what}", so_far.unwrap_or_default())
    });
    let act = match act {
        Act::Cancel => "Call off",
        Act::Retry => "Try again",
    };
    let head = format!("{act} {}:", plural(proofs.len() as u64, "proof"));
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

/// PURE: a proof to which nothing has been done yet.
fn planned(act: Act, proof: &Proof) -> Row {
    let outcome = if act.applies_to(proof.state) { "planned" } else { "nothing" };
    Row { id: proof.id.clone(), before: proof.state, now: None, outcome, error: None }
}

/// PURE: the same after it.
fn done(row: Row, outcome: Result<Proof, Trouble>) -> Row {
    match outcome {
        Ok(proof) => Row { now: Some(proof.state), outcome: "done", ..row },
        Err(trouble) => Row { outcome: "failed", error: Some(trouble.to_string()), ..row },
    }
}

fn tell(rows: &[Row], printer: &mut Printer) -> Result<Code> {
    let mut table = Table::new(["ID", "BEFORE", "NOW", "OUTCOME"], []);
    for row in rows {
        let now = row.now.map_or("-", State::word).to_owned();
        let why = row.error.as_ref().map(|why| format!("failed: {why}"));
        let outcome = why.unwrap_or_else(|| row.outcome.to_owned());
        table.row([row.id.clone(), row.before.word().to_owned(), now, outcome]);
    }
    printer.data(&rows, &table)?;
    let done = rows.iter().filter(|row| row.outcome != "failed").count();
    Ok(exit::of(done, rows.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proof::tests::{progress, proof};

    #[test]
    fn the_plan_says_what_becomes_of_each() {
        let proofs = [
            proof("running", 6, 6, &json!({"progress": progress(5, 12)})),
            proof("queued", 7, 8, &json!({})),
            proof("verified", 9, 9, &json!({})),
        ];
        insta::assert_snapshot!(plan(Act::Cancel, &proofs), @"
        Call off 3 proofs:
          6-3f9a1c, block 6, running at 41%: its leader ends, its tasks and its result queues go; what its workers have done is lost
          7-3f9a1c, block 7..8, queued: it is taken out of the queue
          9-3f9a1c, block 9, verified: nothing to call off
        ");
        let failed = [proof("failed", 6, 6, &json!({})), proof("running", 7, 7, &json!({}))];
        insta::assert_snapshot!(plan(Act::Retry, &failed), @"
        Try again 2 proofs:
          6-3f9a1c, block 6, failed: it is put back into the queue
          7-3f9a1c, block 7, running: nothing to try again
        ");
    }
}
