//! I/O: what stands while the demo runs: a broker, a vhost on it, the scaler with its autoscaler.
//!
//! All of it is gone when the value is dropped. Everything that is written lies in the scaler's own
//! folder, whose guard also ends the workers and leaders should the demo itself be killed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ::tests::access::{Access, segment};
use ::tests::provision::{self, Broker};
use ::tests::rabbitmq::RabbitConfig;
use ::tests::scaler::{Launch, RunningScaler};
use anyhow::{Context, anyhow, bail};
use serde_json::Value;

use super::look::Look;
use super::signals::Stop;
use crate::shell;

/// Where workers' logs go, in the scaler's folder.
pub(crate) const WORKER_LOGS: &str = "workers";
/// The stand-in's queue of tasks.
const TASK_QUEUE: &str = "task-ipc-routing-key";
/// What one transaction takes a worker. With it five blocks last about a minute.
const MS_PER_TXN: &str = "1400";
/// How often our own node tells how many tasks were done; stock is 5 s, which looks as if it hung.
const STATISTICS: Duration = Duration::from_secs(1);

/// How often a broker's start is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the scaler is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The command of a worker.
    pub(crate) worker: String,
    /// The most workers.
    pub(crate) max: u32,
}

/// A vhost of the demo's own.
struct Vhost {
    access: Access,
    name: String,
}

/// The running parts. Dropped from top to bottom.
pub(crate) struct Stage {
    scaler: RunningScaler,
    vhost: Vhost,
    _broker: Broker,
}

/// Finds or starts a broker. Half started it could not be ended in order, so a signal waits.
pub(crate) fn broker(stop: &Stop) -> anyhow::Result<Broker> {
    std::thread::scope(|scope| {
        let start = scope.spawn(find_or_start);
        while !start.is_finished() {
            if stop.pause(LOOK_EVERY).is_err() {
                shell::say("Stopping, as soon as the broker's start has ended …");
                break;
            }
        }
        start.join().map_err(|_| anyhow!("the start of a broker panicked"))?
    })
}

fn find_or_start() -> anyhow::Result<Broker> {
    if let Some(access) = provision::given_broker()? {
        let Access { management_url, .. } = &access;
        access.management().get("/api/whoami").with_context(|| {
            format!(
                "the management API of the broker named by {} does not answer at {management_url}; \
                 say where it is with {}, or unset {} to start a broker of the demo's own",
                provision::AMQP_URI_ENV,
                provision::MANAGEMENT_URL_ENV,
                provision::AMQP_URI_ENV,
            )
        })?;
        shell::say(&format!("the broker at {}, as {} says", access.amqp, provision::AMQP_URI_ENV));
        return Ok(Broker::Given(access));
    }
    let config =
        RabbitConfig { collect_statistics_interval: Some(STATISTICS), ..RabbitConfig::default() };
    let broker = provision::own_broker(&config, &mut |line: &str| shell::say(line))?;
    shell::say(&format!("a broker of our own answers at {}", broker.access().amqp));
    Ok(broker)
}

impl Vhost {
    fn add(access: &Access) -> anyhow::Result<Self> {
        let name = format!("zero-demo-{}", std::process::id());
        let added = access.management().add_vhost(&name, &access.user);
        added.context("make a vhost for the demo; it takes an administrator of the broker")?;
        Ok(Self { access: access.clone(), name })
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        if let Err(error) = self.access.management().delete_vhost(&self.name) {
            shell::say(&format!("the vhost `{}` stays on the broker: {error:#}", self.name));
        }
    }
}

impl Stage {
    /// Starts the scaler on a vhost of its own and waits until it has read it.
    pub(crate) fn set(broker: Broker, plan: &Plan) -> anyhow::Result<Self> {
        let vhost = Vhost::add(broker.access())?;
        let uri = vhost.access.amqp_uri(&vhost.name);
        let Access { management_url, metrics_url, .. } = &vhost.access;
        let scaler = Launch::new()
            // Credentials stand in the environment: a command line can be read by every user.
            .env("ZERO_SCALER_AMQP_URI", &uri)
            .env("PALADIN_AMQP_URI", &uri)
            .env("STAND_IN_MS_PER_TXN", MS_PER_TXN)
            .env("RUST_LOG", "info,lapin=error")
            .args(["--management-url", management_url, "--metrics-url", metrics_url])
            .args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "local"])
            .args(["--worker", &plan.worker, "--min", "0", "--max", &plan.max.to_string()])
            .args(["--trigger", &format!("vhost={}", vhost.name)])
            .args(["--stabilization", "3s", "--grace", "10s", "--worker-log-dir", WORKER_LOGS])
            .start()
            .context("start the scaler")?;
        Ok(Self { scaler, vhost, _broker: broker })
    }

    /// The demo's folder: logs, proofs, credentials.
    pub(crate) fn home(&self) -> &Path {
        self.scaler.home()
    }

    /// The broker, with credentials.
    pub(crate) fn amqp_uri(&self) -> String {
        self.vhost.access.amqp_uri(&self.vhost.name)
    }

    /// Where the broker is.
    pub(crate) fn access(&self) -> &Access {
        &self.vhost.access
    }

    /// The status page's address.
    pub(crate) fn page(&self) -> String {
        format!("http://{}/status", self.scaler.http())
    }

    /// What the scaler has written so far.
    pub(crate) fn scaler_log(&self) -> String {
        self.scaler.log()
    }

    /// The log of a worker.
    pub(crate) fn worker_log(&self, number: u64) -> PathBuf {
        self.home().join(WORKER_LOGS).join(format!("worker-{number}.log"))
    }

    /// Fails when the scaler has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.scaler.exited()? {
            Some(status) => bail!("zero-scaler ended by itself with {status}"),
            None => Ok(()),
        }
    }

    /// What the scaler tells now.
    pub(crate) fn look(&self) -> anyhow::Result<Look> {
        Ok(Look::of(&self.scaler.status()?, &self.vhost.name))
    }

    /// Tasks done so far, as far as the broker tells.
    pub(crate) fn tasks_done(&self) -> Option<u64> {
        let vhost = segment(&self.vhost.name);
        let queue =
            self.vhost.access.management().get(&format!("/api/queues/{vhost}/{TASK_QUEUE}"));
        queue.ok()?.pointer("/message_stats/ack").and_then(Value::as_u64)
    }

    /// Whether a task lies on the broker at this moment, asked past the scaler.
    pub(crate) fn has_task(&self) -> bool {
        let vhost = segment(&self.vhost.name);
        let path = format!("/api/queues/{vhost}?disable_stats=true&enable_queue_totals=true");
        let queues = self.vhost.access.management().get(&path).unwrap_or_default();
        queues.as_array().into_iter().flatten().any(|queue| {
            queue.get("name").and_then(Value::as_str) == Some(TASK_QUEUE)
                && queue.get("messages").and_then(Value::as_u64).is_some_and(|count| count > 0)
        })
    }

    /// Writes a file that only its owner can read; says where.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.home().join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}
