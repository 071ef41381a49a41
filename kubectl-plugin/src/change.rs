//! How everything that changes something goes: plan, show, ask, do, tell.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amqp_admin::{Applier, BackupWriter, Opening, Plan, Report, VhostName};
use anyhow::{Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;

use crate::ask::{Approval, Consent, approve};
use crate::broker::Broker;
use crate::exit::{self, Code};
use crate::output::{Printer, Table};

/// What every command takes that changes something.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Change")]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    pub(crate) consent: Consent,
    /// At most so many messages a second.
    #[arg(long, value_name = "N")]
    pub(crate) rate: Option<NonZeroU32>,
    /// Why, for the records: it is written into the backup.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
    /// The new file for what is removed; a name with the time is made up without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// Exit with 4 when there is nothing to do.
    #[arg(long)]
    pub(crate) fail_empty: bool,
}

/// A plan that was only shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    dry_run: bool,
    plan: &'a Plan,
}

/// A plan that was carried out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Done<'a> {
    dry_run: bool,
    plan: &'a Plan,
    report: &'a Report,
}

/// Shows a plan, asks, and carries it out. `act` is the command's name, for the records.
pub(crate) async fn carry_out(
    broker: &Broker,
    plan: &Plan,
    args: &ChangeArgs,
    (act, approval): (&str, Approval<'_>),
    printer: &mut Printer,
) -> Result<Code> {
    let Consent { dry_run, yes } = args.consent;
    let silent = dry_run && printer.is_for_programs();
    if !silent {
        printer.say(plan.to_string().trim_end());
    }
    if dry_run || plan.steps.is_empty() {
        if printer.is_for_programs() {
            printer.data(&Shown { dry_run, plan }, &Table::default())?;
        }
        let nothing = plan.steps.is_empty() && args.fail_empty;
        return Ok(if nothing { exit::NOT_FOUND } else { exit::DONE });
    }
    approve(printer, approval, yes)?;
    // Before there is a backup: a signal from here on leaves it closed.
    let stop = on_interrupt();
    let backup = plan.needs_backup().then(|| new_backup(plan, args, act)).transpose()?;
    let applier = Applier {
        endpoint: &broker.endpoints.amqp,
        timeout: broker.timeout,
        rate: args.rate,
        stop: &stop,
    };
    let progress = bar(plan.messages().unwrap_or_default(), act);
    let report = applier
        .apply(plan, backup, |told| {
            progress.set_length(progress.length().unwrap_or_default().max(told.sifted.counted));
            progress.set_position(told.sifted.seen);
            progress.set_message(format!("{act} {}", told.queue));
        })
        .await?;
    progress.finish_and_clear();
    leave_event(broker, (act, &args.reason), &report.outcomes, printer).await;
    tell(plan, &report, printer)?;
    Ok(if stop.load(Ordering::Relaxed) { exit::INTERRUPTED } else { exit::code_of_report(&report) })
}

/// In a cluster an Event on the release tells what was done and why.
pub(crate) async fn leave_event(
    broker: &Broker,
    (act, reason): (&str, &str),
    outcomes: &[impl std::fmt::Display],
    printer: &mut Printer,
) {
    let Some(place) = &broker.place else { return };
    let done: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    place.record((act, reason), &done.join("; "), printer).await;
}

fn tell(plan: &Plan, report: &Report, printer: &mut Printer) -> Result<()> {
    let mut table = Table::new(["OUTCOME"], []);
    for outcome in &report.outcomes {
        table.row([outcome.to_string()]);
    }
    printer.data(&Done { dry_run: false, plan, report }, &table)?;
    if let Some(path) = &report.backup {
        let path = path.display();
        printer.say(&if report.taken_out() > 0 {
            format!("what was removed is in {path}; `zero restore {path}` puts it back")
        } else {
            format!("nothing was removed: the backup {path} holds no message")
        });
    }
    Ok(())
}

/// A new backup file, named after the moment unless a name was given.
fn new_backup(plan: &Plan, args: &ChangeArgs, act: &str) -> Result<BackupWriter> {
    let now = now();
    let path = args.backup.clone().unwrap_or_else(|| {
        let moment = now.strftime("%Y%m%dT%H%M%SZ");
        PathBuf::from(format!("zero-{act}-{moment}.backup"))
    });
    let reason = [act, &args.reason].join(" ").trim_end().to_owned();
    match BackupWriter::create(&path, &opening(&plan.vhost, now, reason)) {
        Ok(writer) => Ok(writer),
        Err(error) => bail!(
            "{}; nothing was changed: name another file with --backup",
            amqp_admin::chain(&error)
        ),
    }
}

/// What a backup says of itself.
pub(crate) fn opening(vhost: &VhostName, made_at: Timestamp, reason: String) -> Opening {
    let made_by = concat!("zero ", env!("CARGO_PKG_VERSION")).to_owned();
    Opening { made_by, made_at: made_at.to_string(), vhost: vhost.to_string(), reason }
}

#[expect(clippy::disallowed_methods, reason = "the records say when")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// True once Ctrl-C was pressed or SIGTERM came: what is in hand is finished, the rest is not begun.
pub(crate) fn on_interrupt() -> Arc<AtomicBool> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    // Caught from here on, not only once the watcher runs.
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return stop };
    let watch = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.store(true, Ordering::Relaxed);
    };
    // It ends with the process; nothing waits for it.
    #[expect(clippy::disallowed_methods, reason = "a watcher that lives as long as the process")]
    drop(tokio::spawn(watch));
    stop
}

/// Ends when Ctrl-C is pressed or SIGTERM comes, from the moment it is waited for.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// A bar on a terminal; elsewhere nothing.
pub(crate) fn bar(length: u64, words: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {per_sec} {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_message(words.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
