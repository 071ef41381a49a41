//! KEDA's own RabbitMQ trigger beside ours: busy workers.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::kubelet::Ended;
use crate::e2e::objects::{Scaling, Service, Workers};
use crate::e2e::site::{LATER, SOON, Site, TASKS};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "builtin-kills",
    about: "KEDA's own rabbitmq trigger (amqp) does not see tasks in hand and kills the one busy worker again and again; ours lets it finish",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    // The prover's own worker and queues as paladin declares them: as upstream is run.
    site.leader(Service { policy: "as-is", ..Service::default() })?;
    site.workers(&Workers { ms_per_txn: 6_000, grace: 5, bare: true, ..Workers::default() })?;
    site.zero(&["prove", &site.witness("devnet", 3), "--detach"])?;
    site.until("a task queue", LATER, || site.queue(TASKS).map(drop))?;
    let theirs = Scaling {
        kind: "rabbitmq",
        replicas: (0, 1),
        metadata: vec![
            ("host", site.access.amqp_uri(&site.name)),
            ("protocol", "amqp".to_owned()),
            ("queueName", TASKS.to_owned()),
            ("mode", "QueueLength".to_owned()),
            ("value", "1".to_owned()),
        ],
        ..Scaling::default()
    };
    site.scale(&theirs)?;
    let killed = || stage.kubelet.ended(&site.name).into_iter().filter(of_worker).count();
    site.until(
        "KEDA's own trigger to kill the busy worker twice",
        Duration::from_secs(150),
        || {
            ensure!(killed() >= 2, "{} were killed", killed());
            Ok(())
        },
    )?;
    site.kubectl(&["delete", "scaledobject", "worker"])?;
    site.until("the last that was asked to end to be gone", SOON, || nobody_ends(&site))?;
    site.scale(&Scaling { replicas: (0, 1), ..Scaling::default() })?;
    site.until_scaled("worker")?;
    site.until_replicas("worker", LATER, |now| now == 1)?;
    let before = killed();
    site.until_verified(1)?;
    ensure!(killed() == before, "ours has killed a worker before the proof was done");
    site.until_replicas("worker", LATER, |now| now == 0).map(drop)
}

fn nobody_ends(site: &Site<'_>) -> Result<()> {
    let pods = site.pods_of("worker");
    let ending = pods.iter().filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_some());
    ensure!(ending.count() == 0, "it is there");
    Ok(())
}

/// The prover's own worker ends at once, its task unfinished.
fn of_worker(ended: &Ended) -> bool {
    ended.container == "worker" && ended.asked
}
