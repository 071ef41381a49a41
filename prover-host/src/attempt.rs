//! I/O: one leader for one proof, from its start to its end.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use amqp_admin::chain;
use amqp_gateway::{Activity, Config, Gateway};
use anyhow::{Context as _, Result};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::capture::Capture;
use crate::clock;
use crate::course::{Course, Following, millis};
use crate::ending::{Ending, Exit, Signs, ending};
use crate::follow::{Follower, STEPS};
use crate::generation::{Generation, Run};
use crate::ledger::{self, Attempt, Ledger};
use crate::pace::Pace;
use crate::progress::{History, Progress};
use crate::proof::{Kind, Proof};
use crate::proof_file;
use crate::prover::Prover;
use crate::reason::{Clues, Reason, reason};
use crate::said::Said;
use crate::store::Store;
use crate::wards::Ward;

/// Between two looks at the time.
const TICK: Duration = Duration::from_secs(1);
/// A leader that is told to end does so at once, or never.
const GRACE: Duration = Duration::from_secs(2);
/// A broker that answers at all closes a connection in less.
const CLOSE: Duration = Duration::from_secs(10);

/// When a leader is given up that does not end by itself.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Tasks are out, and for so long none was published and none answered.
    pub stall: Duration,
    /// No task is out, and for so long none was published: it waits for nothing.
    pub idle: Duration,
}

/// How an attempt ended.
#[derive(Debug)]
pub enum End {
    /// With a proof file's bytes; a simulation has none.
    Done(Option<Vec<u8>>),
    /// Not well.
    Failed(Reason),
    /// It was called off.
    Stopped,
}

/// All that an attempt works with.
#[derive(Debug)]
pub struct Attempting<'a> {
    /// What is proved.
    pub proof: &'a Proof,
    /// The row of this attempt.
    pub attempt: &'a Attempt,
    /// The proof of the block before, as JSON.
    pub before: Option<String>,
    /// The programs.
    pub prover: &'a Prover,
    /// The files.
    pub store: &'a Store,
    /// Where its result queues are remembered.
    pub ledger: &'a Ledger,
    /// How long others took.
    pub history: History,
    /// When it is given up.
    pub patience: Patience,
    /// When all attempts together are given up.
    pub deadline: Option<Instant>,
    /// When it began.
    pub began: Instant,
}

/// How an attempt ended, and what became of its tasks.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// What became of its tasks.
    pub course: Course,
}

/// Why a leader is not waited for any longer.
enum Left {
    Ended(Exit),
    GivenUp(String),
    Stopped,
}

/// What was left at its end.
struct Remains {
    left: Left,
    activity: Activity,
}

