//! Keeps a worker running until it is asked to end, and then ends it without losing its task.

use std::pin::pin;
use std::time::{Duration, Instant};

use amqp_gateway::{Activity, Gateway};
use anyhow::{Context as _, Result, bail};
use tokio::sync::watch;

use super::Outcome;
use crate::books::Books;
use crate::cgroup::Cgroup;
use crate::child::Child;
use crate::cleaning::Cleaned;
use crate::clock;
use crate::ending::{Cause, Ending, Exit, Signs, ending};
use crate::logs::Format;
use crate::meter::Diary;
use crate::output::Line;
use crate::reaper::Reaper;
use crate::restarts::{Next, Policy, Restarts};
use crate::signals::{Heard, Signals};

/// Between two words while the task in hand is waited for.
const WORDS: Duration = Duration::from_secs(10);
/// A broker that answers at all gives a task back in well under this.
const SETTLE: Duration = Duration::from_secs(30);
/// The same for the end of all connections, which a pod's grace period has to hold.
const CLOSE: Duration = Duration::from_secs(10);

/// Longer without a connection than a worker takes between two of its own, or to end by itself.
const DEAF: Duration = Duration::from_secs(5);

/// What the command line says.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) format: Format,
    pub(super) restarts: Policy,
    pub(super) drain_timeout: Option<Duration>,
    pub(super) kill_after: Duration,
    /// For so long the gateway tries to replace a lost connection before the worker is told.
    pub(super) reconnect_for: Duration,
}

/// Everything that belongs to the worker.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) options: Options,
    pub(super) cleaned: Cleaned,
    pub(super) gateway: Gateway,
    pub(super) reaper: Reaper,
    pub(super) signals: Signals,
    pub(super) books: Books,
    pub(super) diary: Diary,
    pub(super) cgroup: Option<Cgroup>,
}

/// A worker that runs.
#[derive(Debug)]
struct Running {
    child: Child,
    since: Instant,
    oom_kills: Option<u64>,
}

/// Why a worker is not waited for any longer.
#[derive(Debug)]
enum Left {
    /// It ended by itself.
    Died(Running, Exit),
    /// It runs and will never again do a task.
    Useless(Running, Ending),
    /// We are asked to end.
    Asked(Running),
}

/// How the wait for the task in hand ended.
#[derive(Debug)]
enum Drained {
    /// Nothing is in hand.
    Done,
    /// A second signal, or no more time.
    Late(&'static str),
    /// The worker ended meanwhile.
    Died(Exit),
}

impl Supervisor {
    /// Runs until asked to end, or until the worker is given up.
    pub(super) async fn run(mut self) -> Result<Outcome> {
        let mut restarts = Restarts::default();
        let outcome = loop {
            let running = self.start()?;
            let since = running.since;
            let ending = match self.attend(running).await {
                Left::Asked(running) => break self.end(running).await,
                Left::Died(running, exit) => self.died(running, exit).await,
                Left::Useless(running, ending) => self.replace(running, ending).await,
            };
            let lived = clock::now().saturating_duration_since(since);
            if !self.rest(&mut restarts, &ending, lived).await? {
                break Outcome::Done;
            }
        };
        // Tasks that cannot be given back in good order go back when the connection breaks.
        if tokio::time::timeout(CLOSE, self.gateway.close()).await.is_err() {
            tracing::warn!("the broker did not answer the last words within {} s", CLOSE.as_secs());
        }
        Ok(outcome)
    }

    fn start(&self) -> Result<Running> {
        let oom_kills = self.oom_kills();
        let (books, diary) = (self.books.clone(), self.diary.clone());
        let heard = move |line: Line<'_>| match line {
            Line::Event(event) => {
                books.heard(event);
                diary.heard(event);
            }
            Line::Other(line) => diary.wrote(line),
        };
        let child = Child::start(&self.cleaned, self.options.format, heard);
        let child = child.context("start the worker")?;
        self.books.started();
        let pid = child.pid().as_raw_nonzero().get();
        tracing::info!(child.pid = pid, "the worker runs as process {pid}");
        Ok(Running { child, since: clock::now(), oom_kills })
    }

    /// Until it ends or we are asked to; other signals are passed on.
    async fn attend(&mut self, running: Running) -> Left {
        let silence = self.options.reconnect_for.saturating_add(DEAF);
        let mut useless = pin!(useless(self.gateway.activity(), silence));
        loop {
            tokio::select! {
                ending = &mut useless => return Left::Useless(running, ending),
                exit = running.child.ended(&mut self.reaper) => return Left::Died(running, exit),
                heard = self.signals.next() => match heard {
                    Heard::End => return Left::Asked(running),
                    Heard::Pass(signal) => running.child.signal(signal),
                },
            }
        }
    }

    /// Sees off a worker that ended by itself; its task goes back to the queue, or aside.
    async fn died(&mut self, running: Running, exit: Exit) -> Ending {
        let Running { child, since: _, oom_kills } = running;
        child.see_off().await;
        let aborted = self.books.gone();
        let out_of_memory = self.oom_kills().zip(oom_kills).is_some_and(|(now, then)| now > then);
        let ending = ending(exit, Signs { aborted, out_of_memory });
        self.settle(&ending).await;
        ending
    }

