//! One file for each command.

pub(crate) mod abort;
pub(crate) mod backup;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod move_messages;
pub(crate) mod orphans;
pub(crate) mod peek;
pub(crate) mod purge;
pub(crate) mod queues;
pub(crate) mod remove;
pub(crate) mod restore;
pub(crate) mod status;

use anyhow::{Context as _, Result};

use crate::broker::Broker;
use crate::cli::{Cli, Command};
use crate::exit::{self, Code};
use crate::output::Printer;

/// Does what the command line says.
pub(crate) fn perform(cli: Cli, printer: &mut Printer) -> Result<Code> {
    let Cli { broker, output: _, command } = cli;
    if let Command::Completion(args) = &command {
        completion::run(args, printer)?;
        return Ok(exit::DONE);
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a second TLS provider is linked in"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start")?;
    let broker = Broker::of(broker)?;
    runtime.block_on(dispatch(command, &broker, printer))
}

async fn dispatch(command: Command, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    match command {
        Command::Status(args) => status::run(&args, broker, printer).await,
        Command::Doctor(args) => doctor::run(&args, broker, printer).await,
        Command::Queues(args) => queues::run(&args, broker, printer).await,
        Command::Peek(args) => peek::run(&args, broker, printer).await,
        Command::Purge(args) => purge::run(&args, broker, printer).await,
        Command::Remove(args) => remove::run(&args, broker, printer).await,
        Command::Orphans(args) => orphans::run(&args, broker, printer).await,
        Command::Move(args) => move_messages::run(&args, broker, printer).await,
        Command::Backup(args) => backup::run(&args, broker, printer).await,
        Command::Restore(args) => restore::run(&args, broker, printer).await,
        Command::Abort(args) => abort::run(&args, broker, printer).await,
        Command::Completion(args) => completion::run(&args, printer).map(|()| exit::DONE),
    }
}
