//! `scale pause` and `scale resume`: KEDA's annotations on the release's ScaledObjects.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::ask::{Approval, Consent, approve};
use crate::cluster::{Cluster, ClusterArgs, Hold, Refusal, Release, Scaled, find};
use crate::exit::{self, Code, NotFound};
use crate::output::{Printer, Table};
use crate::place::leave_event;

/// What `pause --help` ends with.
pub(super) const PAUSE_EXAMPLES: &str = "\
KEDA's pause annotations are set on the ScaledObjects of the release, those with its
app.kubernetes.io/instance label, or on those that are named. While everything is paused KEDA does
not ask the scaler at all. --scale-in and --scale-out want KEDA 2.18 or newer.

Examples:
  zero scale pause                         as many workers as there are now
  zero scale pause --replicas 0            no worker
  zero scale pause --scale-in              no worker goes, more may come
  zero scale pause zero-worker --dry-run";

/// What `resume --help` ends with.
pub(super) const RESUME_EXAMPLES: &str = "\
Every pause annotation of KEDA's is taken away, whoever set it.

Examples:
  zero scale resume
  zero scale resume zero-worker --yes";

/// What both take.
#[derive(Debug, clap::Args)]
struct Common {
    /// ScaledObjects; without any, those of the release.
    #[arg(value_name = "SCALEDOBJECT")]
    names: Vec<String>,
    #[command(flatten)]
    consent: Consent,
    /// Why; it is in the Event that is left on the release.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// What can be typed after `scale pause`.
#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    common: Common,
    /// Hold this many replicas, instead of as many as there are.
    #[arg(long, value_name = "N", conflicts_with_all = ["scale_in", "scale_out"])]
    replicas: Option<u32>,
    /// Hold back scale-in only.
    #[arg(long, conflicts_with = "scale_out")]
    scale_in: bool,
    /// Hold back scale-out only.
    #[arg(long)]
    scale_out: bool,
}

/// What can be typed after `scale resume`.
#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    #[command(flatten)]
    common: Common,
}

/// What became of one ScaledObject, as programs read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    namespace: String,
    name: String,
    target: String,
    /// How it was held, in KEDA's words.
    before: Vec<String>,
    /// `planned`, `done` or `failed`.
    state: &'static str,
    error: Option<String>,
}

/// Holds the number of workers.
pub(super) async fn pause(
    args: &PauseArgs,
    cluster: &ClusterArgs,
    timeout: Duration,
    printer: &mut Printer,
) -> Result<Code> {
    let hold = match args.replicas {
        Some(replicas) => Hold::At(replicas),
        None if args.scale_in => Hold::ScaleIn,
        None if args.scale_out => Hold::ScaleOut,
        None => Hold::Here,
    };
    let site = Site::enter(cluster, timeout).await?;
    site.change(&args.common, Some(hold), printer).await
}

/// Lets KEDA scale again.
pub(super) async fn resume(
    args: &ResumeArgs,
    cluster: &ClusterArgs,
    timeout: Duration,
    printer: &mut Printer,
) -> Result<Code> {
    let site = Site::enter(cluster, timeout).await?;
    site.change(&args.common, None, printer).await
}

/// A cluster and the release in it, if one is found; ScaledObjects can be named without.
struct Site {
    cluster: Cluster,
    release: Result<Release>,
}

impl Site {
    async fn enter(flags: &ClusterArgs, timeout: Duration) -> Result<Self> {
        let cluster = Cluster::log_in(flags, timeout).await?;
        let release = find(&cluster, flags.release.as_deref()).await;
        Ok(Self { cluster, release })
    }

    async fn change(
        self,
        args: &Common,
        hold: Option<Hold>,
        printer: &mut Printer,
    ) -> Result<Code> {
        let namespace = self.cluster.namespace.clone();
        let all = Scaled::list(&self.cluster, &namespace).await.map_err(words)?;
        let mut chosen = choose(all, &args.names, self.release.as_ref(), &namespace)?;
        chosen.retain(|scaled| hold.is_some() || !scaled.held.is_empty());
        if chosen.is_empty() {
            printer.say("nothing is held");
            return tell(&[], printer);
        }
        let plan = plan(&chosen, hold);
        if !(args.consent.dry_run && printer.is_for_programs()) {
            printer.say(&format!("In namespace `{namespace}`:\n{plan}"));
        }
        if args.consent.dry_run {
            let planned = |scaled| row(scaled, &namespace, "planned");
            return tell(&chosen.iter().map(planned).collect::<Vec<_>>(), printer);
        }
        approve(printer, Approval::Yes, args.consent.yes)?;
        let mut rows = Vec::new();
        for scaled in &chosen {
            let outcome = scaled.hold(&self.cluster, &namespace, hold).await;
            let mut row = row(scaled, &namespace, "done");
            if let Err(refusal) = outcome {
                (row.state, row.error) = ("failed", Some(refusal.to_string()));
            }
            rows.push(row);
        }
        self.leave_event(args, &plan, &rows, printer).await;
        tell(&rows, printer)
    }

    async fn leave_event(&self, args: &Common, plan: &str, rows: &[Row], printer: &mut Printer) {
        let Ok(release) = &self.release else { return };
        if rows.iter().all(|row| row.state == "failed") {
            return;
        }
        let done = plan.trim().replace('\n', ";");
        let why = ("scale", args.reason.as_str());
        leave_event((&self.cluster, release), why, &done, printer).await;
    }
}

