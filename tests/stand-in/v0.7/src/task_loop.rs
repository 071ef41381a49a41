//! The worker's loop over the broker, with the command exchange of v0.7.
//!
//! paladin 0.4.3's own loop uses another exchange and other commands than the 0.4.4 that v0.7
//! is built with. This one goes through 0.4.3's channels and behaves as 0.4.4 was seen to,
//! its faults included: an abort reaches one worker only, that worker drops its current or
//! its next task for good, and ends with exit code 0.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use paladin::{
    acker::Acker,
    channel::{
        Channel, ChannelFactory, ChannelType,
        queue::{QueueChannel, QueueChannelFactory},
    },
    operation::{self, OperationError},
    queue::{
        Publisher,
        amqp::{AMQPConnection, AMQPConnectionOptions},
    },
    serializer::Serializer,
    task::{AnyTask, AnyTaskOutput, AnyTaskResult},
};
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, task::JoinSet, time::sleep, try_join};
use tracing::{error, warn};

/// Name of the command exchange and of the one queue all workers share on it.
const COMMANDS: &str = "command-ipc-routing-key";

/// The key that means every job.
pub(crate) const ABORT_ALL: &str = "abort-all-key";

/// How long an aborted worker lingers.
const LINGER: Duration = Duration::from_secs(10);

/// Upstream's place for these lines.
const TARGET: &str = "paladin::runtime";

/// What workers tell each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandIpc {
    /// Stop working on a job.
    Abort {
        /// The job's result queue, or the key for all.
        routing_key: String,
    },
}

type Broker = QueueChannelFactory<AMQPConnection>;

/// Takes tasks from a queue until it is aborted or loses the broker in mid-task.
pub async fn run(uri: &str, task_queue: String, serializer: Serializer) -> Result<()> {
    let options = AMQPConnectionOptions { uri, qos: Some(1), serializer };
    let connection = AMQPConnection::new(options).await.context("connecting to AMQP host")?;
    let broker = Broker::new(connection);
    let task_channel = broker.get(task_queue, ChannelType::ExactlyOnce).await?;
    let mut tasks = task_channel.receiver::<AnyTask>().await?;
    let commands = broker.get(COMMANDS.to_owned(), ChannelType::Broadcast).await?;
    let (_listening, aborts) = listen(&commands).await?;
    while let Some((task, acker)) = tasks.next().await {
        let routing_key = task.routing_key.clone();
        // A clone has seen no abort yet, so an earlier one hits this task.
        let aborted = aborted(aborts.clone(), &routing_key);
        tokio::select! {
            done = task.remote_execute() => {
                deliver(&broker, &commands, routing_key, (done, &acker)).await?;
            }
            () = aborted => {
                warn!(target: TARGET, %routing_key, "worker abort signal received");
                // Upstream ignores the outcome too.
                let _ = acker.nack().await;
                sleep(LINGER).await;
                warn!(target: TARGET, %routing_key, "worker execution stopped via IPC sigterm");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Keeps the last command's key at hand.
async fn listen(
    commands: &QueueChannel<AMQPConnection>,
) -> Result<(JoinSet<()>, watch::Receiver<String>)> {
    let mut stream = commands.receiver::<CommandIpc>().await?;
    let (last, aborts) = watch::channel(String::new());
    let mut listening = JoinSet::new();
    listening.spawn(async move {
        while let Some((CommandIpc::Abort { routing_key }, acker)) = stream.next().await {
            // Upstream ignores the outcome too.
            let _ = acker.ack().await;
            last.send_replace(routing_key);
        }
    });
    Ok((listening, aborts))
}

/// Ends when a job is aborted; never if no more commands can come.
async fn aborted(mut aborts: watch::Receiver<String>, routing_key: &str) {
    while aborts.changed().await.is_ok() {
        let key = aborts.borrow_and_update().clone();
        if key == ABORT_ALL || key == routing_key {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Acknowledges a task and sends its result, both or neither known to have happened.
async fn deliver(
    broker: &Broker,
    commands: &QueueChannel<AMQPConnection>,
    routing_key: String,
    (done, acker): (operation::Result<AnyTaskOutput>, &impl Acker),
) -> Result<()> {
    match done {
        Ok(output) => {
            try_join!(acker.ack(), answer(broker, routing_key, AnyTaskResult::Ok(output)))?;
        }
        Err(err) => {
            error!(target: TARGET, %routing_key, "execution error: {err:?}");
            try_join!(acker.nack(), fail(broker, commands, routing_key, &err))?;
        }
    }
    Ok(())
}

async fn answer(broker: &Broker, routing_key: String, result: AnyTaskResult) -> Result<()> {
    let channel = broker.get(routing_key, ChannelType::ExactlyOnce).await?;
    channel.sender().await?.publish(&result).await
}

async fn fail(
    broker: &Broker,
    commands: &QueueChannel<AMQPConnection>,
    routing_key: String,
    err: &OperationError,
) -> Result<()> {
    let sender = commands.sender().await?;
    let abort = CommandIpc::Abort { routing_key: ABORT_ALL.to_owned() };
    let result = AnyTaskResult::Err(err.to_string());
    try_join!(sender.publish(&abort), answer(broker, routing_key, result))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abort_has_the_bytes_of_v07() {
        let abort = CommandIpc::Abort { routing_key: ABORT_ALL.to_owned() };
        let postcard = Serializer::Postcard.to_bytes(&abort).unwrap();
        assert_eq!(&postcard[..], b"\x00\x0dabort-all-key");
        let cbor = Serializer::Cbor.to_bytes(&abort).unwrap();
        assert_eq!(&cbor[..], b"\xa1\x65Abort\xa1\x6brouting_key\x6dabort-all-key");
    }
}
