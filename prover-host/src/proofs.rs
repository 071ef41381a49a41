//! I/O: the service's proofs: what can be asked of them. `runner` is what goes on by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::attempt::Patience;
use crate::clock;
use crate::ledger::{self, Entered, Ledger, LedgerError, Query};
use crate::progress::Progress;
use crate::proof::{Proof, State, Wish};
use crate::proof_metrics::Running;
use crate::prover::Prover;
use crate::report::{Report, report};
use crate::store::Store;
use crate::sweep::Sweeper;
use crate::turn::{Turn, turn};
use crate::upload::Received;

/// Tasks in one report: some ten megabytes.
const TASKS_TOLD: usize = 40_000;

/// The pause doubles at most so often.
const DOUBLINGS: u32 = 16;

/// How proofs are run and kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leaders at once.
    pub parallel: usize,
    /// Leaders for one proof, one after the other, before it has failed.
    pub attempts: u32,
    /// The pause after a failed attempt; each further one doubles it.
    pub pause: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// When a leader is given up.
    pub patience: Patience,
    /// Bytes that stay free on the disk.
    pub min_free: u64,
    /// Finished proofs that are kept; all of them without a number.
    pub keep: Option<u32>,
    /// How long finished proofs are kept.
    pub keep_for: Option<Duration>,
}

impl Options {
    /// The pause before the next attempt when so many have failed; nothing: there is none.
    pub(crate) fn pause_after(&self, failed: u32) -> Option<Duration> {
        let doublings = failed.saturating_sub(1).min(DOUBLINGS);
        let pause = self.pause.saturating_mul(1 << doublings).min(self.pause_max);
        (failed < self.attempts).then_some(pause)
    }
}

/// A proof, and what is known of it at the moment.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its row.
    pub proof: Proof,
    /// How far its leader has come.
    pub progress: Option<Progress>,
    /// What a queued one waits for.
    pub waits: Option<String>,
    /// Something of it goes on.
    pub live: bool,
}

/// Why something that was asked for cannot be done.
#[derive(Debug, Error)]
pub enum Refusal {
    /// There is no such proof.
    #[error("there is no proof `{0}`; `GET /v1/proofs` lists what there is")]
    NotFound(String),
    /// Not in the state it is in, or not after what is there.
    #[error("{0}")]
    Conflict(String),
    /// The disk has too little room.
    #[error("{0}")]
    NoRoom(String),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// A running attempt.
#[derive(Debug)]
struct Live {
    progress: watch::Receiver<Option<Progress>>,
    stop: CancellationToken,
    called_off: bool,
}

/// The service's proofs.
#[derive(Debug)]
pub struct Proofs {
    pub(crate) ledger: Ledger,
    pub(crate) store: Store,
    pub(crate) prover: Prover,
    pub(crate) sweeper: Sweeper,
    pub(crate) options: Options,
    live: Mutex<BTreeMap<i64, Live>>,
    changed: watch::Sender<u64>,
}

impl Proofs {
    /// Of these parts.
    #[must_use]
    pub fn new(
        (ledger, store): (Ledger, Store),
        prover: Prover,
        sweeper: Sweeper,
        options: Options,
    ) -> Arc<Self> {
        let (live, changed) = (Mutex::default(), watch::Sender::new(0));
        Arc::new(Self { ledger, store, prover, sweeper, options, live, changed })
    }

    /// The files.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The programs.
    #[must_use]
    pub fn prover(&self) -> &Prover {
        &self.prover
    }

    /// Changes whenever a proof's row does.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Something has changed: whoever follows looks again, and the runner too.
    pub(crate) fn change(&self) {
        self.changed.send_modify(|number| *number += 1);
    }

    /// Whether there is room for so many bytes besides what stays free.
    pub fn room_for(&self, bytes: u64) -> Result<(), Refusal> {
        let free = self.store.free().map_err(|error| {
            Refusal::NoRoom(format!("cannot tell how much room the disk has: {error}"))
        })?;
        let wanted = bytes.saturating_add(self.options.min_free);
        if free >= wanted {
            return Ok(());
        }
        let mib = |bytes: u64| bytes >> 20;
        Err(Refusal::NoRoom(format!(
            "the disk of --data-dir has {} MiB left and {} MiB are needed (--min-free is {} MiB): remove old proofs or enlarge it",
            mib(free),
            mib(wanted),
            mib(self.options.min_free)
        )))
    }

