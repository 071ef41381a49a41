//! A day of load, pressed into minutes, before three autoscalers at once.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::course::{Course, Tasks, ideal};
use super::{Clock, WORKER, answers, builtin_amqp, day, of_site, pods, prepare, publish};
use crate::bench::stats::Samples;
use crate::e2e::objects::{Scaling, Workers};
use crate::e2e::site::Site;
use crate::e2e::stage::Stage;

/// How long a worker has a task, the same for all.
pub(crate) const WORK: Duration = Duration::from_secs(6);
/// Most workers of each.
pub(crate) const MOST: u32 = 8;
/// Seconds between two polls: a tenth of KEDA's default, as all of this is.
const POLLING: u32 = 3;
/// Seconds without work before the last worker goes.
const COOLDOWN: u32 = 30;
/// Hours of a day.
const HOURS: f64 = 24.0;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Between two times when tasks may be published.
const TICK: Duration = Duration::from_millis(50);
/// What is not done so long after the day will not be done.
const AFTER: Duration = Duration::from_secs(180);
/// The broker's own counts are a second old.
const SETTLE: Duration = Duration::from_secs(3);

/// What one autoscaler made of the day.
pub(crate) struct Outcome {
    /// Which.
    pub(crate) name: &'static str,
    /// Replicas that the Deployment was told to have.
    pub(crate) wanted: Course,
    /// Seconds that its workers' pods were there, from the first moment to the last.
    pub(crate) worker_seconds: f64,
    /// What tasks waited for an answer beyond the time of the work.
    pub(crate) waits: Samples,
    /// Messages that the broker delivered a second time.
    pub(crate) back: u64,
    /// Tasks that a worker had begun and did not finish.
    pub(crate) killed: u64,
}

/// The day.
pub(crate) struct Day {
    /// How long it was.
    pub(crate) length: Duration,
    /// Until every worker had gone.
    pub(crate) end: Duration,
    /// Its tasks.
    pub(crate) tasks: usize,
    /// First of all perfect foresight.
    pub(crate) outcomes: Vec<Outcome>,
    /// The part of the machine's processors that was in use.
    pub(crate) busy: f64,
}

impl Day {
    /// The hour of the day at that moment.
    pub(crate) fn hours(&self, at: Duration) -> f64 {
        at.as_secs_f64() / self.length.as_secs_f64() * HOURS
    }

    /// Seconds of workers here as hours of workers there.
    pub(crate) fn worker_hours(&self, seconds: f64) -> f64 {
        seconds / self.length.as_secs_f64() * HOURS
    }
}

/// One autoscaler at work.
struct Racer<'a> {
    name: &'static str,
    site: Site<'a>,
    bare: bool,
    wanted: Course,
    present: Course,
    tasks: Tasks,
}

/// Lets the day pass before all of them.
pub(crate) fn measure(stage: &Stage, length: Duration) -> Result<Day> {
    let arrivals = day::arrivals(length)?;
    let mut racers = racers(stage)?;
    let before = Cpu::read()?;
    let clock = Clock::start();
    let (mut next, mut looked) = (0, Duration::ZERO);
    loop {
        let now = clock.now();
        while arrivals.get(next).is_some_and(|at| *at <= now) {
            for racer in &mut racers {
                publish(&racer.site, next)?;
                racer.tasks.came(clock.now());
            }
            next += 1;
        }
        if now.saturating_sub(looked) >= LOOK {
            looked = now;
            look(stage, &mut racers, &clock)?;
            if now >= length && next == arrivals.len() && racers.iter().all(Racer::is_over) {
                break;
            }
        }
        let open: Vec<usize> = racers.iter().map(|racer| racer.tasks.open()).collect();
        ensure!(now < length + AFTER, "after the day {open:?} tasks are not done");
        sleep(TICK);
    }
    let (end, busy) = (clock.now(), Cpu::read()?.busy_since(&before));
    sleep(SETTLE);
    let mut outcomes = vec![foresight(&arrivals, end)];
    outcomes
        .extend(racers.into_iter().map(|racer| racer.outcome(end)).collect::<Result<Vec<_>>>()?);
    Ok(Day { length, end, tasks: arrivals.len(), outcomes, busy })
}

fn foresight(arrivals: &[Duration], end: Duration) -> Outcome {
    let (wanted, tasks) = ideal(arrivals, WORK, usize::try_from(MOST).unwrap_or(usize::MAX));
    let (worker_seconds, waits) = (wanted.seconds(end), tasks.waits(WORK));
    Outcome { name: "ideal", wanted, worker_seconds, waits, back: 0, killed: 0 }
}

