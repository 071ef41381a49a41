//! `scale explain`: the scaler's own words.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, StatusCode, Url};

use crate::cluster::ClusterArgs;
use crate::exit::{self, Code, NotFound};
use crate::output::Printer;
use crate::place::reach_scaler;

/// What `--help` ends with.
pub(super) const EXAMPLES: &str = "\
Queues matched and left out, sums, busy floor, cap and value, line by line.

Examples:
  zero scale explain                                   the release's scaler, through the API server
  zero scale explain --scaler-url http://zero-scaler:8080
  zero scale explain --object provers/zero-worker
  zero scale explain vhost=/ target=2 maxWorkers=8     a trigger that nobody has asked for";

/// What can be typed after `scale explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the scaler serves its status page; without it, the release's in the cluster.
    #[arg(long, env = "ZERO_SCALER_URL", value_name = "URL")]
    scaler_url: Option<Url>,
    /// Only the triggers of one ScaledObject.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = object, conflicts_with = "metadata")]
    object: Option<(String, String)>,
    /// Trigger metadata to try out, instead of what KEDA asked for.
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

/// Asks the scaler.
pub(super) async fn run(
    args: &Args,
    cluster: &ClusterArgs,
    timeout: Duration,
    printer: &mut Printer,
) -> Result<Code> {
    // It carries the connection as long as it lives.
    let (base, forward) = match &args.scaler_url {
        Some(url) => (url.clone(), None),
        None => reach_scaler(cluster, timeout).await?,
    };
    let answer = ask(url(&base, args)?, timeout, &base).await;
    let trouble = forward.and_then(|forward| forward.trouble());
    let (status, words) = match trouble {
        Some(trouble) => answer.context(trouble)?,
        None => answer?,
    };
    match status {
        StatusCode::OK => printer.text(&words)?,
        StatusCode::NOT_FOUND => return Err(NotFound(words.trim().to_owned()).into()),
        _ => bail!("{}", words.trim()),
    }
    Ok(exit::DONE)
}

fn url(base: &Url, args: &Args) -> Result<Url> {
    let mut url = base.join("explain").context("--scaler-url")?;
    if let Some((namespace, name)) = &args.object {
        url.query_pairs_mut().append_pair("namespace", namespace).append_pair("name", name);
    }
    for (key, value) in &args.metadata {
        url.query_pairs_mut().append_pair(key, value);
    }
    Ok(url)
}

async fn ask(url: Url, timeout: Duration, base: &Url) -> Result<(StatusCode, String)> {
    let client = Client::builder().timeout(timeout).build().context("cannot start")?;
    let answer = client.get(url).send().await.map_err(|error| {
        anyhow::Error::from(error.without_url()).context(format!(
            "the scaler does not answer at {base}; say where its status page is with --scaler-url"
        ))
    })?;
    let status = answer.status();
    Ok((status, answer.text().await.context("the scaler's answer broke off")?))
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn object(text: &str) -> Result<(String, String), String> {
    let (namespace, name) = text.split_once('/').ok_or("write it as NAMESPACE/NAME")?;
    Ok((namespace.to_owned(), name.to_owned()))
}
