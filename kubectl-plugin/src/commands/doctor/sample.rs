//! Looks at the first messages of task and control queues.

use std::collections::BTreeMap;

use amqp_admin::paladin::{self, Scope};
use amqp_admin::{BrokerConnection, QueueName, QueueRole, look};
use anyhow::{Context as _, Result};

use crate::broker::Broker;
use crate::facts::Facts;

/// What the messages that were looked at are like.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// Messages looked at.
    pub(super) seen: u64,
    /// Tasks by who wrote them, `v0.7 postcard`.
    pub(super) writers: BTreeMap<String, u64>,
    /// Messages in task queues that are no tasks.
    pub(super) unreadable: u64,
    /// Bytes of the largest body.
    pub(super) largest: u64,
    /// Commands that concern every job.
    pub(super) abort_all: u64,
}

/// Looks at the first `number` messages of each queue.
pub(super) async fn sample(broker: &Broker, facts: &Facts, number: u64) -> Result<Sample> {
    let mut sample = Sample::default();
    if number == 0 {
        return Ok(sample);
    }
    let mut connection = broker.connect().await?;
    for queue in &facts.queues {
        if matches!(queue.role, QueueRole::Task(_) | QueueRole::Control) {
            let looked = look_into(&mut connection, &queue.name, number, &mut sample).await;
            looked.with_context(|| format!("cannot look into `{}`", queue.name))?;
        }
    }
    connection.close().await;
    Ok(sample)
}

async fn look_into(
    connection: &mut BrokerConnection,
    queue: &QueueName,
    number: u64,
    sample: &mut Sample,
) -> Result<()> {
    let Some(depth) = connection.touch(queue).await? else { return Ok(()) };
    let count = number.min(depth.ready);
    look(connection, queue, count, None, |taken| sample.note(&taken.message.body)).await?;
    Ok(())
}

impl Sample {
    fn note(&mut self, body: &[u8]) {
        self.seen += 1;
        self.largest = self.largest.max(body.len() as u64);
        if let Some(task) = paladin::task(body) {
            let writer = format!("{} {}", task.generation, task.serializer);
            *self.writers.entry(writer).or_default() += 1;
        } else if let Some(command) = paladin::command(body) {
            self.abort_all += u64::from(command.scope == Scope::Everything);
        } else {
            self.unreadable += 1;
        }
    }
}
