//! `scale explain`: the scaler's own words.

use std::time::Duration;

use anyhow::Result;
use reqwest::Url;

use crate::cluster::ClusterArgs;
use crate::exit::{self, Code};
use crate::output::Printer;
use crate::place::reach_scaler;
use crate::scaler::Scaler;

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
    let scaler = match &args.scaler_url {
        Some(url) => Scaler { url: url.clone(), forward: None, limit: timeout },
        None => reach_scaler(cluster, timeout).await?,
    };
    let object = args.object.iter();
    let object =
        object.flat_map(|(namespace, name)| [("namespace", &**namespace), ("name", &**name)]);
    let metadata = args.metadata.iter().map(|(key, value)| (&**key, &**value));
    let query: Vec<(&str, &str)> = object.chain(metadata).collect();
    printer.text(&scaler.explain(&query).await?)?;
    Ok(exit::DONE)
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn object(text: &str) -> Result<(String, String), String> {
    let (namespace, name) = text.split_once('/').ok_or("write it as NAMESPACE/NAME")?;
    Ok((namespace.to_owned(), name.to_owned()))
}
