//! The embedded autoscaler: worker processes on one machine, as many as the same `decide` asks for
//! that answers KEDA. No Kubernetes.
//!
//! `plan`, `activity`, `restarts`, `command` and `status` are pure; `children` and `processes` are
//! the edge to the operating system. This file turns the loop and decides nothing.
//!
//! The machine's workers are taken for the only ones on the trigger's queues. Where others take from
//! them too, none here is stopped while those are busy, because nobody can tell whose messages are
//! in hand: give each machine a vhost, or queues, of its own.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use amqp_admin::{Management, OpenChannel, chain};
use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::answers::Answers;
use crate::clock;

pub mod activity;
pub mod children;
pub mod command;
pub mod options;
pub mod plan;
pub mod processes;
pub mod restarts;
pub mod status;
pub mod words;

pub use options::LocalOptions;
pub use status::{ChildStatus, LocalStatus};

use activity::Look;
use children::Children;
use plan::{Limits, Memory, Wanted};

/// The name of our trigger among those of KEDA.
const NAME: &str = "local";
/// A broker that takes longer to list its channels tells nothing this time.
const LISTING: Duration = Duration::from_millis(1_500);
/// How soon the end of a child is noticed while we wait for the last of them.
const SEEING_OFF: Duration = Duration::from_millis(100);
/// What to do where the broker lists no channel of a child that is connected.
const UNLISTED: &str = "the broker lists no channel of a connected worker: give the scaler's user the tag `monitoring`, or the workers' own user; through a proxy or from a container the connection is not recognised";

/// Scales until `shutdown`, then tells every child to end and sees them off; SIGTERM or SIGINT
/// during that kills them at once.
pub async fn run(
    options: LocalOptions,
    answers: Answers,
    management: Management,
    status: watch::Sender<LocalStatus>,
    shutdown: CancellationToken,
) -> Result<()> {
    options.check()?;
    let metadata = options.metadata();
    let mut scaler = Scaler::new(&options, status);
    let mut changes = answers.changes();
    let mut looks = interval(options.interval);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tracing::info!("scaling workers on this machine: {} to {}", options.min, options.max);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = looks.tick() => scaler.look(&management).await,
            Ok(()) = changes.changed() => {}
        }
        scaler.step(wanted(&answers, &metadata).await);
    }
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let second = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    scaler.drain(second).await;
    Ok(())
}

/// What KEDA would be answered for the same trigger; an inactive one wants nothing.
async fn wanted(answers: &Answers, metadata: &HashMap<String, String>) -> Result<Wanted, String> {
    let answered = answers.ask(NAME, NAME, metadata).await.map_err(|error| chain(&error))?;
    let decision = &answered.decision;
    Ok(Wanted {
        workers: if decision.active { decision.workers } else { 0 },
        busy: decision.busy,
        read_at: decision.taken_at,
    })
}

/// The loop's state.
struct Scaler {
    limits: Limits,
    children: Children,
    memory: Memory,
    refused: Option<String>,
    channels_error: Option<String>,
    status: watch::Sender<LocalStatus>,
}

impl Scaler {
    fn new(options: &LocalOptions, status: watch::Sender<LocalStatus>) -> Self {
        let log_dir = options.worker_log_dir.clone();
        Self {
            limits: options.limits(),
            children: Children::new(options.worker.clone(), log_dir, options.max),
            memory: Memory::default(),
            refused: None,
            channels_error: None,
            status,
        }
    }

    /// Looks at every child, with the broker's eyes and with the machine's.
    async fn look(&mut self, management: &Management) {
        let pids = self.children.pids();
        if pids.is_empty() {
            return;
        }
        let traces = tokio::task::spawn_blocking(move || processes::look(&pids));
        let (channels, traces) = tokio::join!(channels(management), traces);
        // A look that failed leaves every child as it was seen last, and that as long ago.
        let Ok(traces) = traces.context("look at the workers") else {
            return;
        };
        let looks = traces.into_iter().map(|(pid, traces)| {
            let connections = traces.connections.as_deref();
            let seen = activity::seen(connections, channels.as_deref().ok());
            (pid, Look { seen, cpu: traces.cpu })
        });
        let (looks, now) = (looks.collect(), clock::now());
        self.children.observe(&looks, now);
        let unlisted = self.children.is_any_unlisted(now).then(|| UNLISTED.to_owned());
        self.note_channels(channels.err().or(unlisted));
    }

    /// Plans and does what this moment asks for.
    fn step(&mut self, wanted: Result<Wanted, String>) {
        let now = clock::now();
        self.children.reap(now);
        self.note_answer(wanted.as_ref().err().cloned());
        let places = self.children.places(now);
        let wanted = wanted.ok();
        for action in plan::plan(&self.limits, &mut self.memory, wanted.as_ref(), &places, now) {
            self.children.apply(action, now);
        }
        self.tell(wanted.map(|wanted| wanted.workers));
    }

    /// Tells every child to end and waits for it; from `second` on there is no grace.
    async fn drain(&mut self, second: impl Future<Output = ()>) {
        let mut second = std::pin::pin!(second);
        let mut at_once = false;
        let mut looks = interval(SEEING_OFF);
        loop {
            let now = clock::now();
            self.children.reap(now);
            let places = self.children.places(now);
            for action in plan::shutdown(&places, self.limits.grace, at_once, now) {
                self.children.apply(action, now);
            }
            self.tell(None);
            if self.children.is_empty() {
                return;
            }
            tokio::select! {
                () = &mut second, if !at_once => {
                    tracing::warn!("second signal: every worker is killed");
                    at_once = true;
                }
                _ = looks.tick() => {}
            }
        }
    }

    fn note_answer(&mut self, refused: Option<String>) {
        match (&self.refused, &refused) {
            (None, Some(cause)) => {
                tracing::warn!("no answer from the broker, workers stay as they are: {cause}");
            }
            (Some(_), None) => tracing::info!("the broker answers again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.refused = refused;
    }

    fn note_channels(&mut self, error: Option<String>) {
        if let Some(cause) = &error
            && self.channels_error.is_none()
        {
            tracing::warn!("workers count as busy while any task is in hand: {cause}");
        }
        self.channels_error = error;
    }

    fn tell(&self, wanted: Option<u64>) {
        let now = clock::now();
        let children = self.children.statuses(now);
        let running = self.children.running(now);
        self.status.send_replace(LocalStatus {
            wanted,
            refused: self.refused.clone(),
            channels_error: self.channels_error.clone(),
            min: self.limits.min,
            max: self.limits.max,
            running,
            children,
        });
    }
}

async fn channels(management: &Management) -> Result<Vec<OpenChannel>, String> {
    match timeout(LISTING, management.channels(None)).await {
        Ok(Ok(channels)) => Ok(channels),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => {
            Err(format!("the broker's list of channels took over {} ms", LISTING.as_millis()))
        }
    }
}

#[cfg(test)]
mod tests;
