//! The configured brokers and the proof service: from options, or from one YAML file for several.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use amqp_admin::{Addresses, Endpoint, Endpoints, VhostName};
use anyhow::{Context, Result, bail, ensure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::args::BrokerArgs;
use crate::trigger::DEFAULT_BROKER;

/// RabbitMQ's default `collect_statistics_interval`.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(5);
/// Outside, it is a typing error.
const STATISTICS_INTERVALS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(300);

/// One broker, ready to be connected to.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Its name in trigger metadata.
    pub alias: String,
    /// AMQP.
    pub amqp: Endpoint,
    /// The management API.
    pub management: Endpoint,
    /// The metrics ports of all nodes; may be none.
    pub metrics: Vec<Endpoint>,
    /// The broker's `collect_statistics_interval`.
    pub statistics_interval: Duration,
    /// The vhost that is watched from the start.
    pub home: VhostName,
}

/// All that is asked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The brokers, by alias.
    pub brokers: Vec<BrokerConfig>,
    /// The proof service, where one is named.
    pub leader: Option<Endpoint>,
}

/// The YAML file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    brokers: BTreeMap<String, FileBroker>,
    leader_url: Option<String>,
    #[serde(rename = "leaderTokenFile")]
    leader_token: Option<PathBuf>,
}

/// One broker in the YAML file; the fields are the options of the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileBroker {
    amqp_uri: Option<String>,
    management_url: Option<String>,
    #[serde(default)]
    metrics_urls: Vec<String>,
    #[serde(default, deserialize_with = "duration")]
    statistics_interval: Option<Duration>,
    username_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
}

/// Reads what the options name.
pub fn read(args: BrokerArgs) -> Result<Config> {
    if let Some(path) = &args.config {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration `{}`", path.display()))?;
        return from_yaml(&text)
            .with_context(|| format!("in the configuration `{}`", path.display()));
    }
    let BrokerArgs {
        amqp_uri,
        management_url,
        metrics_url,
        statistics_interval,
        username_file,
        password_file,
        ca_file,
        client_cert_file,
        client_key_file,
        leader_url,
        leader_token_file,
        config: _,
    } = args;
    let broker = FileBroker {
        amqp_uri,
        management_url,
        metrics_urls: metrics_url,
        statistics_interval: Some(statistics_interval),
        username_file,
        password_file,
        ca_file,
        client_cert_file,
        client_key_file,
    };
    let leader = leader(leader_url, leader_token_file)?;
    Ok(Config { brokers: vec![broker.build(DEFAULT_BROKER)?], leader })
}

fn from_yaml(text: &str) -> Result<Config> {
    let file: File = serde_norway::from_str(text)?;
    ensure!(!file.brokers.is_empty(), "`brokers` names none");
    let brokers = file
        .brokers
        .into_iter()
        .map(|(alias, broker)| broker.build(&alias).with_context(|| format!("broker `{alias}`")));
    let brokers = brokers.collect::<Result<_>>()?;
    Ok(Config { brokers, leader: leader(file.leader_url, file.leader_token)? })
}

fn leader(url: Option<String>, token_file: Option<PathBuf>) -> Result<Option<Endpoint>> {
    let endpoint = url.map(|url| Endpoint::service(&url)).transpose();
    let endpoint = endpoint.map(|found| found.map(|endpoint| endpoint.with_token_file(token_file)));
    endpoint.context("the proof service: --leader-url, ZERO_SCALER_LEADER_URL or `leaderUrl`")
}

impl FileBroker {
    fn build(self, alias: &str) -> Result<BrokerConfig> {
        let Some(amqp_uri) = self.amqp_uri else {
            bail!("no AMQP address: give --amqp-uri, ZERO_SCALER_AMQP_URI or --config")
        };
        let Some(management_url) = self.management_url else {
            bail!(
                "no management address: give --management-url or ZERO_SCALER_MANAGEMENT_URL (the broker's plugin rabbitmq_management serves it)"
            )
        };
        let addresses = Addresses {
            amqp_uri,
            management_url: Some(management_url),
            metrics_urls: self.metrics_urls,
            username_file: self.username_file,
            password_file: self.password_file,
            ca_file: self.ca_file,
            client_cert_file: self.client_cert_file,
            client_key_file: self.client_key_file,
        };
        let Endpoints { amqp, management, metrics } = addresses.resolve()?;
        Ok(BrokerConfig {
            alias: alias.to_owned(),
            statistics_interval: statistics_interval(self.statistics_interval)?,
            home: amqp.vhost()?,
            management,
            metrics,
            amqp,
        })
    }
}

fn statistics_interval(told: Option<Duration>) -> Result<Duration> {
    let interval = told.unwrap_or(STATISTICS_INTERVAL);
    ensure!(
        STATISTICS_INTERVALS.contains(&interval),
        "the statistics interval must be from 100ms to 5m, got {}",
        humantime::format_duration(interval)
    );
    Ok(interval)
}

/// A duration as the command line has it: `500ms`, `5s`.
fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(value)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|error| D::Error::custom(format!("`{text}` is no duration: {error}")))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn several_brokers_each_with_credentials_of_its_own() {
        let Config { brokers, leader } = from_yaml(
            "leaderUrl: http://zero-leader:8080\nbrokers:
               default: {amqpUri: 'amqp://u:p@a:5672/proofs', managementUrl: 'http://a:15672'}
               other:
                 amqpUri: amqps://b
                 statisticsInterval: 1s
                 managementUrl: https://u2:p2@b
                 metricsUrls: [http://b-0:15692, http://b-1:15692]",
        )
        .unwrap();
        assert_eq!(leader.unwrap().url().as_str(), "http://zero-leader:8080/");
        let user = |endpoint: &Endpoint| endpoint.credentials.as_ref().map(|c| c.user.clone());
        assert_eq!(brokers[0].home.as_str(), "proofs");
        assert_eq!(user(&brokers[0].management).as_deref(), Some("u"));
        assert_eq!(user(&brokers[1].management).as_deref(), Some("u2"));
        assert_eq!(brokers[1].metrics.len(), 2);
        let intervals = brokers.iter().map(|broker| broker.statistics_interval.as_secs());
        assert_eq!(intervals.collect::<Vec<_>>(), [5, 1]);
    }

    #[test]
    fn mistakes_are_told_with_the_place() {
        for (yaml, words) in [
            ("brokers: {}", "names none"),
            ("brokers: {a: {amqpUri: 'amqp://h'}}", "broker `a`"),
            ("brokers: {a: {amqpUrl: 'amqp://h'}}", "amqpUrl"),
            ("brokers: {a: {amqpUri: 'http://h', managementUrl: 'http://h'}}", "scheme"),
            (
                "brokers: {a: {amqpUri: 'amqp://h', managementUrl: 'http://h', statisticsInterval: 1h}}",
                "from 100ms to 5m, got 1h",
            ),
        ] {
            let message = format!("{:#}", from_yaml(yaml).unwrap_err());
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn the_password_comes_from_a_file_and_the_user_from_the_uri() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret\n").unwrap();
        let broker = FileBroker {
            amqp_uri: Some("amqp://zero@h".into()),
            management_url: Some("http://h:15672".into()),
            password_file: Some(file),
            ..FileBroker::default()
        };
        let broker = broker.build("default").unwrap();
        let credentials = broker.management.credentials.as_ref().unwrap();
        assert_eq!(
            (credentials.user.as_str(), credentials.password.expose_secret()),
            ("zero", "s3cret")
        );
        assert!(!format!("{broker:?}").contains("s3cret"));
    }
}
