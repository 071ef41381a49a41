//! `--check`: reaches each broker, the proof service and a scaler once and tells everything that is wrong.

use std::time::Duration;

use amqp_admin::{BrokerConnection, Endpoint, Service};
use anyhow::{Context, Result, bail};
use tokio::sync::watch;

use crate::app::source;
use crate::args::{ProtectArgs, ServeArgs};
use crate::cluster::Cluster;
use crate::config::{BrokerConfig, Config};
use crate::proof_service::ProofService;

/// Most of an answer about readiness that is read.
const READINESS_LIMIT: usize = 4096;

/// Fails with one line for each broker, service or namespace that cannot be read.
pub async fn check(config: &Config, protect: &ProtectArgs, serve: &ServeArgs) -> Result<()> {
    let mut wrong = Vec::new();
    for broker in &config.brokers {
        let outcome = check_one(broker, serve.read_timeout).await;
        match outcome {
            Ok(queues) => tracing::info!(
                "broker `{}`: {} queues in vhost `{}`",
                broker.alias,
                queues,
                broker.home
            ),
            Err(error) => wrong.push(format!("broker `{}`: {error:#}", broker.alias)),
        }
        if broker.management.is_plaintext() && !is_loopback(&broker.management) {
            tracing::warn!(
                "broker `{}`: the management address is not TLS, the password crosses the network readable",
                broker.alias
            );
        }
    }
    if let Some(leader) = &config.leader {
        match ProofService::new(leader.clone(), watch::Sender::default())?.ask().await {
            Ok(_) => tracing::info!("the proof service answers"),
            Err(error) => wrong.push(format!("the proof service: {error}")),
        }
    }
    if !protect.protect.is_empty() {
        wrong.extend(check_protect(protect).await);
    }
    if let Some(url) = &serve.check_scaler {
        match check_scaler(url, serve.read_timeout).await {
            Ok(()) => tracing::info!("the scaler at {url} is ready"),
            Err(error) => wrong.push(format!("the scaler: {error:#}")),
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

async fn check_scaler(url: &str, timeout: Duration) -> Result<()> {
    let endpoint = Endpoint::service(url).context("--check-scaler")?;
    Service::new(endpoint, timeout)?.get("/readyz", READINESS_LIMIT).await?;
    Ok(())
}

/// What cannot be read of the cluster. Whether pods may be changed shows only when one is.
async fn check_protect(args: &ProtectArgs) -> Vec<String> {
    let cluster = match Cluster::log_in().await {
        Ok(cluster) => cluster,
        Err(error) => return vec![format!("--protect: {error:#}")],
    };
    let mut wrong: Vec<String> =
        cluster.lease(&args.protect_lease).await.err().into_iter().collect();
    for target in &args.protect {
        match cluster.pods(target).await {
            Ok(pods) => tracing::info!("--protect {target}: {} pods", pods.len()),
            Err(error) => wrong.push(error),
        }
    }
    wrong
}

async fn check_one(broker: &BrokerConfig, timeout: Duration) -> Result<usize> {
    let source = source(broker, timeout)?;
    let queues = source.management.queues(&broker.home).await.context("the management API")?;
    if let Some(metrics) = &source.metrics {
        metrics.depths(&broker.home).await.context("the metrics port")?;
    }
    let connected = BrokerConnection::connect(&broker.amqp, &broker.home, timeout).await;
    connected.context("AMQP")?.close().await;
    Ok(queues.len())
}

fn is_loopback(endpoint: &amqp_admin::Endpoint) -> bool {
    endpoint
        .url()
        .host_str()
        .is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}
