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
    /// Carries out every step. `backup` is needed by plans that [`Plan::needs_backup`]; it is
    /// closed when every message in it has been removed.
    pub async fn apply(
        &self,
        plan: &Plan,
        mut backup: Option<BackupWriter>,
        mut progress: impl FnMut(Progress<'_>) + Send,
    ) -> Result<Report, BackupError> {
        let mut outcomes = Vec::new();
        for (number, step) in plan.steps.iter().enumerate() {
            // A leader is not ended for tasks that are still there.
            let too_early = matches!(step.act, Act::Tell { .. })
                && outcomes.iter().any(|outcome: &Outcome| !outcome.end.is_success());
            let (end, remark) = if too_early || self.stop.load(Ordering::Relaxed) {
                (End::NotStarted, None)
            } else {
                let mut told = |sifted: &Sifted| {
                    progress(Progress { step: number, queue: &step.queue, sifted: *sifted });
                };
                self.step(&plan.vhost, step, backup.as_mut(), &mut told).await
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

    async fn step(
        &self,
        vhost: &VhostName,
        step: &Step,
        backup: Option<&mut BackupWriter>,
        told: &mut (dyn FnMut(&Sifted) + Send + '_),
    ) -> (End, Option<String>) {
        let connected = BrokerConnection::connect(self.endpoint, vhost, self.timeout).await;
        let mut connection = match connected {
            Ok(connection) => connection,
            Err(error) => return (Failure::from(error).into(), None),
        };
        let mut remark = None;
        let queue = &step.queue;
        let work = Work { applier: self, connection: &mut connection, queue, backup, told };
        let end = work.perform(&step.act, &mut remark).await;
        connection.close().await;
        (end.unwrap_or_else(End::from), remark)
    }
}

/// Why a step failed.
enum Failure {
    Broker(Error),
    Sift(SiftError),
    Words(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Broker(error)
    }
}

impl From<SiftError> for Failure {
    fn from(error: SiftError) -> Self {
        Self::Sift(error)
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        let (cause, so_far) = match failure {
            Failure::Broker(error) => (crate::error::chain(&error), None),
            Failure::Sift(error) => (crate::error::chain(&error), Some(error.so_far)),
            Failure::Words(cause) => (cause, None),
        };
        Self::Failed { cause, so_far }
    }
}
