//! I/O: begins proofs when it is their turn, sees them to their end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp_admin::chain;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::attempt::{Attempting, End, Ran};
use crate::clock;
use crate::course::{Course, millis};
use crate::hex::hex;
use crate::ledger::{self, Attempt, Finished, LedgerError};
use crate::progress::Progress;
use crate::proof::{Kind, Proof, State};
use crate::proof_file::last_of;
use crate::proofs::{Proofs, ended};
use crate::reason::Reason;
use crate::turn::{Turn, turn};

/// Between two looks at what waits for its time.
const TICK: Duration = Duration::from_secs(5);
/// After `shutdown` so long is given to clearing away: with the end of the leaders before it less than
/// what Kubernetes gives a pod (the chart's 120 s). What is left then is cleared away at the next start.
const LAST_SWEEPS: Duration = Duration::from_secs(30);

impl Proofs {
    /// Runs proofs until `shutdown`; then their leaders end, and they wait for the next start.
    /// `unjudged` are those whose verifier was cut off, as [`Self::resume`] told.
    pub async fn run(
        self: Arc<Self>,
        unjudged: VecDeque<Proof>,
        shutdown: CancellationToken,
    ) -> Result<(), LedgerError> {
        let working = async {
            tokio::try_join!(self.prove_all(unjudged, &shutdown), self.keep_clear(&shutdown))?;
            self.sweep_all().await
        };
        let late = async {
            shutdown.cancelled().await;
            sleep(LAST_SWEEPS).await;
            self.sweeper.give_up();
            std::future::pending().await
        };
        tokio::select! {
            ended = working => ended,
            never = late => never,
        }
    }

