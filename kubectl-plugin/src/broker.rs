//! The broker that is meant, and the ways to talk to it.

use std::path::PathBuf;
use std::time::Duration;

use amqp_admin::{Addresses, BrokerConnection, Endpoints, Management, VhostName};
use anyhow::{Context as _, Result};
use clap::Args;

use crate::place::Place;

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
    /// Bounds each answer of the broker and of the services.
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

impl BrokerArgs {
    /// The addresses, with the files of secrets that the command line names.
    pub(crate) fn addresses(&self, amqp_uri: String, management_url: Option<String>) -> Addresses {
        Addresses {
            amqp_uri,
            management_url,
            metrics_urls: Vec::new(),
            username_file: self.username_file.clone(),
            password_file: self.password_file.clone(),
            ca_file: self.ca_file.clone(),
            client_cert_file: self.client_cert_file.clone(),
            client_key_file: self.client_key_file.clone(),
        }
    }

    /// Whether the command line says who we are at the broker.
    pub(crate) fn names_a_user(&self) -> bool {
        self.username_file.is_some() || self.password_file.is_some()
    }
}

/// A broker and one vhost of it; nothing is connected yet.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) endpoints: Endpoints,
    pub(crate) vhost: VhostName,
    pub(crate) timeout: Duration,
    pub(crate) management: Management,
    /// The cluster it was found in; `None`: it was named directly.
    pub(crate) place: Option<Place>,
}

impl Broker {
    /// The broker at that URI; reads the files that the command line names.
    pub(crate) fn direct(amqp_uri: String, args: &BrokerArgs) -> Result<Self> {
        let endpoints = args.addresses(amqp_uri, args.management_url.clone()).resolve()?;
        Self::at(endpoints, args, None)
    }

    /// The broker at those endpoints.
    pub(crate) fn at(
        endpoints: Endpoints,
        args: &BrokerArgs,
        place: Option<Place>,
    ) -> Result<Self> {
        let vhost = match &args.vhost {
            Some(name) => VhostName::new(name).with_context(|| format!("--vhost `{name}`"))?,
            None => endpoints.amqp.vhost()?,
        };
        let timeout = args.timeout;
        let management = Management::new(endpoints.management.clone(), timeout)?;
        Ok(Self { endpoints, vhost, timeout, management, place })
    }

    /// Connects over AMQP.
    pub(crate) async fn connect(&self) -> Result<BrokerConnection> {
        Ok(BrokerConnection::connect(&self.endpoints.amqp, &self.vhost, self.timeout).await?)
    }

    /// The name that has to be typed for what reaches everything: the release's, or the vhost's.
    pub(crate) fn whole(&self) -> String {
        let release = self.place.as_ref().map(|place| place.release.name.clone());
        release.unwrap_or_else(|| self.vhost.to_string())
    }
}
