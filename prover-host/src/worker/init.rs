//! `init-circuits`: starts a worker until its circuits are on disk, and marks the folder complete.
//!
//! A worker never ends after it made its circuits: it connects to its broker and waits for work. So
//! the broker it is given is a port of ours, and its first connection says that the circuits are
//! there: it writes them before it connects.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::net::TcpListener;

use super::Outcome;
use super::waiting::WORDS;
use crate::child::Child;
use crate::circuits::{Circuits, Filling};
use crate::cleaning::{Cleaned, Secrets, clean};
use crate::clock;
use crate::configuration::Configuration;
use crate::ending::{Signs, ending};
use crate::logs::Format;
use crate::reaper::Reaper;
use crate::signals::Signals;

/// Between two tries for the lock.
const LOCK: Duration = Duration::from_secs(1);

/// What the command line says.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) circuits: Circuits,
    pub(super) adopt: bool,
    pub(super) kill_after: Duration,
    pub(super) format: Format,
}

/// Fills the folder, unless it is complete.
pub(super) async fn run(command: &[OsString], options: &Options) -> Result<Outcome> {
    let mut signals = Signals::new().context("handle signals")?;
    let mut reaper = Reaper::new().context("become the parent of orphans")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.context("listen for the worker's first connection")?;
    let uri = format!("amqp://{}", listener.local_addr()?);
    let mut cleaned = clean(command, std::env::vars_os(), &uri, &Secrets::default())?;
    cleaned.env.push(options.circuits.variable());
    let wanted = Configuration::of(&cleaned);
    let Some(filling) = lock(&options.circuits, &wanted, &mut signals).await? else {
        return Ok(Outcome::Done);
    };
    filling.begin(options.adopt)?;
    let filled = fill(&cleaned, &listener, options, (&mut reaper, &mut signals)).await?;
    if !filled {
        bail!("asked to end before the circuits were complete; the next init-circuits begins anew");
    }
    mark(&filling, &wanted, options)?;
    Ok(Outcome::Done)
}

fn mark(filling: &Filling<'_>, wanted: &Configuration, options: &Options) -> Result<()> {
    let bytes = filling.complete(wanted)?;
    let (folder, digest) = (options.circuits.folder().display(), wanted.digest());
    tracing::info!(
        circuits.bytes = bytes,
        circuits.digest = digest,
        "the circuits in `{folder}` are complete"
    );
    Ok(())
}

/// The right to fill the folder; `None`: it is complete already, or we were asked to end.
async fn lock<'a>(
    circuits: &'a Circuits,
    wanted: &Configuration,
    signals: &mut Signals,
) -> Result<Option<Filling<'a>>> {
    let mut words = tokio::time::interval(WORDS);
    let folder = circuits.folder().display();
    loop {
        if let Some(filling) = circuits.lock()? {
            if circuits.is_complete(wanted)? {
                tracing::info!("the circuits in `{folder}` are complete already");
                return Ok(None);
            }
            return Ok(Some(filling));
        }
        tokio::select! {
            () = signals.end() => bail!("asked to end while another process fills `{folder}`"),
            () = tokio::time::sleep(LOCK) => {}
            _ = words.tick() => tracing::info!("another process fills `{folder}`; waiting for it"),
        }
    }
}

/// Runs the worker until it connects; false: asked to end before.
async fn fill(
    cleaned: &Cleaned,
    listener: &TcpListener,
    options: &Options,
    (reaper, signals): (&mut Reaper, &mut Signals),
) -> Result<bool> {
    let since = clock::now();
    let child = Child::start(cleaned, options.format, |_| {}).context("start the worker")?;
    let mut words = tokio::time::interval(WORDS);
    let filled = loop {
        tokio::select! {
            connected = listener.accept() => {
                connected.context("take the worker's first connection")?;
                break true;
            }
            exit = child.ended(reaper) => {
                child.see_off().await;
                let words = ending(exit, Signs::default()).words;
                bail!("the worker {words} before its circuits were complete; its output says why");
            }
            () = signals.end() => break false,
            _ = words.tick() => {
                let taken = clock::now().saturating_duration_since(since).as_secs();
                tracing::info!(taken_s = taken, "the worker makes its circuits, {taken} s so far");
            }
        }
    };
    child.stop(reaper, options.kill_after).await;
    Ok(filled)
}