    async fn prove_all(
        self: &Arc<Self>,
        mut unjudged: VecDeque<Proof>,
        shutdown: &CancellationToken,
    ) -> Result<(), LedgerError> {
        let mut changes = self.changes();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.options.parallel {
                let (proofs, cut) = (Arc::clone(self), shutdown.clone());
                if let Some(proof) = unjudged.pop_front() {
                    running.spawn(async move { proofs.judge_late(&proof, &cut).await });
                    continue;
                }
                let Some((proof, before)) = self.next().await? else { break };
                let stop = shutdown.child_token();
                let (told, progress) = watch::channel(None);
                self.goes_live(proof.number, progress, stop.clone());
                let Some((proof, attempt)) = self.begin(&proof).await? else {
                    // It was called off at just this moment.
                    self.rests(proof.number);
                    continue;
                };
                running.spawn(async move {
                    proofs.prove(&proof, &attempt, before.as_ref(), (told, stop, cut)).await
                });
            }
            tokio::select! {
                _ = changes.changed() => {}
                Some(ended) = running.join_next() => told(ended)?,
                _ = ticks.tick() => {}
                () = shutdown.cancelled() => break,
            }
        }
        while let Some(ended) = running.join_next().await {
            told(ended)?;
        }
        Ok(())
    }

    /// Whose turn it is.
    async fn next(&self) -> Result<Option<(Proof, Option<Proof>)>, LedgerError> {
        // A clock that jumped back must not hold up what was to be tried again.
        let pause = i64::try_from(self.options.pause_max.as_millis()).unwrap_or(i64::MAX);
        let now = clock::wall_ms();
        let waiting = self.ledger.with(move |c| ledger::queued(c, (now, pause))).await?;
        for (proof, before) in waiting {
            // Its last attempt may still be cleared away, the one before it be at the verifier.
            let before_it = before.as_ref().is_some_and(|before| self.is_live(before.number));
            let busy = before_it || self.is_live(proof.number);
            if busy || turn(&proof, before.as_ref()) != Turn::Go {
                continue;
            }
            if let Err(why) = self.room_for(proof.subject.bytes) {
                let (number, why) = (proof.number, format!("waits for room: {why}"));
                self.ledger.patiently(move |c| ledger::explain(c, number, &why)).await?;
                return Ok(None);
            }
            return Ok(Some((proof, before)));
        }
        Ok(None)
    }

    /// A proof as it stands from its attempt's begin on; nothing: it was called off a moment ago.
    async fn begin(&self, proof: &Proof) -> Result<Option<(Proof, Attempt)>, LedgerError> {
        let (row, now) = (proof.clone(), clock::wall_ms());
        let prover = self.prover.version.clone();
        let begun = self.ledger.patiently(move |connection| {
            if let Some(prover) = prover {
                ledger::name_prover(connection, row.number, &prover)?;
            }
            let begun = ledger::begin(connection, &row, now)?;
            Ok(ledger::by_number(connection, row.number)?.zip(begun))
        });
        let begun = begun.await?;
        self.change();
        Ok(begun)
    }

    /// Sees one attempt to its end, whatever that is.
    async fn prove(
        &self,
        proof: &Proof,
        attempt: &Attempt,
        before: Option<&Proof>,
        (told, stop, cut): (watch::Sender<Option<Progress>>, CancellationToken, CancellationToken),
    ) -> Result<(), LedgerError> {
        let (id, number) = (&proof.id, attempt.number);
        tracing::info!(
            proof = id,
            attempt = number,
            total_txs = proof.subject.transactions(),
            "begun"
        );
        let began = clock::now();
        let (end, mut course) =
            self.attempted(proof, attempt, (before, began), (&told, &stop)).await?;
        let progress = told.borrow().clone().map(Progress::at_its_end);
        let finished = Finished { progress, ..self.conclusion(proof, attempt, end) };
        let proved = Proof { file: finished.file.clone(), ..proof.clone() };
        say(proof, attempt, &finished);
        self.conclude(proof.number, number, finished).await?;
        let by_now = || Some(millis(clock::now().saturating_duration_since(began)));
        course.marks.concluded = by_now();
        if proved.file.is_some() && self.prover.verifier.is_some() {
            if !self.judged(&proved, &cut).await? {
                return Ok(());
            }
            course.marks.verified = by_now();
        }
        if self.sweep_of(proof.number, number).await? {
            course.marks.cleared = by_now();
        }
        let place = (proof.number, number);
        self.ledger.patiently(move |c| ledger::keep_course(c, place, &course, &[])).await?;
        self.store.clear_work(id);
        self.rests(proof.number);
        Ok(())
    }

    /// Runs its leader, unless the proof before it cannot be read.
    async fn attempted(
        &self,
        proof: &Proof,
        attempt: &Attempt,
        (before, began): (Option<&Proof>, Instant),
        (told, stop): (&watch::Sender<Option<Progress>>, &CancellationToken),
    ) -> Result<(End, Course), LedgerError> {
        let kind = proof.wish.kind;
        let history = self.ledger.with(move |c| ledger::history(c, kind)).await?;
        let before = match self.before(proof, before) {
            Ok(before) => before,
            Err(words) => {
                let failed = End::Failed(Reason { words, again: false });
                return Ok((failed, Course::default()));
            }
        };
        let (prover, store, ledger) = (&self.prover, &self.store, &self.ledger);
        let (patience, deadline) = (self.options.patience, Self::deadline(proof));
        let attempting = Attempting {
            proof,
            attempt,
            before,
            prover,
            store,
            ledger,
            history,
            patience,
            deadline,
            began,
        };
        Ok(match Box::pin(attempting.run(told, stop)).await {
            Ok(Ran { end, course }) => (end, course),
            Err(error) => {
                let reason = Reason { words: format!("{error:#}"), again: true };
                (End::Failed(reason), Course::default())
            }
        })
    }

    /// The proof that a chain's next one starts from.
    fn before(&self, proof: &Proof, before: Option<&Proof>) -> Result<Option<String>, String> {
        let Some(before) = before.filter(|_| proof.wish.kind == Kind::Proof) else {
            return Ok(None);
        };
        let path = self.store.proof(&before.id);
        let failed =
            |why: String| format!("cannot read the proof before it, `{}`: {why}", path.display());
        let file = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let (found, kept) = (hex(&Sha256::digest(&file)), before.file.as_ref());
        if let Some(kept) = kept.filter(|kept| kept.digest != found) {
            return Err(failed(format!(
                "it is not as it was made: its SHA-256 is {found}, and the ledger says {}; put the file back that was kept, or call the chain off and submit its witnesses with force",
                kept.digest
            )));
        }
        last_of(&file).map(Some).map_err(failed)
    }

    /// When all attempts of a proof together are over.
    fn deadline(proof: &Proof) -> Option<std::time::Instant> {
        let now = clock::wall_ms();
        clock::now().checked_add(proof.left(now)?)
    }

    fn conclusion(&self, proof: &Proof, attempt: &Attempt, end: End) -> Finished {
        match end {
            End::Done(None) => ended(State::Proved, None),
            End::Done(Some(bytes)) => {
                let about = |file: &_| about(proof, attempt, file, self.prover.version.as_deref());
                match self.store.keep_proof(&proof.id, &bytes, about) {
                    Ok(file) => Finished { file: Some(file), ..ended(State::Proved, None) },
                    Err(error) => {
                        let words = format!("cannot write the proof file: {error}");
                        self.failed(proof, attempt, Reason { words, again: true })
                    }
                }
            }
            End::Stopped | End::Failed(_) if self.was_called_off(proof.number) => {
                ended(State::Cancelled, Some("called off".to_owned()))
            }
            End::Stopped => {
                ended(State::Queued, Some("the service ended while it was proved".to_owned()))
            }
            End::Failed(reason) => self.failed(proof, attempt, reason),
        }
    }

    fn failed(&self, proof: &Proof, attempt: &Attempt, reason: Reason) -> Finished {
        let tries = attempt.number.saturating_sub(proof.base);
        let Some(pause) = self.options.pause_after(tries).filter(|_| reason.again) else {
            return ended(State::Failed, Some(reason.words));
        };
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        let not_before = Some(clock::wall_ms().saturating_add(pause));
        let words = format!("attempt {} failed, tried again: {}", attempt.number, reason.words);
        Finished { not_before, ..ended(State::Queued, Some(words)) }
    }
}

