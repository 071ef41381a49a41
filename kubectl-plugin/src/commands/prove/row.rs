//! PURE: what became of one submitted witness, and what the whole is worth.

use serde::Serialize;

use crate::exit::{self, Code};
use crate::output::Table;
use crate::proof::{Proof, State, span};

/// A submitted witness, as programs read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    /// The file, as it was named.
    pub(super) witness: String,
    /// There was no proof of it before.
    pub(super) new: bool,
    pub(super) proof: Proof,
    /// Where the proof's file is now.
    pub(super) file: Option<String>,
    /// Why it is not followed to its end, or its file is not there.
    pub(super) error: Option<String>,
}

impl Row {
    /// Nothing more comes of waiting. `saved`: a proof is wanted as a file.
    pub(super) fn is_settled(&self, saved: bool) -> bool {
        self.error.is_some() || (self.proof.is_settled() && !self.is_to_be_saved(saved))
    }

    /// There is a file that we do not have yet.
    pub(super) fn is_to_be_saved(&self, saved: bool) -> bool {
        let has_one = self.proof.state.is_good() && self.proof.file.is_some();
        saved && has_one && self.file.is_none() && self.error.is_none()
    }

    fn is_good(&self) -> bool {
        self.proof.state.is_good() && self.error.is_none()
    }
}

/// Why a queued proof of a chain will not be begun: a proof before it has failed.
pub(super) fn stopped(proof: &Proof, failed: Option<&Proof>) -> Option<String> {
    let failed = failed.filter(|failed| failed.last_block < proof.first_block)?;
    let waits = proof.state == State::Queued && failed.chain == proof.chain;
    let id = &failed.id;
    waits.then(|| {
        format!(
            "its chain stopped at {id}, which failed; `zero proof retry {id}` and the chain goes on"
        )
    })
}

/// The exit code after waiting.
pub(super) fn code(rows: &[Row]) -> Code {
    exit::of(rows.iter().filter(|row| row.is_good()).count(), rows.len())
}

/// The rows for people.
pub(super) fn table(rows: &[Row]) -> Table {
    let mut table =
        Table::new(["ID", "STATE", "BLOCKS", "TXS", "TOOK", "WHY"], ["WITNESS", "FILE"]);
    for row in rows {
        let Row { witness, proof, file, error, .. } = row;
        let took = proof.progress.as_ref().map(|progress| progress.elapsed_seconds);
        let took = ended_after(proof).or(took.map(crate::proof::seconds));
        table.row([
            proof.id.clone(),
            proof.state.word().to_owned(),
            proof.range(),
            proof.transactions.to_string(),
            took.map_or_else(|| "-".to_owned(), span),
            error.clone().unwrap_or_else(|| proof.short_why()),
            witness.clone(),
            file.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table
}

fn ended_after(proof: &Proof) -> Option<std::time::Duration> {
    let end = proof.ended_at.as_ref()?.parse().ok()?;
    proof.took(end)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::proof::tests::proof;

    fn row(state: &str, more: &Value) -> Row {
        let proof = proof(state, 6, 6, more);
        Row { witness: "6.json".into(), new: true, proof, file: None, error: None }
    }

    #[test]
    fn waiting_ends_when_the_file_is_here_too() {
        let file = json!({"proof": {"digest": "ab", "bytes": 2}});
        assert!(!row("running", &json!({})).is_settled(false));
        let mut good = row("verified", &file);
        assert!(good.is_settled(false) && !good.is_settled(true));
        good.file = Some("out/6.zkproof".into());
        assert!(good.is_settled(true));
        assert!(row("verified", &json!({})).is_settled(true), "a simulation has no file");
        assert!(row("failed", &file).is_settled(true));
        let verifying = json!({"settled": false});
        assert!(!row("proved", &verifying).is_settled(false), "its verdict is still to come");
    }

    #[test]
    fn a_chain_stops_behind_what_failed() {
        let chain = json!({"chain": "tip"});
        let (failed, queued) = (proof("failed", 6, 6, &chain), proof("queued", 7, 7, &chain));
        insta::assert_snapshot!(stopped(&queued, Some(&failed)).unwrap(), @"its chain stopped at 6-3f9a1c, which failed; `zero proof retry 6-3f9a1c` and the chain goes on");
        assert_eq!(stopped(&queued, None), None);
        assert_eq!(stopped(&proof("running", 7, 7, &chain), Some(&failed)), None);
        assert_eq!(stopped(&proof("queued", 5, 5, &chain), Some(&failed)), None);
        assert_eq!(stopped(&proof("queued", 7, 7, &json!({})), Some(&failed)), None);
    }

    #[test]
    fn some_good_ones_are_part_of_a_success() {
        let (good, bad) = (|| row("verified", &json!({})), || row("failed", &json!({})));
        assert_eq!(code(&[good(), good()]), exit::DONE);
        assert_eq!(code(&[good(), bad()]), exit::PARTIAL);
        assert_eq!(code(&[bad(), bad()]), exit::FAILED);
        let not_saved = Row { error: Some("disk full".into()), ..good() };
        assert_eq!(code(&[not_saved]), exit::FAILED);
    }
}
