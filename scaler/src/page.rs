//! PURE: [`Status`] → HTML. One document and the fragment in it that is rendered anew for each
//! event; it judges nothing beyond saying first what needs a human.

mod brokers;
mod chart;
mod local;
mod marks;
mod proofs;
mod protect;
mod triggers;
mod words;

use maud::{DOCTYPE, Markup, html};

use crate::local::LocalStatus;
use crate::status::{Answer, ProtectStatus, Status, TriggerStatus};
use marks::{Mark, mark};
use words::{plural, span};

/// The page's only stylesheet.
pub const STYLE: &str = include_str!("page/app.css");
/// The page's only script: it puts each event's fragment in place of the one before.
pub const SCRIPT: &str = include_str!("page/app.js");
/// The page's icon, an SVG.
pub const ICON: &str = include_str!("page/icon.svg");

/// The whole page. Its addresses are relative, so that it also works behind `kubectl proxy`.
#[must_use]
pub fn document(status: &Status) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (Verdict::of(status).title()) }
                link rel="icon" type="image/svg+xml" href="status/icon.svg";
                link rel="stylesheet" href="status/app.css";
                script src="status/app.js" defer {}
                noscript { meta http-equiv="refresh" content="5"; }
            }
            body {
                p #offline role="alert" hidden {}
                div #live { (inner(status)) }
            }
        }
    };
    page.into_string()
}

/// The part of the page that each event replaces.
#[must_use]
pub fn fragment(status: &Status) -> String {
    // A carriage return inside a name would end a line of the event.
    inner(status).into_string().replace('\r', "\u{fffd}")
}

fn inner(status: &Status) -> Markup {
    let verdict = Verdict::of(status);
    html! {
        header .top data-title=(verdict.title()) {
            h1 { "zero-scaler" }
            p .clock {
                span .live-word { "as of " }
                time datetime=(status.now) { (clock(&status.now)) }
            }
        }
        main {
            (verdict.render())
            @if let Some(local) = &status.local { (local::section(local)) }
            @if status.local.is_none() || !status.triggers.is_empty() {
                (triggers::section(&status.triggers))
            }
            @if let Some(proofs) = &status.proofs { (proofs::section(proofs)) }
            @if let Some(protect) = &status.protect { (protect::section(protect)) }
            (brokers::section(&status.brokers))
        }
        footer .foot {
            p { "zero-scaler " (status.version) ", up for " (span(status.uptime_seconds)) }
            nav aria-label="Other views" {
                a href="explain" { "explanations" } " "
                a href="status.json" { "JSON" } " "
                a href="metrics" { "metrics" }
            }
        }
    }
}

/// `07:31:52 UTC` of an RFC 3339 moment; whatever else was given stays as it is.
fn clock(now: &str) -> String {
    match (now.get(11..19), now.ends_with('Z')) {
        (Some(time), true) => format!("{time} UTC"),
        _ => now.to_owned(),
    }
}

/// The first thing to read: whether anything needs a human.
struct Verdict<'a> {
    unreachable: Vec<&'a str>,
    unread: Vec<&'a str>,
    refused: Vec<&'a TriggerStatus>,
    asked: usize,
    workers: u64,
    local: Option<&'a LocalStatus>,
    protect: Option<&'a ProtectStatus>,
}

impl<'a> Verdict<'a> {
    fn of(status: &'a Status) -> Self {
        let brokers = |reachable| {
            let found = status.brokers.iter().filter(move |broker| broker.reachable == reachable);
            found.map(|broker| broker.alias.as_str()).collect()
        };
        let mut refused = Vec::new();
        let mut workers = 0_u64;
        for trigger in &status.triggers {
            match &trigger.answer {
                Answer::Value { workers: wanted, .. } => workers = workers.saturating_add(*wanted),
                Answer::Refused { .. } => refused.push(trigger),
            }
        }
        Self {
            unreachable: brokers(Some(false)),
            unread: brokers(None),
            refused,
            asked: status.triggers.len(),
            workers,
            local: status.local.as_ref(),
            protect: status.protect.as_ref(),
        }
    }

    fn is_bad(&self) -> bool {
        let stuck = self.local.is_some_and(local::is_bad);
        stuck || self.is_unprotected() || !self.refused.is_empty() || !self.unreachable.is_empty()
    }

    fn is_unprotected(&self) -> bool {
        self.protect.is_some_and(protect::is_bad)
    }

    /// Whether anybody follows our numbers.
    fn is_used(&self) -> bool {
        self.asked > 0 || self.local.is_some()
    }

    fn title(&self) -> String {
        let wanted = self.workers.max(self.local.and_then(|local| local.wanted).unwrap_or(0));
        let state = match (self.refused.len(), self.unreachable.len()) {
            (0, 0) => format!("{} wanted", plural(wanted, "worker")),
            (0, _) => "broker unreachable".to_owned(),
            (refused, _) => format!("{refused} refused"),
        };
        format!("{state} · zero-scaler")
    }

    fn render(&self) -> Markup {
        let (class, sign) = match (self.is_bad(), self.unread.is_empty() && self.is_used()) {
            (true, _) => ("verdict bad", Mark::Bad),
            (false, true) => ("verdict good", Mark::Good),
            (false, false) => ("verdict wait", Mark::Wait),
        };
        html! {
            div class=(class) role="status" {
                (mark(sign))
                div {
                    @for line in self.lines() { p { (line) } }
                    @if !self.refused.is_empty() {
                        p .links {
                            @for trigger in self.refused.iter().take(8) {
                                a href={ "#" (triggers::anchor(trigger)) } {
                                    (trigger.namespace) "/" (trigger.name)
                                }
                                " "
                            }
                        }
                    }
                }
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for alias in &self.unreachable {
            lines.push(format!("Broker “{alias}” cannot be read."));
        }
        for alias in &self.unread {
            lines.push(format!("Broker “{alias}” is being read for the first time."));
        }
        if self.is_unprotected() {
            lines.push("Busy workers may not be protected from scale-in.".to_owned());
        }
        lines.extend(self.local.map(local::line));
        if self.asked > 0 || self.local.is_none() {
            lines.push(self.answers());
        }
        lines
    }

    fn answers(&self) -> String {
        let asked = u64::try_from(self.asked).unwrap_or(u64::MAX);
        match self.refused.len() {
            _ if asked == 0 => "KEDA has not asked for anything lately.".to_owned(),
            0 => format!(
                "{} answered: {} wanted.",
                plural(asked, "trigger"),
                plural(self.workers, "worker")
            ),
            refused => {
                let get = if refused == 1 { "gets" } else { "get" };
                format!(
                    "{refused} of {} {get} an error instead of a number: KEDA keeps the replicas \
                     it has and counts towards fallback.",
                    plural(asked, "trigger")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests;
