//! KEDA's own RabbitMQ trigger beside ours: a broker whose management API has no counts.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;
use crate::rabbitmq::{PrivateBroker, RabbitConfig};

/// Several polls of both.
const A_WHILE: Duration = Duration::from_secs(12);

pub(super) const SCENARIO: Scenario = Scenario {
    name: "builtin-zero",
    about: "a broker whose management API has no counts: KEDA's own trigger takes them for 0 and is content, ours finds the messages",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let config = RabbitConfig { disable_metrics_collector: true, ..RabbitConfig::default() };
    stage.with_broker(SCENARIO.name, PrivateBroker::start_new(&config)?, counts_without)
}

fn counts_without(stage: &Stage, broker: &mut PrivateBroker) -> Result<()> {
    let site = Site::on(stage, SCENARIO.name, broker.access())?;
    site.scaler(1)?;
    for name in ["theirs", "ours"] {
        site.workers(&Workers { name: name.to_owned(), ..Workers::default() })?;
    }
    site.fill(&["held".to_owned()], 3)?;
    site.scale(&site.builtin("theirs", "held", &[]))?;
    site.scale(&Scaling {
        workers: "ours".to_owned(),
        metadata: vec![("queues", "held".to_owned()), ("target", "1".to_owned())],
        ..Scaling::default()
    })?;
    site.until_replicas("ours", LATER, |now| now == 3)?;
    site.until_scaled("theirs")?;
    site.throughout("what both make of it", A_WHILE, || {
        let now = (site.replicas("theirs")?, site.replicas("ours")?);
        ensure!(now == (0, 3), "theirs and ours are at {now:?}");
        Ok(())
    })
}
