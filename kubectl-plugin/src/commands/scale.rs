//! `scale`: how the number of workers comes about, from the scaler itself.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::{Client, StatusCode, Url};

use crate::exit::{self, Code, NotFound};
use crate::output::Printer;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
The scaler's own words, line by line: queues matched and left out, sums, busy floor, cap, value.

Examples:
  zero scale explain --scaler-url http://zero-scaler:8080
  zero scale explain --object provers/zero-worker
  zero scale explain vhost=/ target=2 maxWorkers=8     a trigger that nobody has asked for";

/// What can be typed after `scale`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    act: Act,
}

/// What about scaling.
#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Say how the number of workers comes about.
    Explain(Explain),
}

#[derive(Debug, clap::Args)]
struct Explain {
    /// Where the scaler serves its status page.
    #[arg(
        long,
        env = "ZERO_SCALER_URL",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080"
    )]
    scaler_url: Url,
    /// Only the triggers of one ScaledObject.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = object, conflicts_with = "metadata")]
    object: Option<(String, String)>,
    /// Trigger metadata to try out, instead of what KEDA asked for.
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

/// Asks the scaler.
pub(crate) async fn run(args: &Args, timeout: Duration, printer: &mut Printer) -> Result<Code> {
    let Act::Explain(explain) = &args.act;
    let mut url = explain.scaler_url.join("explain").context("--scaler-url")?;
    if let Some((namespace, name)) = &explain.object {
        url.query_pairs_mut().append_pair("namespace", namespace).append_pair("name", name);
    }
    for (key, value) in &explain.metadata {
        url.query_pairs_mut().append_pair(key, value);
    }
    let client = Client::builder().timeout(timeout).build().context("cannot start")?;
    let answer = client.get(url).send().await.map_err(|error| {
        anyhow::Error::from(error.without_url()).context(format!(
            "the scaler does not answer at {}; say where its status page is with --scaler-url",
            explain.scaler_url
        ))
    })?;
    let status = answer.status();
    let words = answer.text().await.context("the scaler's answer broke off")?;
    match status {
        StatusCode::OK => printer.text(&words)?,
        StatusCode::NOT_FOUND => return Err(NotFound(words.trim().to_owned()).into()),
        _ => bail!("{}", words.trim()),
    }
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
