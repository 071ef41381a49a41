//! Finding the programs that a demo or a test run needs, and installing them where that is allowed.
//!
//! It says what it installs and why before it does. The one package manager it knows is Debian's; elsewhere it says
//! what to install.

mod apt;
mod buildah;
mod cache;
mod checkov;
mod debian;
mod go;
pub mod helm;
pub mod keda;
pub mod kubernetes;
mod linters;
mod python;
mod terraform;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::access::Access;
use crate::docker::DockerBroker;
use crate::harness::env;
use crate::prometheus::Programs;
use crate::rabbitmq::{PrivateBroker, RabbitConfig, Series, Server};
pub use buildah::ensure_buildah;
pub use checkov::ensure_checkov;
pub use debian::ensure_bare_debian;
pub use linters::{Linters, ensure_linters};
pub use terraform::{ensure_terraform, terraform};

/// Names a broker to use instead of starting one.
pub const AMQP_URI_ENV: &str = "AMQP_URI";
/// Its management API, when that is not on the same host at the stock port.
pub const MANAGEMENT_URL_ENV: &str = "AMQP_MANAGEMENT_URL";
/// Its Prometheus endpoint, when that is not on the same host at the stock port.
pub const METRICS_URL_ENV: &str = "AMQP_METRICS_URL";

/// Where the distributions put the script; the `rabbitmq-server` of Debian's path is a wrapper that changes the user.
const SERVER_PATHS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "/usr/local/opt/rabbitmq/sbin/rabbitmq-server",
];

/// A sink for the lines that tell the user what is going on.
pub type Say<'a> = &'a mut dyn FnMut(&str);

/// A broker that can be used, and what keeps it running.
pub enum Broker {
    /// The user's own, named by the environment.
    Given(Access),
    /// A node of ours on this machine.
    Private(Box<PrivateBroker>),
    /// A container of ours.
    Docker(DockerBroker),
}

impl Broker {
    /// Where it is and who we are there.
    #[must_use]
    pub fn access(&self) -> &Access {
        match self {
            Self::Given(access) => access,
            Self::Private(broker) => broker.access(),
            Self::Docker(broker) => broker.access(),
        }
    }
}

/// The broker that the user named in the environment.
pub fn given_broker() -> anyhow::Result<Option<Access>> {
    let Ok(uri) = std::env::var(AMQP_URI_ENV) else {
        return Ok(None);
    };
    let management = std::env::var(MANAGEMENT_URL_ENV).ok();
    let metrics = std::env::var(METRICS_URL_ENV).ok();
    let access = Access::parse(&uri, management.as_deref(), metrics.as_deref());
    access.map(Some).with_context(|| format!("use the broker named by {AMQP_URI_ENV}"))
}

/// Starts a broker of our own, private on this machine if that can be had, else in a container.
pub fn own_broker(config: &RabbitConfig, say: Say<'_>) -> anyhow::Result<Broker> {
    let series = chosen_series()?;
    let missing = match ensure_series(series, say) {
        Ok(server) => {
            let broker = PrivateBroker::start_from(&server, config)?;
            return Ok(Broker::Private(Box::new(broker)));
        }
        Err(missing) => missing,
    };
    if series == Series::default() && DockerBroker::is_possible() {
        say(&format!("{missing:#}; starting a RabbitMQ container instead"));
        return Ok(Broker::Docker(DockerBroker::start()?));
    }
    Err(missing.context("there is no Docker engine either"))
}

/// The series of RabbitMQ that the environment names; the machine's own when it names none.
pub fn chosen_series() -> anyhow::Result<Series> {
    let Ok(name) = std::env::var(env::RABBITMQ) else {
        return Ok(Series::default());
    };
    name.parse().with_context(|| format!("read {}", env::RABBITMQ))
}

/// Where builds of images keep what they can do without, for the next build.
pub fn images_cache() -> anyhow::Result<PathBuf> {
    let folder = cache::folder()?.join("images");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    Ok(folder)
}

