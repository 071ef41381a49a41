//! I/O: one run on the stage: hands in the blocks, watches, checks the proofs, waits for the end.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::leaders::Leaders;
use super::logs;
use super::look::Look;
use super::notice::Notice;
use super::progress::Progress;
use super::screen::Screen;
use super::signals::Stop;
use super::stage::Stage;
use super::summary::Summary;
use super::view::{Phase, View};
use super::withdrawal::{Withdrawal, Zero};
use crate::shell;

/// Between two looks: quicker than the scaler itself notices anything.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Between two questions how many tasks are done; the broker itself learns it no sooner.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// Nothing in a run takes so long.
const STILL_LIMIT: Duration = Duration::from_secs(120);
/// As many failed looks in a row are no hiccup.
const MISSES: u32 = 20;

/// One run.
pub(crate) struct Course<'a> {
    /// What stands.
    pub(crate) stage: &'a mut Stage,
    /// Whether to end.
    pub(crate) stop: &'a Stop,
    /// Who hands in blocks.
    pub(crate) leaders: Leaders,
    /// What has been seen.
    pub(crate) progress: Progress,
    /// What is taken back on the way.
    pub(crate) withdrawal: Withdrawal,
    /// Who is told to go on the way.
    pub(crate) notice: Notice,
    /// Where it is shown.
    pub(crate) screen: Screen,
    /// How many blocks there are.
    pub(crate) blocks: u64,
    /// The most workers.
    pub(crate) max: u32,
    /// Failed looks in a row.
    pub(crate) misses: u32,
    /// When the broker was last asked for tasks done.
    pub(crate) asked_at: Option<Instant>,
}

impl Course<'_> {
    /// Everything, from the first block to the last worker's end.
    pub(crate) fn run(mut self) -> anyhow::Result<Summary> {
        while !self.leaders.is_done() {
            self.leaders.step(now())?;
            self.withdraw()?;
            let look = self.turn(Phase::Proving)?;
            self.give_notice(look.as_ref())?;
        }
        let Notice::Followed { worker, took } = self.notice else {
            bail!("no worker was told to go in mid-task, or it did not go: {:?}", self.notice);
        };
        let proved_at = now();
        self.progress.note_done(self.progress.tasks, proved_at);
        self.leaders.verify()?;
        self.drain(proved_at)?;
        self.screen.leave();
        let ended = now();
        Ok(Summary {
            proved: self.leaders.proved().to_vec(),
            removed: self.withdrawal.removed().unwrap_or_default(),
            notice: (worker, took),
            most_workers: self.progress.most_workers,
            reaction: self.progress.reaction(),
            drain: ended.duration_since(proved_at),
            run: ended.duration_since(self.progress.started),
        })
    }

    /// Takes the block by mistake back, once workers are at it.
    fn withdraw(&mut self) -> anyhow::Result<()> {
        if !self.withdrawal.is_due(self.progress.first_worker, now()) {
            return Ok(());
        }
        self.zero(Withdrawal::perform)?;
        self.progress.tasks -= self.withdrawal.removed().unwrap_or_default();
        Ok(())
    }

    /// Tells one worker to go in mid-task.
    fn give_notice(&mut self, look: Option<&Look>) -> anyhow::Result<()> {
        let Some(look) = look.filter(|_| self.withdrawal.removed().is_some()) else {
            return Ok(());
        };
        let words = self.notice.step(look, self.progress.first_worker, now())?;
        if let Some(words) = words {
            self.screen.leave();
            shell::step(&words);
        }
        Ok(())
    }

    fn zero(
        &mut self,
        act: fn(&mut Withdrawal, &Zero<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.screen.leave();
        let program = &self.leaders.programs().zero;
        let uri = self.stage.amqp_uri();
        let (home, access) = (self.stage.home(), self.stage.access());
        act(&mut self.withdrawal, &Zero { program, home, access, uri: &uri })
    }

    /// Waits for no message and no worker.
    fn drain(&mut self, since: Instant) -> anyhow::Result<()> {
        loop {
            let look = self.turn(Phase::Draining)?;
            let idle = look.as_ref().is_some_and(|look| look.backlog() == Some(0));
            if idle && !self.withdrawal.is_cleared() {
                self.zero(Withdrawal::clear)?;
            }
            if look.is_some_and(|look| look.is_quiet()) {
                return Ok(());
            }
            if now().duration_since(since) > STILL_LIMIT {
                let last = self.stage.look()?;
                let alive = last.workers.iter().filter(|worker| worker.pid.is_some()).count();
                bail!(
                    "{} s after the last proof {alive} workers run and the backlog is {:?}; the \
                     scaler's log says what it waits for",
                    STILL_LIMIT.as_secs(),
                    last.backlog()
                );
            }
        }
    }

    /// One look, taken in and shown; nothing when it failed and that is no reason to give up yet.
    fn turn(&mut self, phase: Phase) -> anyhow::Result<Option<Look>> {
        self.stop.pause(LOOK_EVERY)?;
        self.stage.check()?;
        let look = match self.stage.look() {
            Ok(look) => look,
            Err(_) if self.misses < MISSES => {
                self.misses += 1;
                return Ok(None);
            }
            Err(error) => return Err(error).context("read the scaler's status"),
        };
        self.misses = 0;
        self.ask();
        let now = now();
        self.progress.note(&look, now);
        let view = View {
            look: &look,
            progress: &self.progress,
            phase,
            proving: &self.leaders.proving(),
            done: u64::try_from(self.leaders.proved().len())?,
            blocks: self.blocks,
            max: self.max,
            page: &self.stage.page(),
            now,
        };
        self.screen.show(&view);
        self.judge(&look, now)?;
        Ok(Some(look))
    }

    /// Asks the broker what the scaler does not tell.
    fn ask(&mut self) {
        if self.progress.first_message.is_none() && self.stage.has_task() {
            self.progress.first_message = Some(now());
        }
        if self.asked_at.is_none_or(|at| at.elapsed() >= ASK_EVERY) {
            self.asked_at = Some(now());
            let proved = self.leaders.proved().iter().map(|proved| proved.block.tasks()).sum();
            // Taking a task back is an acknowledgement too.
            let removed = self.withdrawal.removed().unwrap_or_default();
            let done = self.stage.tasks_done().map(|done| done.saturating_sub(removed));
            let done = done.max((proved > 0).then_some(proved));
            if let Some(done) = done {
                self.progress.note_done(done, now());
            }
        }
    }

    /// Fails where waiting on is no use.
    fn judge(&self, look: &Look, now: Instant) -> anyhow::Result<()> {
        if let Some(worker) = look.crashing() {
            let words = logs::last_lines(&self.stage.worker_log(worker.number));
            bail!(
                "workers do not stay: worker {} keeps ending, last so: {}. Its command, started by \
                 hand, may say more. Its last lines:{words}",
                worker.number,
                worker.last_exit.as_deref().unwrap_or("not told"),
            );
        }
        let still = self.progress.still_for(now).as_secs();
        if still > STILL_LIMIT.as_secs() {
            let backlog = look.backlog();
            bail!("nothing has moved for {still} s: backlog {backlog:?}, workers {}", look.running);
        }
        Ok(())
    }
}

/// The demo measures a real run; its decisions take the moment as an argument.
#[expect(clippy::disallowed_methods, reason = "the edge at which the demo reads the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
