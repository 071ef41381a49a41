//! The processes of the broker, the node and its port mapper, and whether it is up.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::files::Files;
use super::ports::Ports;
use super::server::Server;
use crate::access::Access;
use crate::process::Process;

/// What a client says first, and the broker answers with `connection.start`.
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
/// A method frame on channel 0.
const METHOD_FRAME: [u8; 3] = [1, 0, 0];

/// The broker itself.
pub(super) fn rabbitmq(server: &Server, files: &Files, ports: &Ports) -> anyhow::Result<Process> {
    let mut command = server.script();
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
        .env("ERL_CRASH_DUMP", files.path("log/erl_crash.dump"))
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        );
    Process::spawn(command, files.home(), &files.path("output.log"))
}

/// The port mapper, in the foreground.
pub(super) fn epmd(server: &Server, files: &Files, ports: &Ports) -> anyhow::Result<Process> {
    let mut command = server.program("epmd");
    own_environment(&mut command, files, ports);
    command.args(["-address", "127.0.0.1", "-port", &ports.epmd.to_string()]);
    Process::spawn(command, files.home(), &files.path("epmd.log"))
}

/// Whether the broker really is up: AMQP, the management API with our user, and the metrics.
pub(crate) fn answers(access: &Access) -> anyhow::Result<()> {
    access.management().get("/api/whoami")?;
    // The management API answers before its statistics do: with 500 for a moment.
    access.management().get("/api/overview")?;
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
