//! A real RabbitMQ node of one's own: its ports, its data, its user, its end.
//!
//! Nothing of it is shared with another broker on the machine, and nothing of it outlives the process that started
//! it: dropping the value ends the node, and a guard process does so when the owner itself is killed. The interface
//! is synchronous, so that it serves plain and async tests alike. Made for Linux, whose `/proc` it reads.

mod files;
pub(crate) mod guard;
mod node;
mod ports;
mod processes;
mod series;
pub(crate) mod server;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::Signal;

use crate::access::Access;
use crate::management::Policy;
use crate::poll;
use crate::process::Process;
use files::Files;
use guard::Guard;
pub(crate) use node::answers;
use ports::Ports;
pub use processes::left_running;
pub use series::Series;
pub use server::Server;

/// A node is up in some five seconds; on a busy small machine it has taken thirty.
const START_LIMIT: Duration = Duration::from_secs(90);
/// An orderly stop writes its queues to disk first.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// What SIGKILL leaves to do is the kernel's part.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// Another process may take a port between our look and the node's start.
const ATTEMPTS: usize = 3;

/// What a node's configuration differs in from the stock one.
#[derive(Debug, Clone, Default)]
pub struct RabbitConfig {
    /// How often queues report their counts to the management API; `None` is the stock five seconds.
    pub collect_statistics_interval: Option<Duration>,
    /// Runs the management API without its statistics.
    pub disable_metrics_collector: bool,
    /// Plugins besides management and prometheus, for example `rabbitmq_event_exchange`.
    pub extra_plugins: Vec<String>,
    /// Lines for the end of `rabbitmq.conf`.
    pub extra_conf: String,
}

/// A RabbitMQ node that belongs to this value.
pub struct PrivateBroker {
    access: Access,
    ports: Ports,
    server: Server,
    node: Option<Process>,
    epmd: Option<Process>,
    guard: Guard,
    files: Files,
}

impl PrivateBroker {
    /// Starts a node of the server given and waits until it really is up.
    pub fn start_from(server: &Server, config: &RabbitConfig) -> anyhow::Result<Self> {
        server.check_rights()?;
        let mut attempt = 1;
        loop {
            match Self::first_start(server, config) {
                Err(error) if attempt < ATTEMPTS && lost_a_port(&error) => attempt += 1,
                outcome => return outcome.context("start a RabbitMQ node"),
            }
        }
    }

    /// Starts a node of the series that the environment chooses.
    pub fn start_new(config: &RabbitConfig) -> anyhow::Result<Self> {
        let server = crate::provision::rabbitmq_server()?
            .context("there is no such `rabbitmq-server` on this machine")?;
        Self::start_from(&server, config)
    }

    fn first_start(server: &Server, config: &RabbitConfig) -> anyhow::Result<Self> {
        let ports = Ports::pick()?;
        let access = ports.access();
        let files = Files::write(server, &ports, &access, config)?;
        let guard = Guard::start(files.home())?;
        let server = server.clone();
        let mut broker = Self { access, ports, server, node: None, epmd: None, guard, files };
        broker.start()?;
        Ok(broker)
    }

    /// Where the broker is and who we are there.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The AMQP URI of a vhost, with the credentials in it.
    #[must_use]
    pub fn amqp_uri(&self, vhost: &str) -> String {
        self.access.amqp_uri(vhost)
    }

    /// Base URL of the management API.
    #[must_use]
    pub fn management_url(&self) -> &str {
        &self.access.management_url
    }

    /// Base URL of the Prometheus endpoint.
    #[must_use]
    pub fn metrics_url(&self) -> &str {
        &self.access.metrics_url
    }