/// The RabbitMQ of the chosen series; looks and changes nothing.
pub fn rabbitmq_server() -> anyhow::Result<Option<Server>> {
    let series = chosen_series()?;
    Ok(match series.suite() {
        None => machine_server(),
        Some(suite) => debian::installed(series, suite),
    })
}

/// The RabbitMQ of the chosen series, installed when it is missing.
pub fn ensure_rabbitmq(say: Say<'_>) -> anyhow::Result<Server> {
    ensure_series(chosen_series()?, say)
}

/// The RabbitMQ of a series, installed when it is missing.
pub fn ensure_series(series: Series, say: Say<'_>) -> anyhow::Result<Server> {
    if let Some(suite) = series.suite() {
        return debian::ensure(series, suite, say);
    }
    if let Some(server) = machine_server() {
        return Ok(server);
    }
    say(
        "RabbitMQ is not on this machine; it is what the scaler reads, so demo and tests need one.",
    );
    apt::install("rabbitmq-server", say)?;
    machine_server().context("`rabbitmq-server` was installed but is in none of the usual places")
}

fn machine_server() -> Option<Server> {
    machine_rabbitmq().map(Server::of_machine)
}

/// The script of the machine's own RabbitMQ; looks and changes nothing.
#[must_use]
pub fn machine_rabbitmq() -> Option<PathBuf> {
    let known = SERVER_PATHS.iter().map(PathBuf::from);
    known.chain(on_path("rabbitmq-server")).find(|path| path.is_file())
}

/// The Chromium of this machine; looks and changes nothing.
#[must_use]
pub fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path)
}

/// The Chromium of this machine, installed when it is missing.
pub fn ensure_chromium(say: Say<'_>) -> anyhow::Result<PathBuf> {
    if let Some(browser) = chromium() {
        return Ok(browser);
    }
    say(
        "Chromium is not on this machine; the tests of the scaler's page look at it through a browser.",
    );
    apt::install("chromium", say)?;
    chromium().context("`chromium` was installed but is not on the path")
}

/// Prometheus and `promtool` of this machine; looks and changes nothing.
#[must_use]
pub fn prometheus() -> Option<Programs> {
    let (prometheus, promtool) = (on_path("prometheus")?, on_path("promtool")?);
    Some(Programs { prometheus, promtool })
}

/// Prometheus and `promtool`, installed when they are missing.
pub fn ensure_prometheus(say: Say<'_>) -> anyhow::Result<Programs> {
    if let Some(programs) = prometheus() {
        return Ok(programs);
    }
    say(
        "Prometheus is not on this machine; the chart's alerts are tried with its promtool, and its dashboards ask it.",
    );
    apt::install("prometheus", say)?;
    prometheus().context("`prometheus` was installed but is not on the path")
}

/// A Python that has the AMQP client pika; looks and changes nothing.
#[must_use]
pub fn python_with_pika() -> Option<PathBuf> {
    let debians = PathBuf::from("/usr/bin/python3");
    let known = on_path("python3").into_iter().chain(Some(debians).filter(|path| path.is_file()));
    known.into_iter().find(|python| {
        let mut import = Command::new(python);
        import.args(["-c", "import pika"]).stdin(Stdio::null()).stderr(Stdio::null());
        import.status().is_ok_and(|status| status.success())
    })
}

/// A Python that has the AMQP client pika, installed when it is missing.
pub fn ensure_pika(say: Say<'_>) -> anyhow::Result<PathBuf> {
    if let Some(python) = python_with_pika() {
        return Ok(python);
    }
    say(
        "Python's AMQP client pika is not on this machine; the gateway is tested with a client in another language.",
    );
    apt::install("python3-pika", say)?;
    python_with_pika().context("`python3-pika` was installed but no Python imports it")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn require_program(program: &str) -> anyhow::Result<()> {
    if on_path(program).is_none() && !Path::new(program).is_file() {
        bail!("`{program}` is not on this machine");
    }
    Ok(())
}