    /// Enters a proof and puts its witness in its place, or finds the one that there is. Of what is
    /// refused nothing stays.
    pub async fn enter(&self, received: Received, wish: Wish) -> Result<(bool, Proof), Refusal> {
        self.prover.leader_for(wish.kind).map_err(|why| Refusal::Conflict(why.to_owned()))?;
        let Received { subject, file } = received;
        let (now, keep) = (clock::wall_ms(), self.store.keeping_witness(file, &subject.digest));
        let entering =
            move |connection: &mut _| ledger::enter(connection, &subject, &wish, now, keep);
        match self.ledger.with(entering).await? {
            Entered::New(proof) => {
                self.change();
                Ok((true, *proof))
            }
            Entered::There(proof) => Ok((false, *proof)),
            Entered::Refused(why) => Err(Refusal::Conflict(why)),
        }
    }

    /// One proof's row.
    pub async fn find(&self, id: &str) -> Result<Proof, Refusal> {
        let wanted = id.to_owned();
        let found = self.ledger.with(move |connection| ledger::by_id(connection, &wanted)).await?;
        found.ok_or_else(|| Refusal::NotFound(id.to_owned()))
    }

    /// A row with what is known besides.
    pub async fn tell(&self, proof: Proof) -> Result<Told, Refusal> {
        let live = self.progress(proof.number).and_then(|live| live.borrow().clone());
        let progress = live.or_else(|| proof.progress.clone());
        let mut waits = None;
        if proof.state == State::Queued && proof.wish.chain.is_some() {
            let row = proof.clone();
            let before = self.ledger.with(move |c| ledger::before_in_chain(c, &row)).await?;
            if let Turn::Wait(why) = turn(&proof, before.as_ref()) {
                waits = Some(why);
            }
        }
        let live = self.is_live(proof.number);
        Ok(Told { proof, progress, waits, live })
    }

