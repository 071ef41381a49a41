//! Where the broker is and how its queues are made, as both programs are told it; and what follows.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use amqp_admin::{Addresses, Endpoint, VhostName};
use amqp_gateway::Config;
use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use secrecy::ExposeSecret as _;

use crate::cleaning::Secrets;

/// Where the prover's programs look for their broker by themselves, newest first.
const PROVERS_OWN: [&str; 2] = ["PALADIN_AMQP_URI", "AMQP_URI"];

/// The broker. Credentials may stand in the URI in the environment or, better, in files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerArgs {
    /// The broker's AMQP URI; its path names the vhost. Several are tried in turn. Without it the
    /// prover's own `PALADIN_AMQP_URI` or `AMQP_URI`.
    #[arg(
        long,
        env = "ZERO_WORKER_AMQP_URI",
        hide_env_values = true,
        value_name = "URI",
        value_delimiter = ','
    )]
    pub amqp_uri: Vec<String>,
    /// Another vhost than the URI's.
    #[arg(long, env = "ZERO_WORKER_VHOST", value_name = "NAME")]
    pub vhost: Option<String>,
    /// A file that holds the user's name.
    #[arg(long, env = "ZERO_WORKER_USERNAME_FILE", value_name = "FILE")]
    pub username_file: Option<PathBuf>,
    /// A file that holds the password; the user's name may then stand in the URI.
    #[arg(long, env = "ZERO_WORKER_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Certificate authorities to trust besides the system's, PEM.
    #[arg(long, env = "ZERO_WORKER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for a broker that asks for one, PEM.
    #[arg(long, env = "ZERO_WORKER_CLIENT_CERT_FILE", value_name = "FILE")]
    pub client_cert_file: Option<PathBuf>,
    /// The key of our certificate, PEM, PKCS#8.
    #[arg(long, env = "ZERO_WORKER_CLIENT_KEY_FILE", value_name = "FILE")]
    pub client_key_file: Option<PathBuf>,
    /// How queues are declared; the same for leaders and workers.
    #[arg(long, env = "ZERO_WORKER_QUEUE_POLICY", value_enum, default_value_t = QueuePolicy::AsIs)]
    pub queue_policy: QueuePolicy,
    /// With the policy `durable`: task queues tell so many priorities apart, 1 to 255 (more than 10
    /// cost the broker much); the same for leaders and workers. Quorum queues tell two apart by
    /// themselves.
    #[arg(long, env = "ZERO_WORKER_MAX_PRIORITY", value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub max_priority: Option<u8>,
    /// As often as a task is tried before it is put aside: a task that kills so many workers is not
    /// given to another.
    #[arg(long, env = "ZERO_WORKER_ATTEMPTS", value_name = "N", default_value = "3")]
    pub attempts: NonZeroU32,
    /// For so long a lost connection to the broker is tried to be made anew before the prover's
    /// process, which cannot do that itself, is told and ended.
    #[arg(long, env = "ZERO_WORKER_RECONNECT_FOR", value_name = "DURATION", default_value = "10m", value_parser = humantime::parse_duration)]
    pub reconnect_for: Duration,
}

/// How queues are declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueuePolicy {
    /// As the worker does: gone with a broker's restart, and after 30 minutes without use
    AsIs,
    /// Durable classic queues; task queues never expire
    Durable,
    /// Task queues are quorum queues, result queues durable classic ones
    Quorum,
}

impl BrokerArgs {
    /// The broker's addresses with credentials, and the vhost: all addresses are of one broker.
    pub fn endpoints(&self) -> Result<(Vec<Endpoint>, VhostName)> {
        let mut uris = self.amqp_uri.clone();
        if uris.is_empty() {
            uris.extend(PROVERS_OWN.iter().find_map(|name| std::env::var(name).ok()));
        }
        let endpoints = uris.into_iter().map(|amqp_uri| {
            let addresses = Addresses {
                amqp_uri,
                username_file: self.username_file.clone(),
                password_file: self.password_file.clone(),
                ca_file: self.ca_file.clone(),
                client_cert_file: self.client_cert_file.clone(),
                client_key_file: self.client_key_file.clone(),
                ..Addresses::default()
            };
            Ok(addresses.resolve()?.amqp)
        });
        let endpoints: Vec<Endpoint> = endpoints.collect::<Result<_>>()?;
        let Some(first) = endpoints.first() else {
            bail!("no broker is named; give --amqp-uri, or set PALADIN_AMQP_URI");
        };
        let vhost = match &self.vhost {
            Some(name) => VhostName::new(name).with_context(|| format!("--vhost `{name}`"))?,
            None => first.vhost()?,
        };
        Ok((endpoints, vhost))
    }

    /// What a gateway to this broker is told.
    pub fn gateway(&self, broker: Vec<Endpoint>, vhost: VhostName) -> Result<Config> {
        let policy = match self.queue_policy {
            QueuePolicy::AsIs => amqp_gateway::QueuePolicy::AsIs,
            QueuePolicy::Durable => amqp_gateway::QueuePolicy::Durable,
            QueuePolicy::Quorum => amqp_gateway::QueuePolicy::Quorum,
        };
        let max_priority = self.max_priority;
        if max_priority.is_some() && self.queue_policy != QueuePolicy::Durable {
            bail!(
                "--max-priority changes nothing without --queue-policy durable: with `as-is` queues stay as they are declared, and quorum queues tell two priorities apart without it"
            );
        }
        let (attempts, reconnect_for) = (self.attempts, self.reconnect_for);
        Ok(Config { policy, max_priority, attempts, reconnect_for, ..Config::new(broker, vhost) })
    }

    /// What no child may see.
    #[must_use]
    pub fn secrets(&self, broker: &[Endpoint]) -> Secrets {
        let known = broker.iter().filter_map(|endpoint| endpoint.credentials.as_ref());
        Secrets::new(known.map(|known| known.password.expose_secret()))
    }
}
