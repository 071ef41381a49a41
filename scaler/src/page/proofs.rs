//! PURE: what the proof service proves, and how far it is.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::words::{count, millis, plural, seconds, span};
use crate::status::{EtaStatus, ProgressStatus, ProofStatus, ProofsAnswer, ProofsStatus};

/// Ended proofs that the page shows; `/status.json` has more.
const SHOWN_ENDED: usize = 5;

/// The section, where a proof service is named.
pub(super) fn section(proofs: &ProofsStatus) -> Markup {
    let refused = matches!(proofs.answer, ProofsAnswer::Unknown { .. });
    html! {
        section aria-labelledby="proofs" {
            h2 #proofs { "Proofs" }
            article .panel .proofs .refused[refused] {
                @match &proofs.answer {
                    ProofsAnswer::Unknown { since_seconds, reason } => {
                        (head(proofs, &html! { span .badge .bad { (mark(Mark::Bad)) "not known" } }))
                        p .reason {
                            "What it proves has not been known for " (span(*since_seconds)) ": " (reason)
                        }
                    }
                    ProofsAnswer::Known { age_ms, running, queued, more_queued, ended } => {
                        (head(proofs, &badge(running.len(), queued.len(), *more_queued)))
                        p .sub { "told " b .age { (millis(*age_ms)) } " ago" }
                        (table(running, queued, ended))
                        @if *more_queued {
                            p .dim .small { "More proofs wait than the 20 newest, which are shown." }
                        }
                    }
                }
            }
        }
    }
}

fn head(proofs: &ProofsStatus, badge: &Markup) -> Markup {
    html! {
        div .head {
            div { h3 { "Proof service" } p .metric { (proofs.address) } }
            (badge)
        }
    }
}

fn badge(running: usize, queued: usize, more: bool) -> Markup {
    let (class, sign) =
        if running == 0 { ("badge idle", Mark::Idle) } else { ("badge good", Mark::Good) };
    let more = if more { "+" } else { "" };
    html! { span class=(class) { (mark(sign)) (running) " running, " (queued) (more) " queued" } }
}

fn table(running: &[ProofStatus], queued: &[ProofStatus], ended: &[ProofStatus]) -> Markup {
    html! {
        @if running.is_empty() && queued.is_empty() && ended.is_empty() {
            p .dim { "The service has no proofs yet." }
        } @else {
            div .scroll {
                table {
                    caption { "Proofs that run or wait, and the newest that have ended" }
                    thead {
                        tr {
                            th scope="col" { "proof" } th scope="col" { "state" }
                            th scope="col" { "progress" } th scope="col" .num { "age" }
                        }
                    }
                    tbody {
                        @for proof in running.iter().chain(queued).chain(ended.iter().take(SHOWN_ENDED)) { (row(proof)) }
                    }
                }
            }
        }
    }
}

fn row(proof: &ProofStatus) -> Markup {
    html! {
        tr {
            th scope="row" {
                (proof.id)
                p .dim .small { (blocks(proof)) " · " (plural(proof.transactions, "transaction")) }
                @if let Some(chain) = &proof.chain { p .dim .small { "chain " (chain) } }
            }
            td {
                span class=(if proof.state == "failed" { "late" } else { "state" }) { (proof.state) }
                @if proof.kind == "test-only" { " " span .dim .small { "test only" } }
                @if proof.attempts > 1 { p .dim .small { "attempt " (count(proof.attempts)) } }
            }
            td .how { (how(proof)) }
            td .num {
                (span(proof.age_seconds))
                @if let Some(ended) = proof.ended_seconds_ago {
                    p .dim .small { "ended " (span(ended)) " ago" }
                }
            }
        }
    }
}

fn blocks(proof: &ProofStatus) -> String {
    match (proof.first_block, proof.last_block) {
        (first, last) if first == last => format!("block {first}"),
        (first, last) => format!("blocks {first} to {last}"),
    }
}

/// Progress, and the words that explain it.
fn how(proof: &ProofStatus) -> Markup {
    let is_running = proof.state == "running";
    html! {
        @match &proof.progress {
            Some(progress) => {
                (bar(progress))
                p .small {
                    b { (percent(progress)) " %" } " · "
                    (count(progress.answered)) " of " (count(progress.expected)) " tasks answered"
                }
                @if is_running { p .small .dim { (left(progress.eta.as_ref())) } }
            }
            None if is_running => p .small .dim { "its leader starts" },
            None => {}
        }
        @if let Some(waits) = &proof.waits { p .small { (waits) } }
        @if let Some(reason) = &proof.reason { p .small .why { (reason) } }
    }
}

fn bar(progress: &ProgressStatus) -> Markup {
    let label = format!("{} % done", percent(progress));
    html! {
        svg .load viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect .track width="100" height="1" {}
            rect .fill width=(percent(progress)) height="1" {}
        }
    }
}

/// Rounded down: 100 only when all is done.
fn percent(progress: &ProgressStatus) -> u64 {
    super::words::whole((progress.done * 100.0).clamp(0.0, 100.0))
}

fn left(eta: Option<&EtaStatus>) -> String {
    let Some(eta) = eta else {
        return "how long it will still take is not known yet".to_owned();
    };
    let [about, low, high] = [eta.seconds, eta.low, eta.high].map(seconds);
    format!("about {about} left, {low} to {high}")
}
