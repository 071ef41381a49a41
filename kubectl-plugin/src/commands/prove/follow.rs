//! I/O: follows proofs to their end, over lost connections too.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use amqp_admin::plural;
use anyhow::Result;
use tokio::time::Instant;

use super::bars::Bars;
use super::lines::Lines;
use super::row::{Row, stopped};
use crate::leader::{Leader, Trouble, Which};
use crate::output::Printer;
use crate::proof::{Proof, State};
use crate::save::save;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Proofs in one look, at least: others submit too.
const LOOK: usize = 100;
/// Beyond that many the ones that a look did not show are asked for one by one.
const LOOK_MAX: usize = 1000;

/// How following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing more comes.
    Settled,
    /// Ctrl-C.
    Interrupted,
}

/// Follows until nothing more comes of it, or until `stop`. Files go into the folder `out`.
pub(super) async fn follow(
    leader: &mut Leader,
    rows: &mut [Row],
    out: Option<&Path>,
    stop: &mut (impl Future<Output = ()> + Unpin),
    printer: &mut Printer,
) -> Result<End> {
    let mut show = Show::open(rows.len(), printer);
    let mut lost = false;
    loop {
        let looked = tokio::select! {
            looked = look(leader, rows, out) => looked,
            () = &mut *stop => return Ok(End::Interrupted),
        };
        let was_lost = std::mem::replace(&mut lost, false);
        match looked {
            Err(error) if is_lost(&error) => {
                lost = true;
                if !was_lost {
                    let words = "it is asked again every second, and the proofs go on meanwhile";
                    show.say(&format!("warning: {error:#}; {words}"), printer);
                }
                leader.reach_again().await;
            }
            Err(error) => return Err(error),
            Ok(()) => {
                if was_lost {
                    show.say("the proof service answers again", printer);
                }
                show.tell(rows, out.is_some(), printer);
                if rows.iter().all(|row| row.is_settled(out.is_some())) {
                    return Ok(End::Settled);
                }
            }
        }
        if pause(stop).await {
            return Ok(End::Interrupted);
        }
    }
}

/// Waits for the next look; true: not to its end.
async fn pause(stop: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    tokio::select! {
        () = tokio::time::sleep(EVERY) => false,
        () = stop => true,
    }
}

fn is_lost(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Trouble>().is_some_and(Trouble::is_lost)
}

/// Looks once, and fetches the files that have come to be.
async fn look(leader: &Leader, rows: &mut [Row], out: Option<&Path>) -> Result<()> {
    let open: BTreeSet<String> = rows
        .iter()
        .filter(|row| row.error.is_none() && !row.proof.is_settled())
        .map(|row| row.proof.id.clone())
        .collect();
    let found = now(leader, &open).await?;
    for row in rows.iter_mut() {
        match found.get(&row.proof.id) {
            Some(Some(proof)) => row.proof = proof.clone(),
            Some(None) => row.error = Some("the proof service knows it no more".to_owned()),
            None => {}
        }
    }
    if let Some(out) = out {
        for row in rows.iter_mut().filter(|row| row.is_to_be_saved(true)) {
            match save(leader, &row.proof.id, out).await {
                Ok(path) => row.file = Some(path.display().to_string()),
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) => row.error = Some(format!("{error:#}")),
            }
        }
    }
    see_whether_chains_stopped(leader, rows).await
}

/// Where these proofs stand; `None`: there is no such proof any more.
async fn now(
    leader: &Leader,
    ids: &BTreeSet<String>,
) -> Result<HashMap<String, Option<Proof>>, Trouble> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let limit = u32::try_from((ids.len() * 2).clamp(LOOK, LOOK_MAX)).unwrap_or(u32::MAX);
    let listed = leader.list(&Which { limit, ..Which::default() }).await?;
    let ours = listed.into_iter().filter(|proof| ids.contains(&proof.id));
    let mut found: HashMap<_, _> = ours.map(|proof| (proof.id.clone(), Some(proof))).collect();
    for id in ids {
        if !found.contains_key(id) {
            let proof = match leader.proof(id).await {
                Err(Trouble::Missing(_)) => None,
                answer => Some(answer?),
            };
            found.insert(id.clone(), proof);
        }
    }
    Ok(found)
}

/// What waits behind a proof that failed waits for ever: it is no use to wait with it.
async fn see_whether_chains_stopped(leader: &Leader, rows: &mut [Row]) -> Result<()> {
    let waiting = |row: &&Row| row.error.is_none() && row.proof.state == State::Queued;
    let chains: BTreeSet<String> =
        rows.iter().filter(waiting).filter_map(|row| row.proof.chain.clone()).collect();
    for chain in chains {
        let which = Which { state: Some(State::Failed), chain: Some(chain), limit: 1, block: None };
        let failed = leader.list(&which).await?;
        for row in rows.iter_mut().filter(|row| row.error.is_none()) {
            row.error = stopped(&row.proof, failed.first());
        }
    }
    Ok(())
}

/// How it is shown.
enum Show {
    Bars { bars: Bars, said: HashSet<String> },
    Lines { lines: Lines, since: Instant },
}

impl Show {
    fn open(proofs: usize, printer: &Printer) -> Self {
        if printer.draws() {
            Self::Bars { bars: Bars::new(proofs), said: HashSet::new() }
        } else {
            Self::Lines { lines: Lines::default(), since: Instant::now() }
        }
    }

    fn tell(&mut self, rows: &[Row], saved: bool, printer: &mut Printer) {
        match self {
            Self::Lines { lines, since } => {
                let said = rows.iter().filter_map(|row| lines.line(&row.proof, since.elapsed()));
                said.for_each(|line| printer.say(&line));
            }
            Self::Bars { bars, said } => {
                for row in rows {
                    bars.show(&row.proof);
                    if row.is_settled(saved) && said.insert(row.proof.id.clone()) {
                        bars.say(&end(row), printer);
                    }
                }
                bars.done(rows.iter().filter(|row| row.is_settled(saved)).count());
            }
        }
    }

    fn say(&mut self, words: &str, printer: &mut Printer) {
        match self {
            Self::Bars { bars, .. } => bars.say(words, printer),
            Self::Lines { .. } => printer.say(words),
        }
    }
}

/// PURE: the end of a proof in a line.
fn end(row: &Row) -> String {
    let Row { proof, error, .. } = row;
    let why = error.clone().unwrap_or_else(|| proof.short_why());
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!(
        "{} {}, {}{why}",
        proof.id,
        proof.state.word(),
        plural(proof.transactions, "transaction")
    )
}