    /// The node's administrator.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.access.user
    }

    /// The administrator's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.access.password
    }

    /// The node's own directory, and its processes' `HOME`.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.files.home()
    }

    /// The file into which the node logs.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.files.log()
    }

    /// Makes a vhost in which the administrator may do everything.
    pub fn add_vhost(&self, vhost: &str) -> anyhow::Result<()> {
        self.access.management().add_vhost(vhost, &self.access.user)
    }

    /// Deletes a vhost with everything in it.
    pub fn delete_vhost(&self, vhost: &str) -> anyhow::Result<()> {
        self.access.management().delete_vhost(vhost)
    }

    /// Sets a policy on the queues of a vhost.
    pub fn set_policy(&self, vhost: &str, policy: &Policy<'_>) -> anyhow::Result<()> {
        self.access.management().set_policy(vhost, policy)
    }

    /// Starts the node again on the same ports and data; does nothing while it runs.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.node.is_some() {
            return Ok(());
        }
        self.start_epmd()?;
        self.node = Some(node::rabbitmq(&self.server, &self.files, &self.ports)?);
        self.wait_until_up()
    }

    /// Stops the node in good order; its durable queues and messages stay on disk.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut node) = self.node.take() else {
            return Ok(());
        };
        node.signal(Signal::CONT)?;
        node.signal(Signal::TERM)?;
        if node.wait_gone(STOP_LIMIT).is_err() {
            node.signal(Signal::KILL)?;
            node.wait_gone(KILL_LIMIT)?;
        }
        Ok(())
    }

    /// Ends the node at once, as a crash or a lost machine would.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut node) = self.node.take() else {
            return Ok(());
        };
        node.signal(Signal::KILL)?;
        node.wait_gone(KILL_LIMIT)
    }

    /// Stops the node in good order and starts it again.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop()?;
        self.start()
    }

    /// Freezes the node: connections stay open and new ones are accepted by the kernel, but nothing answers.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::STOP)
    }

    /// Lets a paused node go on.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.running()?.signal(Signal::CONT)
    }

    /// CPU time, user and system, that the node has used since it was last started.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        processes::cpu_time(self.running()?.pid())
    }

    /// The operating system's number of the node's process.
    pub fn pid(&self) -> anyhow::Result<u32> {
        Ok(self.running()?.pid())
    }

    fn running(&self) -> anyhow::Result<&Process> {
        self.node.as_ref().context("the node is not running")
    }

    /// A port mapper of the node's own: left to itself the node would start one that outlives it.
    fn start_epmd(&mut self) -> anyhow::Result<()> {
        if self.epmd.is_some() {
            return Ok(());
        }
        self.epmd = Some(node::epmd(&self.server, &self.files, &self.ports)?);
        let port = self.ports.epmd;
        poll::until_blocking("the node's own epmd", Duration::from_secs(10), || {
            TcpStream::connect(("127.0.0.1", port)).map(drop)
        })?;
        Ok(())
    }

    fn wait_until_up(&mut self) -> anyhow::Result<()> {
        let Some(node) = self.node.as_mut() else { bail!("the node is not running") };
        let access = &self.access;
        let outcome = poll::until_blocking("the node to answer", START_LIMIT, || {
            // Waiting longer for a process that has ended is no use: `Ok` ends the wait with the bad news.
            match node.exited() {
                Ok(None) => answers(access).map(|()| None),
                Ok(Some(status)) => Ok(Some(anyhow!("the node ended with {status}"))),
                Err(error) => Ok(Some(error)),
            }
        });
        let failed = match outcome {
            Ok(None) => return Ok(()),
            Ok(Some(error)) => error,
            Err(late) => late.into(),
        };
        self.kill()?;
        Err(failed.context(format!("the node's last words:\n{}", self.files.last_words())))
    }
}

impl Drop for PrivateBroker {
    /// Its data goes with it, so there is nothing to save: every process is killed, by its number.
    fn drop(&mut self) {
        for mut process in [self.node.take(), self.epmd.take()].into_iter().flatten() {
            let _ = process.signal(Signal::KILL);
            let _ = process.wait_gone(KILL_LIMIT);
        }
        processes::end_all(self.files.home());
        self.guard.dismiss();
    }
}

fn lost_a_port(error: &anyhow::Error) -> bool {
    let said = format!("{error:#}");
    ["eaddrinuse", "address already in use", "Address already in use"]
        .iter()
        .any(|words| said.contains(words))
}
