//! One container: a process, started again when it ends, asked whether it is ready.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::logs::Log;
use super::probe::{self, Probe};
use super::spec::{Environment, Launch, Seen};
use super::volumes::Mounts;
use super::{Ended, Ground};
use crate::process::Process;

/// The pause before a container is started again; a kubelet's begins with ten seconds.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Whoever is asked to end may be busy to the hilt, and is asked how it is once.
const METRICS_LIMIT: Duration = Duration::from_secs(2);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A container of a pod.
pub(super) struct Unit {
    name: String,
    image: Value,
    launch: Option<Launch>,
    env: Environment,
    folder: PathBuf,
    log: Log,
    process: Option<Process>,
    probe: Option<Probe>,
    ready: bool,
    restarts: u32,
    not_before: Option<Instant>,
    over: Option<bool>,
    overdue: bool,
    metrics: Option<String>,
    metrics_of: Option<SocketAddr>,
}

impl Unit {
    /// Reads what is to be run; nothing is started yet.
    pub(super) fn of(
        pod: &Value,
        container: &Value,
        (folder, mounts): (&Path, &Mounts),
        ground: &Ground,
        ip: Ipv4Addr,
    ) -> Result<Self> {
        let text = |key: &str| container.get(key).and_then(Value::as_str).unwrap_or_default();
        let seen = Seen { pod, container, ip, mounts, ground };
        let port = |name: &str| probe::number(container, &name.into());
        let (launch, env) = seen.launch()?;
        Ok(Self {
            name: text("name").to_owned(),
            image: container.get("image").cloned().unwrap_or_default(),
            launch,
            env,
            folder: folder.to_owned(),
            log: Log::of(folder, text("name")),
            process: None,
            probe: Probe::of(container, ip),
            ready: false,
            restarts: 0,
            not_before: None,
            over: None,
            overdue: false,
            metrics: None,
            metrics_of: port("http")
                .or_else(|| port("metrics"))
                .map(|port| SocketAddr::from((ip, port))),
        })
    }

    /// Starts what is to run and does not; asks whether it is ready.
    pub(super) fn advance(&mut self, now: Instant) -> Result<()> {
        let waiting = self.not_before.is_some_and(|due| now < due);
        if let (Some(launch), None, None, false) = (&self.launch, &self.process, self.over, waiting)
        {
            let mut command = Command::new(&launch.program);
            command.args(&launch.args).env_clear().envs(self.env.iter().cloned());
            self.process = Some(Process::spawn(command, &self.folder, self.log.printed())?);
        }
        let alive = self.launch.is_none() || self.process.is_some();
        self.ready = alive && self.probe.as_mut().is_none_or(|probe| probe.says(now));
        Ok(())
    }

    /// How the process ended and whether it was overdue, once.
    pub(super) fn reap(&mut self) -> Result<Option<(ExitStatus, bool)>> {
        let Some(process) = &mut self.process else { return Ok(None) };
        let status = process.exited()?;
        self.log.follow()?;
        let Some(status) = status else { return Ok(None) };
        // What it started and left behind goes as well.
        process.signal(Signal::KILL)?;
        self.process = None;
        self.ready = false;
        if let Some(probe) = &mut self.probe {
            probe.forget();
        }
        Ok(Some((status, self.overdue)))
    }

    /// What is told of an end.
    pub(super) fn ended(
        &mut self,
        pod: &str,
        status: ExitStatus,
        (asked, overdue): (bool, bool),
    ) -> Ended {
        self.over = Some(status.success());
        let (pod, container) = (pod.to_owned(), self.name.clone());
        let metrics = self.metrics.take();
        Ended { pod, container, code: status.code(), asked, overdue, metrics }
    }

    /// After an end: to be started again, or not.
    pub(super) fn settle(&mut self, policy: &str, now: Instant) {
        let again = policy == "Always" || (policy == "OnFailure" && self.over == Some(false));
        if again {
            self.restarts += 1;
            self.over = None;
            self.not_before = Some(now + RESTART_PAUSE * self.restarts.min(5));
        }
    }

    /// Asks the process to end, if one runs; before that it may say how it is.
    pub(super) fn ask_to_end(&mut self) -> Result<()> {
        let Some(process) = &self.process else { return Ok(()) };
        let read = |address| probe::read(address, "/metrics", METRICS_LIMIT);
        self.metrics = self.metrics_of.and_then(read);
        process.signal(Signal::TERM)
    }

    /// Its grace period is over.
    pub(super) fn overdue(&mut self) {
        if let Some(process) = &self.process {
            self.overdue = true;
            let _ = process.signal(Signal::KILL);
        }
    }

    /// Ends the process at once, if one runs.
    pub(super) fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.signal(Signal::KILL);
            let _ = process.wait_gone(KILL_LIMIT);
        }
    }

    /// Its name, and the file of its log.
    pub(super) fn log(&self) -> (&str, &Path) {
        (&self.name, self.log.kept())
    }

    /// Its name, and the environment of what is run in it.
    pub(super) fn environment(&self) -> (&str, &Environment) {
        (&self.name, &self.env)
    }

    pub(super) fn runs(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether it has ended and stays so.
    pub(super) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Whether it ended with success.
    pub(super) fn went_well(&self) -> bool {
        self.over == Some(true)
    }

    /// As a pod's status tells it.
    pub(super) fn status(&self) -> Value {
        let state = match (self.over, self.launch.is_some() && self.process.is_none()) {
            (Some(well), _) => {
                json!({"terminated": {"exitCode": i32::from(!well), "reason": if well { "Completed" } else { "Error" }}})
            }
            (None, true) => json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            (None, false) => json!({"running": {}}),
        };
        json!({"name": self.name, "image": self.image, "imageID": "", "ready": self.ready,
            "started": self.process.is_some(), "restartCount": self.restarts, "state": state})
    }
}

impl Launch {
    /// The program's path from its name; `None`: no image of ours has it.
    pub(super) fn find(images: &Path, name: &str) -> Option<PathBuf> {
        let file = Path::new(name).file_name()?;
        let path = images.join(file);
        path.is_file().then_some(path)
    }
}