fn racers(stage: &Stage) -> Result<Vec<Racer<'_>>> {
    let ours = racer(stage, "ours", false)?;
    ours.site.scaler(1)?;
    ours.site.scale(&scaling(("external-push", Scaling::default().metadata)))?;
    let regex = racer(stage, "KEDA, regex sum", true)?;
    let more = [("useRegex", "true")];
    let metadata = regex.site.builtin(WORKER, "^task-.*$", &more).metadata;
    regex.site.scale(&scaling(("rabbitmq", metadata)))?;
    let amqp = racer(stage, "KEDA, AMQP", true)?;
    amqp.site.scale(&scaling(("rabbitmq", builtin_amqp(&amqp.site))))?;
    let racers = vec![ours, regex, amqp];
    for racer in &racers {
        racer.site.until_scaled(WORKER)?;
    }
    Ok(racers)
}

/// Built-in scalers have the prover's own workers, as upstream is run; ours come with `zero-worker`.
fn racer<'a>(stage: &'a Stage, name: &'static str, bare: bool) -> Result<Racer<'a>> {
    let site = Site::new(stage, "day")?;
    let ms_per_txn = u32::try_from(WORK.as_millis())?;
    site.workers(&Workers { ms_per_txn, bare, ..Workers::default() })?;
    prepare(&site)?;
    let (wanted, present, tasks) = (Course::default(), Course::default(), Tasks::default());
    Ok(Racer { name, site, bare, wanted, present, tasks })
}

/// Kubernetes' and KEDA's defaults, all clocks ten times as fast; the same for all three.
fn scaling((kind, metadata): (&'static str, Vec<(&'static str, String)>)) -> Scaling {
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 2});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 2});
    let behaviour = json!({
        "scaleDown": {"stabilizationWindowSeconds": 30, "policies": [percent]},
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [percent, pods]}});
    let more = json!({"cooldownPeriod": COOLDOWN,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behaviour}}});
    let replicas = (0, MOST);
    Scaling { kind, polling: POLLING, replicas, metadata, more, ..Scaling::default() }
}

fn look(stage: &Stage, racers: &mut [Racer<'_>], clock: &Clock) -> Result<()> {
    let deployments = stage.api.list("/apis/apps/v1/deployments?resourceVersion=0")?;
    for racer in racers {
        let told = of_site(&deployments, &racer.site, WORKER);
        let wanted = told.and_then(|told| told.pointer("/spec/replicas")?.as_u64());
        let wanted = wanted.context("a Deployment of workers has no number of replicas")?;
        let now = clock.now();
        racer.wanted.note(now, u32::try_from(wanted)?);
        racer.present.note(now, u32::try_from(pods(&racer.site).count())?);
        for number in answers(&racer.site)? {
            racer.tasks.answered(number, now);
        }
    }
    Ok(())
}

impl Racer<'_> {
    /// All is done and nobody is left.
    fn is_over(&self) -> bool {
        self.tasks.open() == 0 && self.present.now() == 0 && self.wanted.now() == 0
    }

    fn outcome(self, end: Duration) -> Result<Outcome> {
        let back = self.site.came_back()?;
        let ended = self.site.stage.kubelet.ended(&self.site.name);
        let cut_off = |one: &&crate::e2e::kubelet::Ended| {
            one.container == WORKER && (one.overdue || one.code != Some(0))
        };
        // The prover's own worker ends at once whatever it has in hand, and has one task at the most: each
        // message that came back was one. A worker of ours says by its exit code whether it was cut off.
        let killed =
            if self.bare { back } else { ended.iter().filter(cut_off).count().try_into()? };
        let (worker_seconds, waits) = (self.present.seconds(end), self.tasks.waits(WORK));
        Ok(Outcome { name: self.name, wanted: self.wanted, worker_seconds, waits, back, killed })
    }
}

/// Time of the machine's processors, in ticks.
struct Cpu {
    all: u64,
    idle: u64,
}

impl Cpu {
    fn read() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let first = stat.lines().next().context("/proc/stat is empty")?;
        let ticks: Vec<u64> =
            first.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
        // Idle, and waiting for a disk.
        Ok(Self { all: ticks.iter().sum(), idle: ticks.iter().skip(3).take(2).sum() })
    }

    fn busy_since(&self, before: &Self) -> f64 {
        let part = |one: u64, other: u64| f64::from(u32::try_from(one - other).unwrap_or(u32::MAX));
        1.0 - part(self.idle, before.idle) / part(self.all, before.all).max(1.0)
    }
}
