//! `doctor`: one check for each hazard of the prover: found, not found, or could not look.

mod checks;
mod sample;
mod standing;

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::broker::Broker;
use crate::cluster::ClusterArgs;
use crate::exit::{self, Code};
use crate::facts::Facts;
use crate::output::{Printer, Table};
use crate::place;
use checks::{Evidence, check};
use sample::sample;

/// What `--help` ends with.
pub(crate) const EXAMPLES: &str = "\
The first messages of each task and control queue are looked at and given back to their places.
What can only be seen in a worker's log is named, with where to look. In a cluster, also what keeps
the release's pods from coming up: volumes, images, quota, rights, room; and ScaledObjects that lose
their workers when the broker does not answer. Exits with 6 when something is found.

Examples:
  zero doctor
  zero doctor -o wide                  with the evidence for what was not found
  zero doctor -o json | jq '.[] | select(.verdict == \"found\")'";

/// What can be typed after `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Messages to look at in each queue; 0 looks at none. `-n N` is understood too.
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) number: u64,
}

/// Whether a hazard is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Verdict {
    Found,
    NotFound,
    CouldNotLook,
}

/// One check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    id: &'static str,
    hazard: &'static str,
    verdict: Verdict,
    evidence: String,
    /// What to do about it, or where to look.
    cure: &'static str,
}

/// Looks and tells.
pub(crate) async fn run(args: &Args, broker: &Broker, printer: &mut Printer) -> Result<Code> {
    let management = &broker.management;
    let (facts, overview, permitted) = tokio::join!(
        Facts::settled(broker, printer),
        management.overview(),
        management.permits_transient_queues()
    );
    let facts = facts?;
    let sample = sample(broker, &facts, args.number).await?;
    let mut leases = Vec::new();
    for queue in facts.work_queues().filter(|queue| queue.holds_work()) {
        if !facts.is_consumed(&queue.name) {
            let detail = broker.management.queue(&broker.vhost, &queue.name).await;
            let detail = detail.with_context(|| format!("cannot ask about `{}`", queue.name))?;
            leases.push((queue.name.clone(), detail));
        }
    }
    let version = overview.map(|overview| overview.version).ok();
    // A broker that does not tell is judged by its version.
    let transient = permitted.ok().flatten();
    let (facts, sample, leases) = (&facts, &sample, leases.as_slice());
    let mut findings = check(&Evidence { facts, sample, leases, version, transient });
    if let Some(place) = &broker.place {
        findings.extend(standing::check(&place.standing().await));
    }
    print(&findings, printer)?;
    let ill = findings.iter().any(|finding| finding.verdict == Verdict::Found);
    Ok(if ill { exit::UNHEALTHY } else { exit::DONE })
}

/// The broker cannot be reached: tells what the cluster says of the release, if that is anything.
pub(crate) async fn without_broker(
    cluster: &ClusterArgs,
    limit: Duration,
    printer: &mut Printer,
) -> Result<()> {
    let Ok(standing) = place::standing(cluster, limit).await else { return Ok(()) };
    let mut findings = standing::check(&standing);
    findings.retain(|finding| finding.verdict == Verdict::Found);
    if findings.is_empty() { Ok(()) } else { print(&findings, printer) }
}

fn print(findings: &[Finding], printer: &mut Printer) -> Result<()> {
    let mut table = Table::new(["HAZARD", "VERDICT", "WHAT", "CURE"], ["EVIDENCE"]);
    for finding in findings {
        let verdict = match finding.verdict {
            Verdict::Found => "FOUND",
            Verdict::NotFound => "not found",
            Verdict::CouldNotLook => "could not look",
        };
        let found = finding.verdict == Verdict::Found;
        let what = if found { finding.evidence.clone() } else { finding.hazard.to_owned() };
        let cure = match finding.verdict {
            Verdict::NotFound => "-",
            Verdict::Found | Verdict::CouldNotLook => finding.cure,
        };
        let cells = [finding.id, verdict, &what, cure, &finding.evidence];
        table.row(cells.map(str::to_owned));
    }
    printer.data(&findings, &table)
}
