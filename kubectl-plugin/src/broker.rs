//! The broker that the command line names, and the ways to talk to it.

use std::path::PathBuf;
use std::time::Duration;

use amqp_admin::{Addresses, BrokerConnection, Endpoints, Management, VhostName};
use anyhow::{Context as _, Result};
use clap::Args;

use crate::exit::Usage;

/// A broker named directly, without a cluster.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct BrokerArgs {
    /// The broker's AMQP URI; its path names the vhost.
    #[arg(long, global = true, env = "ZERO_AMQP_URI", hide_env_values = true, value_name = "URI")]
    pub(crate) amqp_uri: Option<String>,
    /// The broker's management address, when it is not on the same host at the stock port.
    #[arg(
        long,
        global = true,
        env = "ZERO_MANAGEMENT_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) management_url: Option<String>,
    /// Another vhost than the URI's.
    #[arg(long, global = true, env = "ZERO_VHOST", value_name = "NAME")]
    pub(crate) vhost: Option<String>,
    /// A file that holds the user's name.
    #[arg(long, global = true, env = "ZERO_USERNAME_FILE", value_name = "FILE")]
    pub(crate) username_file: Option<PathBuf>,
    /// A file that holds the password; the user's name may then stand in the URI.
    #[arg(long, global = true, env = "ZERO_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificate authorities to trust besides the system's, PEM.
    #[arg(long, global = true, env = "ZERO_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Our certificate, for a broker that asks for one, PEM.
    #[arg(long, global = true, env = "ZERO_CLIENT_CERT_FILE", value_name = "FILE")]
    pub(crate) client_cert_file: Option<PathBuf>,
    /// The key of our certificate, PEM, PKCS#8.
    #[arg(long, global = true, env = "ZERO_CLIENT_KEY_FILE", value_name = "FILE")]
    pub(crate) client_key_file: Option<PathBuf>,
    /// Bounds each answer of the broker.
    #[arg(
        long = "request-timeout",
        global = true,
        env = "ZERO_REQUEST_TIMEOUT",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = humantime::parse_duration
    )]
    pub(crate) timeout: Duration,
}

/// A broker and one vhost of it; nothing is connected yet.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) endpoints: Endpoints,
    pub(crate) vhost: VhostName,
    pub(crate) timeout: Duration,
    pub(crate) management: Management,
}

impl Broker {
    /// Reads the files that the command line names.
    pub(crate) fn of(args: BrokerArgs) -> Result<Self> {
        let BrokerArgs {
            amqp_uri,
            management_url,
            vhost,
            username_file,
            password_file,
            ca_file,
            client_cert_file,
            client_key_file,
            timeout,
        } = args;
        let amqp_uri = amqp_uri.ok_or(Usage(
            "no broker is named: give --amqp-uri or set ZERO_AMQP_URI, e.g. amqp://zero@rabbitmq:5672/ with --password-file",
        ))?;
        let addresses = Addresses {
            amqp_uri,
            management_url,
            metrics_urls: Vec::new(),
            username_file,
            password_file,
            ca_file,
            client_cert_file,
            client_key_file,
        };
        let endpoints = addresses.resolve()?;
        let vhost = match vhost {
            Some(name) => VhostName::new(&name).with_context(|| format!("--vhost `{name}`"))?,
            None => endpoints.amqp.vhost()?,
        };
        let management = Management::new(endpoints.management.clone(), timeout)?;
        Ok(Self { endpoints, vhost, timeout, management })
    }

    /// Connects over AMQP.
    pub(crate) async fn connect(&self) -> Result<BrokerConnection> {
        Ok(BrokerConnection::connect(&self.endpoints.amqp, &self.vhost, self.timeout).await?)
    }
}
