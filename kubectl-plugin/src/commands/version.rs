//! `version`: what runs where, as far as it can be asked.

use amqp_admin::chain;
use anyhow::Result;
use reqwest::Url;
use serde::Serialize;

use crate::exit::{self, Code};
use crate::output::{Printer, Table};
use crate::place::{self, Named, Place, reach, reach_scaler};
use crate::scaler::Scaler;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
What cannot be asked says why. Exits with 3 if something that is named could not be asked; KEDA's
version is told in a cluster, to who may read the Deployment of its operator.

Examples:
  zero version
  zero version --leader-url http://zero-leader:8080 --scaler-url http://zero-scaler:8080
  zero version -o json";

/// The part that is asked for in a cluster alone.
const KEDA: &str = "KEDA";

/// What can be typed after `version`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the scaler serves its status page; in a cluster the release says it.
    #[arg(long, env = "ZERO_SCALER_URL", value_name = "URL")]
    scaler_url: Option<Url>,
}

/// One part, as programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Row {
    part: &'static str,
    version: Option<String>,
    /// Why its version is not known.
    why: Option<String>,
}

/// Asks all of them at once.
pub(crate) async fn run(args: &Args, named: &Named, printer: &mut Printer) -> Result<Code> {
    let (service, scaler, keda, broker) =
        tokio::join!(service(named), scaler(args, named), keda(named), broker(named, printer));
    let client = Row::of("client", Ok(env!("CARGO_PKG_VERSION").to_owned()));
    let rows = [vec![client], service, vec![scaler], keda, vec![broker]].concat();
    let mut table = Table::new(["PART", "VERSION"], []);
    for Row { part, version, why } in &rows {
        let why = why.as_ref().map(|why| format!("not known: {why}"));
        table.row([(*part).to_owned(), version.clone().or(why).unwrap_or_default()]);
    }
    printer.data(&rows, &table)?;
    // KEDA is nobody's to name: who may not see it misses nothing that was asked for.
    let all = rows.iter().all(|row| row.version.is_some() || row.part == KEDA);
    Ok(if all { exit::DONE } else { exit::PARTIAL })
}

/// The proof service, and the prover that it runs.
async fn service(named: &Named) -> Vec<Row> {
    let asked = async { anyhow::Ok(named.leader().await?.version().await?) };
    match asked.await {
        Ok(told) => {
            let generation = told.generation;
            let prover =
                told.prover.unwrap_or_else(|| format!("of {generation}, it tells no more"));
            vec![Row::of("proof service", Ok(told.zero_leader)), Row::of("prover", Ok(prover))]
        }
        Err(error) => {
            let why = "the proof service tells it".to_owned();
            vec![Row::of("proof service", Err(format!("{error:#}"))), Row::of("prover", Err(why))]
        }
    }
}

async fn scaler(args: &Args, named: &Named) -> Row {
    let limit = named.broker.timeout;
    let asked = async {
        let scaler = match &args.scaler_url {
            Some(url) => Scaler { url: url.clone(), forward: None, limit },
            None if named.is_without_cluster() => {
                anyhow::bail!("no scaler is named: --scaler-url says where one is")
            }
            None => reach_scaler(&named.cluster, limit).await?,
        };
        scaler.version().await
    };
    Row::of("scaler", asked.await.map_err(|error| format!("{error:#}")))
}

/// What scales the workers in a cluster; without one there is none.
async fn keda(named: &Named) -> Vec<Row> {
    if named.is_without_cluster() {
        return Vec::new();
    }
    vec![Row::of(KEDA, place::keda(&named.cluster, named.broker.timeout).await)]
}

async fn broker(named: &Named, printer: &mut Printer) -> Row {
    let asked = async {
        let broker = reach(&named.broker, &named.cluster, |words| printer.say(words)).await?;
        let overview = broker.management.overview().await.map_err(|error| {
            let way = broker.place.as_ref().and_then(Place::trouble);
            let words = chain(&error);
            anyhow::anyhow!(way.map_or(words.clone(), |way| format!("{way}: {words}")))
        })?;
        anyhow::Ok(format!("RabbitMQ {}", overview.version))
    };
    Row::of("broker", asked.await.map_err(|error| format!("{error:#}")))
}

impl Row {
    fn of(part: &'static str, asked: Result<String, String>) -> Self {
        match asked {
            Ok(version) => Self { part, version: Some(version), why: None },
            Err(why) => Self { part, version: None, why: Some(why) },
        }
    }
}