/// A task that could not see its proof to the end takes the service with it: the ledger is right, and
/// the next start begins where this one stopped.
fn told(ended: Result<Result<(), LedgerError>, tokio::task::JoinError>) -> Result<(), LedgerError> {
    ended.map_err(|error| {
        tracing::error!("a proof's guardian died: {}", chain(&error));
        LedgerError::Gone
    })?
}

/// What stands beside a proof's file.
fn about(
    proof: &Proof,
    attempt: &Attempt,
    file: &crate::proof::ProofFile,
    prover: Option<&str>,
) -> String {
    let now = clock::wall_ms();
    let told = json!({
        "id": proof.id,
        "sha256": file.digest,
        "bytes": file.bytes,
        "chainId": proof.subject.chain_id,
        "blocks": proof.subject.blocks,
        "witnessSha256": proof.subject.digest,
        "prover": prover,
        "attempt": attempt.number,
        "createdAt": clock::rfc3339(proof.created),
        "startedAt": clock::rfc3339(proof.started.unwrap_or(now)),
        "provedAt": clock::rfc3339(now),
    });
    format!("{told:#}\n")
}

/// One line for the end of an attempt, as operators know it from their scripts.
fn say(proof: &Proof, attempt: &Attempt, finished: &Finished) {
    let progress = finished.progress.as_ref();
    let time_spent = progress.map_or(0.0, |progress| progress.elapsed_seconds);
    let total_txs = proof.subject.transactions();
    let proved = if finished.state.is_good() { Some(total_txs) } else { None };
    let txs_proved = proved.or(progress.and_then(|it| it.transactions_proved));
    let reason = finished.reason.as_deref().unwrap_or_default();
    tracing::info!(
        proof = proof.id,
        attempt = attempt.number,
        state = finished.state.word(),
        txs_proved,
        total_txs,
        time_spent = format!("{time_spent:.1}s"),
        "{reason}"
    );
}
