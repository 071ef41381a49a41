//! How soon workers wake, and what a day of load costs: our scaler beside KEDA's built-in one, in one cluster.

mod course;
mod day;
mod lane;
mod page;
mod picture;
mod race;
mod task;
mod wake;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::access::segment;
use crate::e2e::site::{SOON, Site, TASKS};
use crate::e2e::stage::Stage;

/// The Deployment of every site, and its container.
const WORKER: &str = "worker";

/// How long both measurements go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lengths {
    /// Workers are woken for so long.
    pub(crate) wake: Duration,
    /// A day is pressed into so much.
    pub(crate) day: Duration,
}

/// Measures both, and writes `scaling.md` and its plot into the folder.
pub(crate) fn run(folder: &Path, lengths: Lengths) -> Result<()> {
    let stage = Stage::start(&mut |line: &str| super::say(line))?;
    let machine = super::report::machine();
    super::say("from zero to a worker");
    let woken = wake::measure(&stage, lengths.wake)?;
    super::say("a day of load");
    let day = race::measure(&stage, lengths.day)?;
    page::write(folder, &page::Measured { machine, woken, day })
}

/// The clock of a measurement.
struct Clock(Instant);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A first worker declares the queues as it wants them to be, answers one task, and goes; from then on the
/// ScaledObject rules.
fn prepare(site: &Site<'_>) -> Result<()> {
    set_replicas(site, 1)?;
    site.until("the queue of tasks", SOON, || site.queue(TASKS).map(drop))?;
    publish(site, 0)?;
    site.until("the first answer", SOON, || {
        ensure!(!answers(site)?.is_empty(), "there is none");
        Ok(())
    })?;
    set_replicas(site, 0)?;
    site.until("the worker to be gone and its task no longer counted", SOON, || {
        let queue = site.queue(TASKS)?;
        let tasks = queue.get("messages").and_then(Value::as_u64);
        let (pods, tasks) = (pods(site).count(), tasks.context("the tasks are not counted yet")?);
        ensure!(pods == 0 && tasks == 0, "{pods} pods and {tasks} tasks are there");
        Ok(())
    })
}

fn set_replicas(site: &Site<'_>, replicas: u32) -> Result<()> {
    let path = format!("/apis/apps/v1/namespaces/{}/deployments/{WORKER}", site.name);
    let changed = site.stage.api.merge(&path, &json!({"spec": {"replicas": replicas}}))?;
    changed.map(drop).context("there is no Deployment of workers")
}

/// The workers' pods as the kubelet last saw them, those that are ending too.
fn pods(site: &Site<'_>) -> impl Iterator<Item = Value> {
    site.stage.kubelet.pods(&site.name).into_iter().filter(is_worker)
}

fn is_worker(pod: &Value) -> bool {
    pod.pointer("/metadata/labels/app").is_some_and(|app| app == WORKER)
}

/// When this returns, the broker has the task.
fn publish(site: &Site<'_>, number: usize) -> Result<()> {
    let task = task::task(number).context("there are not so many tasks")?;
    let path = format!("/api/exchanges/{}/amq.default/publish", segment(&site.name));
    let message = json!({"routing_key": TASKS, "payload": STANDARD.encode(task),
        "payload_encoding": "base64", "properties": {"delivery_mode": 2}});
    let told = site.access.management().post(&path, &message)?;
    let routed = told.get("routed").is_some_and(|told| told == true);
    ensure!(routed, "the task of `{}` met no queue", site.name);
    Ok(())
}

/// Numbers of the tasks that were answered since this was last asked.
fn answers(site: &Site<'_>) -> Result<Vec<usize>> {
    let path = format!("/api/queues/{}/{}/get", segment(&site.name), task::ANSWERS);
    let take = json!({"count": 1_000, "ackmode": "ack_requeue_false", "encoding": "base64"});
    let taken = site.access.management().post(&path, &take)?;
    let taken = taken.as_array().context("no list of answers")?;
    let read = |one| number(one).with_context(|| format!("not an answer to a task: {one}"));
    taken.iter().map(read).collect()
}

fn number(answer: &Value) -> Option<usize> {
    let payload = STANDARD.decode(answer.get("payload")?.as_str()?).ok()?;
    task::answered(&payload)
}

/// KEDA's own trigger on the number of ready messages, which it asks for over AMQP.
fn builtin_amqp(site: &Site<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("host", site.access.amqp_uri(&site.name)),
        ("protocol", "amqp".to_owned()),
        ("queueName", TASKS.to_owned()),
        ("mode", "QueueLength".to_owned()),
        ("value", "1".to_owned()),
    ]
}

/// `true`: the Deployment is to have no replica.
fn is_at_zero(deployment: &Value) -> bool {
    deployment.pointer("/spec/replicas").is_some_and(|replicas| replicas == 0)
}

/// The object of a site in a list of one kind.
fn of_site<'a>(list: &'a [Value], site: &Site<'_>, name: &str) -> Option<&'a Value> {
    let is = |object: &&Value, pointer: &str, text: &str| {
        object.pointer(pointer).is_some_and(|told| told == text)
    };
    list.iter().find(|object| {
        is(object, "/metadata/namespace", &site.name) && is(object, "/metadata/name", name)
    })
}
