//! Looks at the tasks in queues and gives them back.

use std::collections::BTreeMap;

use amqp_admin::{BrokerConnection, Queue, QueueName, Survey, look};
use anyhow::{Context as _, Result};

use crate::broker::Broker;
use crate::change::bar;

/// Takes each ready message of the queues once, notes what it is, and gives it back to its place.
/// Workers get none of what is held meanwhile; messages given back are marked as redelivered.
pub(crate) async fn survey<'a>(
    broker: &Broker,
    queues: impl Iterator<Item = &'a Queue>,
) -> Result<BTreeMap<QueueName, Survey>> {
    let mut connection = broker.connect().await?;
    let mut surveys = BTreeMap::new();
    for queue in queues.filter(|queue| queue.reading.ready != Some(0)) {
        let found = look_into(&mut connection, &queue.name).await;
        let found = found.with_context(|| format!("cannot look into `{}`", queue.name))?;
        surveys.extend(found.map(|survey| (queue.name.clone(), survey)));
    }
    connection.close().await;
    Ok(surveys)
}

async fn look_into(connection: &mut BrokerConnection, queue: &QueueName) -> Result<Option<Survey>> {
    let Some(depth) = connection.touch(queue).await? else {
        return Ok(None);
    };
    let progress = bar(depth.ready, &format!("looking into {queue}"));
    let mut survey = Survey::default();
    let looked = look(connection, queue, depth.ready, None, |taken| {
        survey.note(&taken.message);
        progress.inc(1);
    });
    looked.await?;
    progress.finish_and_clear();
    Ok(Some(survey))
}
