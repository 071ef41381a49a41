//! KEDA's own RabbitMQ trigger beside ours: more queues than a page has.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Workers};
use crate::e2e::site::{LATER, Site};
use crate::e2e::stage::Stage;

/// More than the 100 of a page.
const QUEUES: usize = 130;
/// Several polls of both.
const A_WHILE: Duration = Duration::from_secs(12);

pub(super) const SCENARIO: Scenario = Scenario {
    name: "builtin-page",
    about: "130 queues, one message in each: KEDA's own trigger refuses what is more than one page and wakes nobody; ours counts all",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    for name in ["theirs", "ours"] {
        site.workers(&Workers { name: name.to_owned(), ..Workers::default() })?;
    }
    let queues: Vec<String> = (0..QUEUES).map(|number| format!("proof-{number}")).collect();
    site.fill(&queues, 1)?;
    let more = [("useRegex", "true"), ("value", "65")];
    let theirs = site.builtin("theirs", "^proof-.*$", &more);
    let ours = Scaling {
        workers: "ours".to_owned(),
        metadata: vec![("queues", "proof-.*".to_owned()), ("target", "65".to_owned())],
        ..Scaling::default()
    };
    site.scale(&theirs)?;
    site.scale(&ours)?;
    site.until_replicas("ours", LATER, |now| now == 2)?;
    site.until("KEDA to say why its own trigger does nothing", LATER, || {
        let (status, _, words) = site.condition("theirs", "Ready")?;
        ensure!(status != "True", "KEDA's own trigger is content: {words}");
        let told = site.events()?;
        let refusal = "more queues than can be recovered";
        ensure!(told.iter().any(|words| words.contains(refusal)), "{told:?}");
        Ok(())
    })?;
    site.throughout("what both make of it", A_WHILE, || {
        let now = (site.replicas("theirs")?, site.replicas("ours")?);
        ensure!(now == (0, 2), "theirs and ours are at {now:?}");
        Ok(())
    })
}