impl Attempting<'_> {
    /// Runs the leader. `told` is how far it has come.
    pub async fn run(
        &self,
        told: &watch::Sender<Option<Progress>>,
        stop: &CancellationToken,
    ) -> Result<Ran> {
        let folder = self.store.work(&self.proof.id).context("make the leader's folder")?;
        let (steps, heard) = mpsc::channel(STEPS);
        let mut follower = Follower::of(heard, Following::since(self.began));
        let gateway = Config { steps: Some(steps), ..self.gateway() };
        let gateway = Gateway::start(gateway).await.context("start the gateway")?;
        let log = self.store.log(&self.proof.id, self.attempt.number);
        let capture = Capture::to(&log).with_context(|| format!("write `{}`", log.display()))?;
        let mut ward = self.start(&folder, &gateway, &capture)?;
        follower.marks().leader_started = Some(self.by_now());
        let remains = self.attend(&mut ward, &gateway, &mut follower, (told, stop)).await;
        match remains.left {
            Left::Ended(_) => ward.see_off().await,
            Left::GivenUp(_) | Left::Stopped => ward.stop(GRACE).await,
        }
        follower.marks().leader_ended = Some(self.by_now());
        if timeout(CLOSE, gateway.close()).await.is_err() {
            tracing::warn!(proof = self.proof.id, "the broker did not answer the last words");
        }
        follower.listen(remains.activity.untold);
        follower.keep(self.ledger, self.place()).await;
        let end = match self.judge(&folder, &capture, remains) {
            // There is no time for another.
            End::Failed(reason) if self.is_overdue() => {
                End::Failed(Reason { again: false, ..reason })
            }
            end @ (End::Done(_) | End::Failed(_) | End::Stopped) => end,
        };
        Ok(Ran { end, course: follower.course() })
    }

    /// Milliseconds since it began.
    fn by_now(&self) -> u64 {
        millis(clock::now().saturating_duration_since(self.began))
    }

    /// Where it is in the ledger.
    fn place(&self) -> (i64, u32) {
        (self.proof.number, self.attempt.number)
    }

    fn gateway(&self) -> Config {
        let blocks = &self.proof.subject.blocks;
        // Its tasks go before others too, where the queues tell priorities apart.
        let most = self.prover.gateway.max_priority;
        let most = most
            .and_then(|most| u8::try_from(self.proof.wish.priority.clamp(0, i64::from(most))).ok());
        Config {
            priority: most,
            proof: Some(self.attempt.tag.clone()),
            block: blocks.first().filter(|_| blocks.len() == 1).map(|block| block.number),
            ..self.prover.gateway.clone()
        }
    }

    fn start(&self, folder: &Path, gateway: &Gateway, capture: &Capture) -> Result<Ward> {
        let (prover, kind) = (self.prover, self.proof.wish.kind);
        let previous = folder.join("previous.json");
        if let Some(before) = &self.before {
            std::fs::write(&previous, prover.generation.previous(before))
                .with_context(|| format!("write `{}`", previous.display()))?;
        }
        let out = folder.join("out");
        let previous = self.before.as_ref().map(|_| previous.as_path());
        let leader = prover.leader_for(kind).map_err(anyhow::Error::msg)?;
        let command = prover.generation.command(leader, &Run { kind, out: &out, previous });
        let uri = format!("amqp://{}", gateway.address());
        let mut cleaned = prover.cleaned(&command, &uri)?;
        cleaned.folder = Some(folder.to_owned());
        let witness = self.store.witness(&self.proof.subject.digest);
        let stdin = File::open(&witness)
            .with_context(|| format!("read the witness `{}`", witness.display()))?;
        let started = prover.wards.start(&cleaned, Stdio::from(stdin));
        let (mut ward, [stdout, stderr]) = started.context("start the leader")?;
        ward.listen(capture.clone().output(stdout));
        ward.listen(capture.clone().errors(stderr));
        Ok(ward)
    }

    /// Until the leader ends, or is not worth waiting for any longer.
    async fn attend(
        &self,
        ward: &mut Ward,
        gateway: &Gateway,
        follower: &mut Follower,
        (told, stop): (&watch::Sender<Option<Progress>>, &CancellationToken),
    ) -> Remains {
        let mut activity = gateway.activity();
        let mut pace = self.pace();
        let (mut queues, mut said) = (BTreeSet::new(), Said::default());
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let left = loop {
            let ticked = tokio::select! {
                exit = ward.ended() => break Left::Ended(exit),
                () = stop.cancelled() => break Left::Stopped,
                changed = activity.changed() => {
                    if changed.is_err() {
                        break Left::GivenUp("its gateway has ended".to_owned());
                    }
                    false
                }
                _ = ticks.tick() => true,
            };
            let now = activity.borrow_and_update().clone();
            let progress = pace.saw(&now.leading, clock::now());
            said.about(self.proof, &progress);
            told.send_replace(Some(progress));
            follower.listen(now.untold);
            if ticked {
                self.remember(&now, &mut queues).await;
                follower.keep(self.ledger, self.place()).await;
            }
            if let Some(why) = self.hopeless(&now, &pace) {
                break Left::GivenUp(why);
            }
        };
        let last = activity.borrow().clone();
        self.remember(&last, &mut queues).await;
        told.send_replace(Some(pace.saw(&last.leading, clock::now())));
        Remains { left, activity: last }
    }

    fn pace(&self) -> Pace<'_> {
        let (prover, kind) = (self.prover, self.proof.wish.kind);
        let blocks = &self.proof.subject.blocks;
        let leader = prover.leader_for(kind).unwrap_or_default();
        let tasks = prover.generation.tasks(kind, blocks, leader);
        Pace::new((prover.generation, tasks), blocks, &self.history, clock::now())
    }

    /// Writes down which result queues would be left if we were killed now.
    async fn remember(&self, now: &Activity, known: &mut BTreeSet<String>) {
        let queues: BTreeSet<String> = now.awaited.iter().map(ToString::to_string).collect();
        if queues == *known {
            return;
        }
        known.clone_from(&queues);
        let (proof, attempt) = (self.proof.number, self.attempt.number);
        let queues: Vec<String> = queues.into_iter().collect();
        let remembered = self
            .ledger
            .with(move |connection| ledger::remember_queues(connection, proof, attempt, &queues))
            .await;
        if let Err(error) = remembered {
            tracing::error!(proof = self.proof.id, "{}", chain(&error));
        }
    }

    /// Why it is not worth waiting any longer.
    fn hopeless(&self, now: &Activity, pace: &Pace<'_>) -> Option<String> {
        let minutes = |limit: Duration| format!("{} min", limit.as_secs().div_ceil(60));
        let still = pace.still(clock::now());
        if now.severed > 0 {
            return Some("the connection to the broker was lost for good".to_owned());
        }
        if self.is_overdue() {
            return Some("its deadline is over".to_owned());
        }
        if pace.is_waiting() && still >= self.patience.stall {
            let limit = minutes(self.patience.stall);
            return Some(format!("no task was answered for {limit}: are there workers?"));
        }
        (!pace.is_waiting() && still >= self.patience.idle)
            .then(|| format!("the leader waited for nothing, for {}", minutes(self.patience.idle)))
    }

    fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| clock::now() >= deadline)
    }

    fn judge(&self, folder: &Path, capture: &Capture, remains: Remains) -> End {
        let heard = capture.take();
        let Remains { left, activity } = remains;
        let clues = Clues {
            errors: &heard.errors,
            block: heard.failure.as_deref(),
            task: activity.leading.failure.as_ref(),
            trouble: activity.trouble.as_deref(),
            ..Clues::default()
        };
        match left {
            Left::Stopped => End::Stopped,
            Left::GivenUp(why) => End::Failed(reason(&Clues { ended: Some(&why), ..clues })),
            Left::Ended(Exit::Code(0)) => match self.result(folder, &heard.proofs) {
                Ok(file) => End::Done(file),
                Err(why) => {
                    let why = format!("the leader ended well and left no proof: {why}");
                    End::Failed(reason(&Clues { ended: Some(&why), ..clues }))
                }
            },
            Left::Ended(exit) => {
                let ending: Ending = ending(exit, Signs::default());
                End::Failed(reason(&Clues { ending: Some(&ending), ..clues }))
            }
        }
    }

    /// The proofs that a leader has left, as one file.
    fn result(&self, folder: &Path, printed: &[u8]) -> Result<Option<Vec<u8>>, String> {
        if self.proof.wish.kind == Kind::TestOnly {
            return Ok(None);
        }
        let blocks = self.proof.subject.blocks.iter().map(|block| block.number);
        let blocks: Vec<u64> = blocks.collect();
        let proofs = match self.prover.generation {
            Generation::V06 => proof_file::proofs_in(printed)?,
            Generation::V07 => {
                let mut proofs = Vec::new();
                for block in &blocks {
                    let path = folder.join("out").join(format!("b{block}.zkproof"));
                    let bytes = std::fs::read(&path);
                    let bytes = bytes.map_err(|error| format!("`b{block}.zkproof`: {error}"))?;
                    proofs.extend(proof_file::proofs_in(&bytes)?);
                }
                proofs
            }
        };
        proof_file::file_of(&proofs, &blocks).map(Some)
    }
}