    /// The proofs that are asked for, newest first.
    pub async fn list(
        &self,
        (state, ended): (Option<State>, bool),
        (block, chain): (Option<u64>, Option<String>),
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<Told>, Refusal> {
        let listing = move |connection: &mut _| {
            let chain = chain.as_deref();
            ledger::list(connection, &Query { state, ended, block, chain, before, limit })
        };
        let mut told = Vec::new();
        for proof in self.ledger.with(listing).await? {
            told.push(self.tell(proof).await?);
        }
        Ok(told)
    }

    /// Where a proof's time went, as far as it is written down by now. Of many attempts only the
    /// newest have their tasks in it: the others have their sums.
    pub async fn report(&self, proof: &Proof) -> Result<Report, Refusal> {
        let number = proof.number;
        let read = self.ledger.with(move |c| {
            let (mut told, mut room) = (Vec::new(), TASKS_TOLD);
            for past in ledger::attempts(c, number)?.into_iter().rev() {
                let rows = ledger::tasks(c, (number, past.number), room)?;
                room = room.saturating_sub(rows.len());
                told.push((past, rows));
            }
            told.reverse();
            Ok(told)
        });
        Ok(report(proof, read.await?))
    }

    /// How many proofs are in each state.
    pub async fn census(&self) -> Result<Vec<(State, u64)>, Refusal> {
        Ok(self.ledger.with(|connection| ledger::census(connection)).await?)
    }

    /// The proofs of which something goes on, the oldest first.
    pub async fn running(&self) -> Result<Vec<Running>, Refusal> {
        let live: Vec<_> = {
            let live = self.live();
            live.iter().map(|(number, it)| (*number, it.progress.borrow().clone())).collect()
        };
        let told = self.ledger.with(move |connection| {
            let mut told = Vec::new();
            for (number, progress) in live {
                if let Some(Proof { id, state, .. }) = ledger::by_number(connection, number)? {
                    told.push(Running { id, state, progress });
                }
            }
            Ok(told)
        });
        Ok(told.await?)
    }

    /// How far a running proof has come, now and whenever it changes.
    #[must_use]
    pub fn progress(&self, number: i64) -> Option<watch::Receiver<Option<Progress>>> {
        self.live().get(&number).map(|live| live.progress.clone())
    }

    /// Calls a proof off. Its leader ends, its tasks and result queues go.
    pub async fn cancel(&self, id: &str) -> Result<Proof, Refusal> {
        let mut proof = self.find(id).await?;
        if matches!(proof.state, State::Proved | State::Verified | State::Failed) {
            let word = proof.state.word();
            let words = format!("`{id}` is {word} already: nothing to call off");
            return Err(Refusal::Conflict(words));
        }
        // An attempt that failed at just this moment is about to wait for its next one.
        while !proof.state.is_final() {
            // One that has begun at just this moment is neither: it is looked at again.
            if self.stop(proof.number) || self.call_off(proof.number).await? {
                self.settled(proof.number).await;
            }
            proof = self.find(id).await?;
        }
        Ok(proof)
    }

    /// Calls a proof off that waits; whether it did.
    async fn call_off(&self, number: i64) -> Result<bool, LedgerError> {
        let now = clock::wall_ms();
        let called_off = self.ledger.patiently(move |c| ledger::call_off(c, number, now)).await?;
        self.change();
        Ok(called_off)
    }

    /// Tells a running attempt that it is called off; whether there is one.
    fn stop(&self, number: i64) -> bool {
        let mut live = self.live();
        let Some(live) = live.get_mut(&number) else { return false };
        live.called_off = true;
        live.stop.cancel();
        true
    }

    /// Puts a proof that failed or was called off back into the queue.
    pub async fn retry(&self, id: &str) -> Result<Proof, Refusal> {
        let number = self.find(id).await?.number;
        let requeued = self.ledger.with(move |connection| ledger::requeue(connection, number));
        let requeued = requeued.await?;
        let proof = self.find(id).await?;
        if requeued {
            self.change();
            return Ok(proof);
        }
        let word = proof.state.word();
        Err(Refusal::Conflict(format!(
            "`{id}` is {word}: only what failed or was cancelled can be tried again; to prove its witness anew submit it with force"
        )))
    }

    /// A leader begins; its progress can be followed and it can be stopped.
    pub(crate) fn goes_live(
        &self,
        number: i64,
        progress: watch::Receiver<Option<Progress>>,
        stop: CancellationToken,
    ) {
        self.live().insert(number, Live { progress, stop, called_off: false });
    }

    /// Something of it goes on.
    pub(crate) fn is_live(&self, number: i64) -> bool {
        self.live().contains_key(&number)
    }

    /// A leader has ended; whether it was called off.
    pub(crate) fn was_called_off(&self, number: i64) -> bool {
        self.live().get(&number).is_some_and(|live| live.called_off)
    }

    /// Nothing of it goes on any more.
    pub(crate) fn rests(&self, number: i64) {
        self.live().remove(&number);
        self.change();
    }

    pub(crate) async fn conclude(
        &self,
        number: i64,
        attempt: u32,
        finished: ledger::Finished,
    ) -> Result<(), LedgerError> {
        let now = clock::wall_ms();
        let concluding =
            move |connection: &mut _| ledger::finish(connection, number, attempt, &finished, now);
        self.ledger.patiently(concluding).await?;
        self.change();
        Ok(())
    }

    /// Waits until nothing of a proof goes on.
    async fn settled(&self, number: i64) {
        let mut changes = self.changes();
        while self.is_live(number) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<i64, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An end without a proof.
pub(crate) fn ended(state: State, reason: Option<String>) -> ledger::Finished {
    let (file, not_before, progress) = (None, None, None);
    ledger::Finished { state, reason, file, not_before, progress }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_until_no_attempt_is_left() {
        let [pause, pause_max] = [10, 30].map(Duration::from_secs);
        let patience = Patience { stall: pause, idle: pause };
        let (keep, keep_for) = (None, None);
        let options = Options {
            parallel: 1,
            attempts: 4,
            pause,
            pause_max,
            patience,
            min_free: 0,
            keep,
            keep_for,
        };
        let pauses = [1, 2, 3, 4].map(|failed| options.pause_after(failed).map(|it| it.as_secs()));
        assert_eq!(pauses, [Some(10), Some(20), Some(30), None]);
    }
}