    /// Ends a worker that is of no more use.
    async fn replace(&mut self, running: Running, ending: Ending) -> Ending {
        running.child.stop(&mut self.reaper, self.options.kill_after).await;
        let _ = self.books.gone();
        self.settle(&ending).await;
        ending
    }

    /// The worker is gone: so is its task from its hands.
    async fn settle(&self, ending: &Ending) {
        self.books.ended(ending.cause);
        let why = format!("the worker {}", ending.words);
        if tokio::time::timeout(SETTLE, self.gateway.child_died(&why)).await.is_err() {
            tracing::warn!(
                "the worker's task is not settled within {} s: the broker does not answer",
                SETTLE.as_secs()
            );
        }
    }

    /// The pause before the next start; false: asked to end meanwhile.
    async fn rest(
        &mut self,
        restarts: &mut Restarts,
        ending: &Ending,
        lived: Duration,
    ) -> Result<bool> {
        let (words, cause) = (&ending.words, ending.cause.word());
        if ending.cause.is_hopeless() {
            bail!(
                "the worker {words}; another start would end the same: correct the command after the two dashes"
            );
        }
        let pause = match restarts.ended(lived, &self.options.restarts) {
            Next::After(pause) => pause,
            Next::GiveUp(times) => bail!(
                "the worker {words}, its early end number {times} in a row; its output says why, and --max-restarts how often it is tried"
            ),
        };
        let lived_s = lived.as_secs();
        tracing::warn!(
            child.cause = cause,
            lived_s,
            pause_ms = pause.as_millis(),
            "the worker {words} after {lived_s} s; it is started again in {} s",
            pause.as_secs_f32()
        );
        let mut due = pin!(tokio::time::sleep(pause));
        loop {
            tokio::select! {
                () = &mut due => return Ok(true),
                _ = self.reaper.next() => {}
                () = self.signals.end() => return Ok(false),
            }
        }
    }

    /// Lets the task in hand finish, then ends the worker.
    async fn end(&mut self, running: Running) -> Outcome {
        let drained = self.drain(&running.child).await;
        let held = !self.gateway.activity().borrow().in_hand.is_empty();
        match drained {
            Drained::Done => tracing::info!("nothing is in hand; the worker is ended"),
            Drained::Late(why) => {
                let fate = if held { "; its task goes back to the queue" } else { "" };
                tracing::warn!("{why}: the worker is ended at once{fate}");
            }
            Drained::Died(exit) => {
                let ending = self.died(running, exit).await;
                tracing::warn!(
                    child.cause = ending.cause.word(),
                    "the worker {} while it was drained",
                    ending.words
                );
                return if held { Outcome::Interrupted } else { Outcome::Done };
            }
        }
        running.child.stop(&mut self.reaper, self.options.kill_after).await;
        let _ = self.books.gone();
        match drained {
            Drained::Late(_) if held => Outcome::Interrupted,
            Drained::Late(_) | Drained::Done | Drained::Died(_) => Outcome::Done,
        }
    }

    /// Waits for the task in hand, with words meanwhile.
    async fn drain(&mut self, child: &Child) -> Drained {
        let since = clock::now();
        let activity = self.gateway.activity();
        let mut drained = pin!(self.gateway.drain());
        let limit = self.options.drain_timeout;
        let mut late = pin!(async move {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        });
        let mut words = tokio::time::interval(WORDS);
        loop {
            tokio::select! {
                () = &mut drained => return Drained::Done,
                exit = child.ended(&mut self.reaper) => return Drained::Died(exit),
                () = &mut late => return Drained::Late("--drain-timeout is over"),
                heard = self.signals.next() => match heard {
                    Heard::End => return Drained::Late("a second signal to end"),
                    Heard::Pass(signal) => child.signal(signal),
                },
                _ = words.tick() => {
                    let waited = clock::now().saturating_duration_since(since).as_secs();
                    let held = activity.borrow().in_hand.len();
                    tracing::info!(tasks.in_hand = held, waited_s = waited, "draining: no further task, {held} in hand, {waited} s so far");
                }
            }
        }
    }

    fn oom_kills(&self) -> Option<u64> {
        self.cgroup.as_ref().and_then(Cgroup::oom_kills)
    }
}

/// Until the worker can do no more tasks, and does not end by itself: an abort would make it drop its
/// next one, or it has lost its connection and waits for ever.
async fn useless(mut activity: watch::Receiver<Activity>, silence: Duration) -> Ending {
    let (mut connected, mut since) = (false, None);
    let severed = activity.borrow().severed;
    loop {
        let now = activity.borrow_and_update().clone();
        if now.spent && now.in_hand.is_empty() {
            let words = "would drop its next task because of an abort, and was ended".to_owned();
            return Ending { cause: Cause::Abort, words };
        }
        connected |= now.connections > 0;
        let cut_off = now.severed > severed;
        let deaf = cut_off || (connected && now.connections == 0);
        since = since.filter(|_| deaf).or_else(|| deaf.then(clock::now));
        // One that is cut off has no other connection to wait for.
        let patience = if cut_off { DEAF } else { silence };
        let over = since.unwrap_or_else(clock::now) + patience;
        tokio::select! {
            changed = activity.changed() => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            () = tokio::time::sleep_until(over.into()), if deaf => {
                let words = "had lost its connection and did not end, and was ended".to_owned();
                return Ending { cause: Cause::Disconnected, words };
            }
        }
    }
}
