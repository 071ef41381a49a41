//! A broker in a container: the way out where RabbitMQ can neither be found nor installed.
//!
//! It needs a running Docker engine, so the project's own test runs do not exercise it. Killing the owner leaves the
//! container running; a private node has no such gap.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::access::Access;
use crate::poll;
use crate::rabbitmq::answers;

/// The official image with the management plugin; it enables the Prometheus plugin by itself.
const IMAGE: &str = "rabbitmq:3-management";
/// Includes the container's start, not the download of the image: `docker run` waits for that.
const START_LIMIT: Duration = Duration::from_secs(90);
/// The container listens on the loopback interface of this machine only.
const USER: &str = "zero";

/// A container that goes when this value goes.
pub struct DockerBroker {
    id: String,
    access: Access,
}

impl DockerBroker {
    /// Whether there is an engine to ask.
    #[must_use]
    pub fn is_possible() -> bool {
        docker(&["info", "--format", "{{.ServerVersion}}"]).is_ok()
    }

    /// Starts a container and waits until its broker is up.
    pub fn start() -> anyhow::Result<Self> {
        let user = format!("RABBITMQ_DEFAULT_USER={USER}");
        let password = format!("RABBITMQ_DEFAULT_PASS={USER}");
        let mut run = vec!["run", "--detach", "--rm", "--env", &user, "--env", &password];
        for port in ["127.0.0.1::5672", "127.0.0.1::15672", "127.0.0.1::15692"] {
            run.extend(["--publish", port]);
        }
        run.push(IMAGE);
        let id = docker(&run).context("start a RabbitMQ container")?;
        let mut broker = Self { id, access: Access::parse("amqp://localhost", None, None)? };
        broker.access = broker.published()?;
        poll::until_blocking("the container's broker", START_LIMIT, || answers(&broker.access))?;
        Ok(broker)
    }

    /// Where the broker is and who we are there.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    fn published(&self) -> anyhow::Result<Access> {
        let address = |port: &str| {
            let listed = docker(&["port", &self.id, port])?;
            listed.lines().next().map(str::to_owned).context("the container publishes no port")
        };
        Ok(Access {
            amqp: address("5672/tcp")?,
            management_url: format!("http://{}", address("15672/tcp")?),
            metrics_url: format!("http://{}", address("15692/tcp")?),
            user: USER.to_owned(),
            password: USER.to_owned(),
        })
    }
}

impl Drop for DockerBroker {
    fn drop(&mut self) {
        let _ = docker(&["rm", "--force", &self.id]);
    }
}

fn docker(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("docker").args(args).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "docker: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
