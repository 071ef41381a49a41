//! One file for each command.

pub(crate) mod abort;
pub(crate) mod backup;
pub(crate) mod completion;
pub(crate) mod doctor;
pub(crate) mod move_messages;
pub(crate) mod orphans;
pub(crate) mod peek;
pub(crate) mod plan;
pub(crate) mod proof;
pub(crate) mod proofs;
pub(crate) mod prove;
pub(crate) mod purge;
pub(crate) mod queues;
pub(crate) mod remove;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod scale;
pub(crate) mod status;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod witness;

use anyhow::{Context as _, Result};
use tokio::runtime::Runtime;

use crate::broker::Broker;
use crate::cli::{BrokerCommand, Cli, Command, ServiceCommand};
use crate::exit::Code;
use crate::leader::LeaderArgs;
use crate::output::Printer;
use crate::place::{Named, Place, reach};

/// Does what the command line says.
pub(crate) fn perform(cli: Cli, printer: &mut Printer) -> Result<Code> {
    let Cli { broker, cluster, leader, output: _, command } = cli;
    match command {
        Command::Completion(args) => completion::run(&args, printer),
        Command::Witness(args) => witness::run(&args, printer),
        Command::Plan(args) => plan::run(&args, printer),
        Command::Scale(args) => {
            start()?.block_on(scale::run(&args, &cluster, broker.timeout, printer))
        }
        Command::Version(args) => {
            let named = Named { broker, cluster, leader };
            start()?.block_on(version::run(&args, &named, printer))
        }
        Command::Service(command) => {
            let named = Named { broker, cluster, leader };
            start()?.block_on(serve(command, &named, printer))
        }
        Command::Broker(mut command) => {
            let cluster = command.count_or_namespace(cluster);
            let named = Named { broker, cluster, leader };
            // First: the broker's clients want the TLS provider.
            start()?.block_on(on_broker(command, &named, printer))
        }
    }
}

async fn on_broker(command: BrokerCommand, named: &Named, printer: &mut Printer) -> Result<Code> {
    let Named { broker, cluster, leader } = named;
    let reached = match reach(broker, cluster, |words| printer.say(words)).await {
        Err(error) if matches!(command, BrokerCommand::Doctor(_)) && broker.amqp_uri.is_none() => {
            doctor::without_broker(cluster, broker.timeout, printer).await?;
            return Err(error);
        }
        reached => reached?,
    };
    let done = dispatch(command, leader, &reached, printer).await;
    let trouble = reached.place.as_ref().and_then(Place::trouble);
    done.map_err(|error| match trouble {
        Some(trouble) => error.context(trouble),
        None => error,
    })
}

/// What talking to anybody needs.
pub(crate) fn start() -> Result<Runtime> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a second TLS provider is linked in"))?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().context("cannot start")
}

async fn serve(command: ServiceCommand, named: &Named, printer: &mut Printer) -> Result<Code> {
    match command {
        ServiceCommand::Prove(args) => prove::run(&args, named, printer).await,
        ServiceCommand::Proofs(args) => proofs::run(&args, named, printer).await,
        ServiceCommand::Proof(args) => proof::run(&args, named, printer).await,
        ServiceCommand::Report(args) => report::run(&args, named, printer).await,
        ServiceCommand::Verify(args) => verify::run(&args, named, printer).await,
    }
}

async fn dispatch(
    command: BrokerCommand,
    leader: &LeaderArgs,
    broker: &Broker,
    printer: &mut Printer,
) -> Result<Code> {
    match command {
        BrokerCommand::Status(args) => status::run(&args, leader, broker, printer).await,
        BrokerCommand::Doctor(args) => doctor::run(&args, broker, printer).await,
        BrokerCommand::Queues(args) => queues::run(&args, broker, printer).await,
        BrokerCommand::Peek(args) => peek::run(&args, broker, printer).await,
        BrokerCommand::Purge(args) => purge::run(&args, broker, printer).await,
        BrokerCommand::Remove(args) => remove::run(&args, broker, printer).await,
        BrokerCommand::Orphans(args) => orphans::run(&args, broker, printer).await,
        BrokerCommand::Move(args) => move_messages::run(&args, broker, printer).await,
        BrokerCommand::Backup(args) => backup::run(&args, broker, printer).await,
        BrokerCommand::Restore(args) => restore::run(&args, broker, printer).await,
        BrokerCommand::Abort(args) => abort::run(&args, broker, printer).await,
    }
}
