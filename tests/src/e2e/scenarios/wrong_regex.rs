//! A pattern that is none.

use anyhow::{Result, ensure};

use super::Scenario;
use crate::e2e::objects::{Scaling, Workers};
use crate::e2e::site::{SOON, Site};
use crate::e2e::stage::Stage;

pub(super) const SCENARIO: Scenario = Scenario {
    name: "wrong-regex",
    about: "a wrong pattern in the ScaledObject: KEDA's Event and `scale explain` name the key and what is wrong, the condition is TriggerError; put right, it works",
    run,
};

fn run(stage: &Stage) -> Result<()> {
    let site = Site::new(stage, SCENARIO.name)?;
    site.scaler(1)?;
    site.workers(&Workers::default())?;
    let with = |queues: &str| Scaling {
        metadata: vec![("target", "1".to_owned()), ("queues", queues.to_owned())],
        ..Scaling::default()
    };
    site.scale(&with("task-(.*"))?;
    let wrong = "`queues`: is no pattern: unclosed group";
    site.until("an Event that says what is wrong", SOON, || {
        let events = site.events()?;
        ensure!(events.iter().any(|words| words.contains(wrong)), "{events:?}");
        Ok(())
    })?;
    site.until("a condition that says that something is wrong", SOON, || {
        let (status, reason, words) = site.condition("worker", "Ready")?;
        ensure!(status == "False" && reason == "TriggerError", "{status} {reason}: {words}");
        Ok(())
    })?;
    let asked = ["zero", "scale", "explain", "queues=task-(.*"];
    let explained = site.kubectl(&asked)?;
    let words = explained.stdout + &explained.stderr;
    ensure!(words.contains(wrong), "`scale explain` does not say it: {words}");
    ensure!(site.replicas("worker")? == 0, "nothing is known of any work");
    site.scale(&with("task-.*"))?;
    site.until_scaled("worker")
}
