//! `proof show`: all that is known of proofs.

use amqp_admin::plural;
use anyhow::Result;

use super::Ids;
use crate::change::now;
use crate::exit::{self, Code};
use crate::leader::Leader;
use crate::output::{Format, Printer, Table, bytes};
use crate::proof::{Progress, Proof, Verdict, seconds, span};

/// What `--help` ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  zero proof show 20362226-3f9a1c
  zero proof show 20362226-3f9a1c -o json | jq '.[0].progress.eta'";

/// Shows.
pub(super) async fn run(ids: &Ids, leader: &Leader, printer: &mut Printer) -> Result<Code> {
    let mut proofs = Vec::new();
    for id in &ids.ids {
        proofs.push(leader.proof(id).await?);
    }
    if !matches!(printer.format(), Format::Table | Format::Wide) {
        printer.data(&proofs, &crate::commands::proofs::table(&proofs))?;
        return Ok(exit::DONE);
    }
    for (place, proof) in proofs.iter().enumerate() {
        if place > 0 {
            printer.text("\n")?;
        }
        printer.data(proof, &table(proof))?;
    }
    Ok(exit::DONE)
}

fn table(proof: &Proof) -> Table {
    let mut table = Table::new(["FIELD", "VALUE"], []);
    for (name, value) in fields(proof) {
        table.row([name.to_owned(), value.replace('\n', " ")]);
    }
    table
}

/// What is known; what is not has no line.
fn fields(proof: &Proof) -> Vec<(&'static str, String)> {
    let deadline = proof.deadline_seconds.map(|limit| span(std::time::Duration::from_secs(limit)));
    let file = proof.file.as_ref();
    let file = file.map(|file| format!("{}, SHA-256 {}", bytes(file.bytes), file.digest));
    let progress = proof.progress.as_ref();
    let lines = [
        ("id", Some(proof.id.clone())),
        ("state", Some(proof.state.word().to_owned())),
        ("reason", proof.reason.clone()),
        ("waits", proof.waits.clone()),
        ("not before", proof.not_before.clone()),
        ("progress", progress.map(|progress| so_far(progress, proof.transactions))),
        ("eta", progress.and_then(eta)),
        ("blocks", Some(proof.range())),
        ("transactions", Some(proof.transactions.to_string())),
        ("network", Some(proof.chain_id.to_string())),
        ("kind", Some(proof.kind.clone())),
        ("chain", proof.chain.clone()),
        ("priority", Some(proof.priority.to_string())),
        ("deadline", deadline),
        ("attempts", Some(proof.attempts.to_string())),
        ("came", Some(proof.created_at.clone())),
        ("began", proof.started_at.clone()),
        ("ended", proof.ended_at.clone()),
        ("took", proof.took(now()).map(span)),
        ("prover", proof.prover.clone()),
        ("witness", Some(witness(proof))),
        ("file", file),
        ("verdict", proof.verdict.as_ref().map(verdict)),
    ];
    lines.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn witness(proof: &Proof) -> String {
    format!("{}, SHA-256 {}", bytes(proof.witness_bytes), proof.witness_sha256)
}

fn so_far(progress: &Progress, transactions: u64) -> String {
    let Progress { answered, expected, .. } = progress;
    let proved = progress.transactions_proved;
    let parts = [
        Some(format!("{}, {answered} of {expected} tasks", progress.percent())),
        proved.map(|proved| format!("{proved} of {transactions} transactions")),
        progress.segments_proved.map(|proved| plural(proved, "segment")),
        Some(format!("after {}", span(seconds(progress.elapsed_seconds)))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn eta(progress: &Progress) -> Option<String> {
    let eta = progress.eta.as_ref()?;
    let [most, low, high] = [eta.seconds, eta.low, eta.high].map(|it| span(seconds(it)));
    let from = match eta.from.as_str() {
        "rate" => "from the answers so far",
        "history" => "from proofs before it",
        other => other,
    };
    Some(format!("~{most} ({low} to {high}), {from}"))
}

/// PURE: a verdict in words.
pub(crate) fn verdict(verdict: &Verdict) -> String {
    let Verdict { word, words } = verdict;
    let words = words.as_deref().map(|words| format!(": {words}")).unwrap_or_default();
    format!("{}{words}", word.word())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::proof::tests::{progress, proof};

    #[test]
    fn what_is_not_known_has_no_line() {
        let queued = proof("queued", 6, 6, &json!({"waits": "waits for 5-a before it"}));
        let lines: Vec<String> =
            fields(&queued).iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @"
        id: 6-3f9a1c
        state: queued
        waits: waits for 5-a before it
        blocks: 6
        transactions: 12
        network: 1
        kind: proof
        priority: 0
        attempts: 1
        came: 2026-01-01T00:00:00Z
        witness: 9 B, SHA-256 3f9a1c
        ");
    }

    #[test]
    fn progress_and_eta_are_told_with_what_they_are_from() {
        let running = proof("running", 6, 6, &json!({"progress": progress(5, 14)}));
        let told = running.progress.unwrap();
        insta::assert_snapshot!(so_far(&told, 12), @"35%, 5 of 14 tasks, 5 of 12 transactions, after 2m00s");
        insta::assert_snapshot!(eta(&told).unwrap(), @"~1m50s (1m00s to 3m20s), from the answers so far");
    }
}
