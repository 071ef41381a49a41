//! Carries out a plan, each step over a connection of its own, and tells what became of it.

mod work;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::backup::{BackupError, BackupWriter};
use crate::broker::BrokerConnection;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::name::{QueueName, VhostName};
use crate::plan::{Act, Plan, Step};
use crate::report::{End, Outcome, Report};
use crate::sift::{SiftError, Sifted};
use crate::words::plural;
use work::Work;

/// How a plan is carried out.
#[derive(Debug)]
pub struct Applier<'a> {
    /// The broker.
    pub endpoint: &'a Endpoint,
    /// Bounds each answer of the broker.
    pub timeout: Duration,
    /// At most so many messages a second.
    pub rate: Option<NonZeroU32>,
    /// Once true, the message in hand is finished and no step is begun.
    pub stop: &'a AtomicBool,
}

/// Told as a plan is carried out.
#[derive(Debug)]
pub struct Progress<'a> {
    /// The step at hand, counted from 0.
    pub step: usize,
    /// Its queue.
    pub queue: &'a QueueName,
    /// How far it has come.
    pub sifted: Sifted,
}

impl Applier<'_> {
    /// Carries out every step; after one that no connection could be had for no further is begun.
    /// `backup` is needed by plans that [`Plan::needs_backup`]; it is
    /// closed when every message in it has been removed.
    pub async fn apply(
        &self,
        plan: &Plan,
        mut backup: Option<BackupWriter>,
        mut progress: impl FnMut(Progress<'_>) + Send,
    ) -> Result<Report, BackupError> {
        let (mut outcomes, mut unreachable) = (Vec::new(), false);
        for (number, step) in plan.steps.iter().enumerate() {
            // A leader is not ended for tasks that are still there.
            let too_early = matches!(step.act, Act::Tell { .. })
                && outcomes.iter().any(|outcome: &Outcome| !outcome.end.is_success());
            let (end, remark) = if too_early || unreachable || self.stop.load(Ordering::Relaxed) {
                (End::NotStarted, None)
            } else {
                let mut told = |sifted: &Sifted| {
                    progress(Progress { step: number, queue: &step.queue, sifted: *sifted });
                };
                let done = self.step(&plan.vhost, step, backup.as_mut(), &mut told).await;
                unreachable = done.is_err();
                done.unwrap_or_else(|error| (Failure::from(error).into(), None))
            };
            outcomes.push(Outcome { step: step.clone(), end, remark });
        }
        let all_removed = outcomes.iter().all(|outcome| !matches!(outcome.end, End::Failed { .. }));
        let path = backup.as_ref().map(|backup| backup.path().to_owned());
        match backup {
            Some(backup) if all_removed => drop(backup.close()?),
            Some(mut backup) => backup.sync()?,
            None => {}
        }
        Ok(Report { outcomes, backup: path })
    }

    /// One step, over a connection of its own; an error: there is none to be had.
    async fn step(
        &self,
        vhost: &VhostName,
        step: &Step,
        backup: Option<&mut BackupWriter>,
        told: &mut (dyn FnMut(&Sifted) + Send + '_),
    ) -> Result<(End, Option<String>), Error> {
        let mut connection = BrokerConnection::connect(self.endpoint, vhost, self.timeout).await?;
        let mut remark = None;
        let queue = &step.queue;
        let work = Work { applier: self, connection: &mut connection, queue, backup, told };
        let end = work.perform(&step.act, &mut remark).await;
        connection.close().await;
        Ok((end.unwrap_or_else(End::from), remark))
    }
}

/// Why a step failed, and how far it had come.
struct Failure {
    cause: String,
    so_far: Option<Sifted>,
}

impl Failure {
    /// In our own words, before anything was done.
    fn words(cause: String) -> Self {
        Self { cause, so_far: None }
    }

    /// After so much was done in this and earlier rounds.
    fn after(self, so_far: Sifted) -> Self {
        if so_far.wanted == 0 {
            return self;
        }
        let taken = plural(so_far.wanted, "message");
        let cause = format!("{}; {taken} of it had been taken out by then", self.cause);
        Self { cause, so_far: Some(so_far) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { cause: crate::error::chain(&error), so_far: None }
    }
}

impl From<SiftError> for Failure {
    fn from(error: SiftError) -> Self {
        Self { cause: crate::error::chain(&error), so_far: Some(error.so_far) }
    }
}

impl From<Failure> for End {
    fn from(Failure { cause, so_far }: Failure) -> Self {
        Self::Failed { cause, so_far }
    }
}
