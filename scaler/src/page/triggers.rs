//! PURE: one card for each trigger: how many workers, why, and since when.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::words::{count, number, plural, span};
use crate::status::{Answer, TriggerStatus};

/// KEDA asks every 30 s unless told otherwise; after three of those something keeps it from asking.
const QUIET_SECONDS: u64 = 90;

/// What to put into a ScaledObject, for who sees no trigger yet.
const EXAMPLE: &str = "triggers:
  - type: external
    metadata:
      scalerAddress: zero-scaler.NAMESPACE:50051
      vhost: /
      target: \"1\"";

/// All cards.
pub(super) fn section(triggers: &[TriggerStatus]) -> Markup {
    html! {
        section aria-labelledby="triggers" {
            h2 #triggers { "Triggers" }
            @if triggers.is_empty() { (empty()) }
            div .cards { @for trigger in triggers { (card(trigger)) } }
        }
    }
}

/// The card's place on the page. Kubernetes names fit as they are; whatever else is made to.
pub(super) fn anchor(trigger: &TriggerStatus) -> String {
    let mut anchor = String::from("trigger");
    for part in [&trigger.namespace, &trigger.name, &trigger.metric] {
        anchor.push('.');
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        anchor.extend(part.chars().map(|c| if fits(c) { c } else { '_' }));
    }
    anchor
}

fn empty() -> Markup {
    html! {
        div .panel .empty {
            p { "KEDA has not asked for a number lately." }
            p { "Point a ScaledObject here, and its triggers appear with their answers:" }
            pre tabindex="0" aria-label="Example of a trigger" { code { (EXAMPLE) } }
            p {
                "Or see what a trigger would be answered without one: "
                a href="explain?queues=.*" { code { "explain?queues=.*" } }
            }
        }
    }
}

fn card(trigger: &TriggerStatus) -> Markup {
    let quiet = trigger.asked_seconds_ago > QUIET_SECONDS;
    let anchor = anchor(trigger);
    let refused = matches!(trigger.answer, Answer::Refused { .. });
    html! {
        article #(anchor) .panel .card .refused[refused] aria-labelledby={ (anchor) ".name" } {
            (head(trigger, &anchor))
            @match &trigger.answer {
                Answer::Value { .. } => (value(&trigger.answer)),
                Answer::Refused { reason } => (refusal(reason)),
            }
            p .asked {
                @if quiet { (mark(Mark::Warn)) }
                "asked by KEDA " (span(trigger.asked_seconds_ago)) " ago"
                @if quiet { ": longer than its usual 30 s" }
                " · broker " (trigger.broker)
            }
            @if !trigger.warnings.is_empty() {
                ul .warnings aria-label="Warnings" {
                    @for warning in &trigger.warnings { li { (mark(Mark::Warn)) span { (warning) } } }
                }
            }
            @if let Answer::Value { explanation, .. } = &trigger.answer {
                details id={ (anchor) ".why" } {
                    summary id={ (anchor) ".sum" } { "How this number came about" }
                    ul .lines { @for line in explanation { li { (line) } } }
                }
            }
        }
    }
}

fn head(trigger: &TriggerStatus, anchor: &str) -> Markup {
    let (sign, class, word) = match &trigger.answer {
        Answer::Value { active: true, .. } => (Mark::Good, "badge good", "active"),
        Answer::Value { active: false, .. } => (Mark::Idle, "badge idle", "idle"),
        Answer::Refused { .. } => (Mark::Bad, "badge bad", "refused"),
    };
    html! {
        div .head {
            div {
                h3 id={ (anchor) ".name" } {
                    span .dim { (trigger.namespace) "/" } wbr; (trigger.name)
                }
                p .metric { (trigger.metric) }
            }
            span class=(class) { (mark(sign)) (word) }
        }
    }
}

fn value(answer: &Answer) -> Markup {
    let Answer::Value { value, target, workers, messages, busy, orphaned, .. } = answer else {
        return Markup::default();
    };
    html! {
        p .wanted { strong { (count(*workers)) } " " (if *workers == 1 { "worker" } else { "workers" }) " wanted" }
        @if *workers > 0 { (load(*busy, *workers)) }
        dl .facts {
            div { dt { "messages" } dd { (count(*messages)) } }
            div { dt { "busy workers" } dd { (count(*busy)) } }
            div { dt { "value ÷ target" } dd { (number(*value)) " ÷ " (number(*target)) } }
        }
        @if *orphaned > 0 {
            p .note {
                (mark(Mark::Warn))
                span {
                    (plural(*orphaned, "ready task")) " left out: their leader is gone, "
                    "so nobody waits for the result"
                }
            }
        }
    }
}

/// How many of the wanted workers hold a message already.
fn load(busy: u64, workers: u64) -> Markup {
    let share = busy.saturating_mul(100).checked_div(workers).unwrap_or(0).min(100);
    let label = format!("{} of {} wanted workers are busy", count(busy), count(workers));
    html! {
        svg .load viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect .track width="100" height="1" {}
            rect .fill width=(share) height="1" {}
        }
    }
}

fn refusal(reason: &str) -> Markup {
    html! {
        p .wanted .none { strong { "no number" } }
        p .reason { (reason) }
        p .dim .small { "KEDA keeps the replicas it has and counts towards the ScaledObject’s fallback." }
    }
}
