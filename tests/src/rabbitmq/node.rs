//! One process of the broker, the node or its port mapper, as the leader of its own process group.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

use super::files::Files;
use super::ports::Ports;
use crate::access::Access;
use crate::poll;

/// What a client says first, and the broker answers with `connection.start`.
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// A method frame on channel 0.
const METHOD_FRAME: [u8; 3] = [1, 0, 0];

/// A process that we started and therefore may end.
pub(super) struct Node {
    child: Child,
}

impl Node {
    /// The broker itself.
    pub(super) fn rabbitmq(server: &Path, files: &Files, ports: &Ports) -> anyhow::Result<Self> {
        let mut command = Command::new(server);
        own_environment(&mut command, files, ports);
        command
            // Makes the script turn into the Erlang machine, instead of standing above it and waiting.
            .env("detached", "true")
            .env("RABBITMQ_NODENAME", format!("zero-{}@localhost", ports.amqp))
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("RABBITMQ_CONF_ENV_FILE", files.path("env.conf"))
            .env("RABBITMQ_CONFIG_FILE", files.conf())
            .env("RABBITMQ_CONFIG_FILES", files.path("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", files.path("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", files.plugins())
            .env("RABBITMQ_MNESIA_BASE", files.path("data"))
            .env("RABBITMQ_LOG_BASE", files.path("log"))
            .env("RABBITMQ_LOGS", files.path("log/broker.log"))
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            );
        spawn(command, files, "output.log")
    }

    /// The port mapper, in the foreground.
    pub(super) fn epmd(files: &Files, ports: &Ports) -> anyhow::Result<Self> {
        let mut command = Command::new("epmd");
        own_environment(&mut command, files, ports);
        command.args(["-address", "127.0.0.1", "-port", &ports.epmd.to_string()]);
        spawn(command, files, "epmd.log")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Signals the whole process group; one that is already gone is not an error.
    pub(super) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        match kill_process_group(group.context("not a process number")?, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error).context("signal the node"),
        }
    }

    /// How the process ended, if it has.
    pub(super) fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().context("look at the node's process")
    }

    /// Waits until the process has ended.
    pub(super) fn wait_gone(&mut self, limit: Duration) -> anyhow::Result<()> {
        poll::until_blocking("the process to end", limit, || match self.exited() {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("it is running".to_owned()),
            Err(error) => Err(error.to_string()),
        })?;
        Ok(())
    }
}

/// Whether the broker really is up: AMQP, the management API with our user, and the metrics.
pub(crate) fn answers(access: &Access) -> anyhow::Result<()> {
    access.management().get("/api/whoami")?;
    let metrics = ureq::get(format!("{}/metrics", access.metrics_url)).call().context("metrics")?;
    ensure!(metrics.status().is_success(), "the metrics answer {}", metrics.status());
    greets(access).context("greet the AMQP listener")
}

fn greets(access: &Access) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&access.amqp)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(PROTOCOL_HEADER)?;
    let mut first = [0; 3];
    stream.read_exact(&mut first)?;
    ensure!(first == METHOD_FRAME, "it does not speak AMQP 0-9-1");
    Ok(())
}

/// Nothing of the caller's environment but the path: a stray `RABBITMQ_…` variable would make the node another's.
fn own_environment(command: &mut Command, files: &Files, ports: &Ports) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8")
        .env("HOME", files.home())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("ERL_EPMD_PORT", ports.epmd.to_string());
}

fn spawn(mut command: Command, files: &Files, output: &str) -> anyhow::Result<Node> {
    let output = files.output(output)?;
    let child = command
        .current_dir(files.home())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .spawn()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    Ok(Node { child })
}