/// A cluster without KEDA has no such kind of object.
fn words(refusal: Refusal) -> anyhow::Error {
    if refusal.is_missing() {
        return NotFound(format!("{refusal}; is KEDA installed in this cluster?")).into();
    }
    refusal.into()
}

/// PURE: those that are named, or those of the release.
fn choose(
    all: Vec<Scaled>,
    names: &[String],
    release: Result<&Release, &anyhow::Error>,
    namespace: &str,
) -> Result<Vec<Scaled>> {
    let known: Vec<String> = all.iter().map(|scaled| format!("`{}`", scaled.name)).collect();
    let known = if known.is_empty() {
        "it has none".to_owned()
    } else {
        "it has ".to_owned() + &known.join(", ")
    };
    if let Some(missing) = names.iter().find(|name| !all.iter().any(|s| s.name == **name)) {
        let words = format!("namespace `{namespace}` has no ScaledObject `{missing}`; {known}");
        return Err(NotFound(words).into());
    }
    if !names.is_empty() {
        return Ok(all.into_iter().filter(|scaled| names.contains(&scaled.name)).collect());
    }
    let release = release.map_err(|why| anyhow::anyhow!("{why:#}"));
    let release = release.context("no ScaledObject is named, and the release is not known")?;
    let chosen: Vec<Scaled> = all.into_iter().filter(|s| s.is_of(&release.name)).collect();
    if chosen.is_empty() {
        let name = &release.name;
        return Err(NotFound(format!(
            "no ScaledObject of namespace `{namespace}` is labelled as of release `{name}`; {known}: name those that are meant"
        ))
        .into());
    }
    Ok(chosen)
}

/// PURE: what would be done, a line for each object.
fn plan(chosen: &[Scaled], hold: Option<Hold>) -> String {
    let act = match hold {
        Some(Hold::Here) => "hold at as many replicas as there are".to_owned(),
        Some(Hold::At(replicas)) => format!("hold at {replicas} replicas"),
        Some(Hold::ScaleIn) => "hold back scale-in".to_owned(),
        Some(Hold::ScaleOut) => "hold back scale-out".to_owned(),
        None => "let KEDA scale again".to_owned(),
    };
    let line = |scaled: &Scaled| {
        let before = held(scaled).join(", ");
        let before = if before.is_empty() { "not held".to_owned() } else { before };
        format!("  {} ({}): {act}; now: {before}", scaled.name, scaled.target)
    };
    chosen.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn held(scaled: &Scaled) -> Vec<String> {
    scaled.held.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn row(scaled: &Scaled, namespace: &str, state: &'static str) -> Row {
    let Scaled { name, target, .. } = scaled.clone();
    let before = held(scaled);
    Row { namespace: namespace.to_owned(), name, target, before, state, error: None }
}

fn tell(rows: &[Row], printer: &mut Printer) -> Result<Code> {
    let mut table = Table::new(["SCALEDOBJECT", "SCALES", "STATE"], ["BEFORE"]);
    for row in rows {
        let state = row.error.as_ref().map_or(row.state.to_owned(), |why| format!("failed: {why}"));
        table.row([row.name.clone(), row.target.clone(), state, row.before.join(" ")]);
    }
    printer.data(&rows, &table)?;
    let done = rows.iter().filter(|row| row.state != "failed").count();
    Ok(exit::of(done, rows.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn scaled(name: &str, held: &[(&str, &str)]) -> Scaled {
        let held = held.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        Scaled::labelled(name, "zero", held.collect::<BTreeMap<_, _>>())
    }

    fn release(name: &str) -> Release {
        Release { name: name.into(), ..Release::of_operator_service("provers", "rabbit").unwrap() }
    }

    fn chosen(names: &[&str], release: Result<&Release, &anyhow::Error>) -> String {
        let all = vec![scaled("heavy", &[]), scaled("light", &[("paused", "true")])];
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        match choose(all, &names, release, "provers") {
            Ok(chosen) => plan(&chosen, Some(Hold::At(0))),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn the_releases_objects_are_taken_unless_some_are_named() {
        insta::assert_snapshot!(chosen(&[], Ok(&release("zero"))), @"
          heavy (deployment/worker): hold at 0 replicas; now: not held
          light (deployment/worker): hold at 0 replicas; now: paused=true
        ");
        let none = anyhow::anyhow!("namespace `provers` has no release");
        assert!(chosen(&["light"], Err(&none)).starts_with("  light"));
    }

    #[test]
    fn what_cannot_be_found_is_told_with_what_there_is() {
        insta::assert_snapshot!(chosen(&["lite"], Ok(&release("zero"))), @"namespace `provers` has no ScaledObject `lite`; it has `heavy`, `light`");
        insta::assert_snapshot!(chosen(&[], Ok(&release("other"))), @"no ScaledObject of namespace `provers` is labelled as of release `other`; it has `heavy`, `light`: name those that are meant");
        let none = anyhow::anyhow!("two releases");
        insta::assert_snapshot!(chosen(&[], Err(&none)), @"no ScaledObject is named, and the release is not known: two releases");
    }
}
