//! PURE: the worker processes of the embedded autoscaler.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::words::{count, known, plural, span};
use crate::local::{ChildStatus, LocalStatus};

/// The section, where the embedded autoscaler runs.
pub(super) fn section(local: &LocalStatus) -> Markup {
    let refused = local.refused.is_some();
    html! {
        section aria-labelledby="local" {
            h2 #local { "Workers on this machine" }
            article .panel .card .refused[refused] {
                p .wanted { strong { (known(local.wanted)) } " workers wanted" }
                p .asked { (limits(local)) }
                @if let Some(reason) = &local.refused {
                    p .reason { (reason) }
                    p .dim .small { "The workers stay as they are." }
                }
                @if let Some(error) = &local.channels_error {
                    p .note {
                        (mark(Mark::Warn))
                        span {
                            "Which of them is busy is not known, so all count as busy while any is: "
                            (error)
                        }
                    }
                }
                @if !local.children.is_empty() { (children(&local.children)) }
            }
        }
    }
}

/// Whether a human should look.
pub(super) fn is_bad(local: &LocalStatus) -> bool {
    local.refused.is_some() || looping(local) > 0
}

fn looping(local: &LocalStatus) -> usize {
    local.children.iter().filter(|child| child.crash_loop).count()
}

/// What the verdict says of it.
pub(super) fn line(local: &LocalStatus) -> String {
    let numbers = numbers(local);
    match looping(local) {
        0 => numbers,
        1 => format!("{numbers} 1 of them keeps ending early."),
        many => format!("{numbers} {many} of them keep ending early."),
    }
}

fn numbers(local: &LocalStatus) -> String {
    let running = format!("{} on this machine", plural(local.running.into(), "worker"));
    match (local.wanted, &local.refused) {
        (_, Some(_)) => format!("There is no number to follow: {running} stay as they are."),
        (Some(wanted), None) => format!("{running}, {} wanted.", count(wanted)),
        (None, None) => format!("{running}; how many are wanted is not known yet."),
    }
}

fn limits(local: &LocalStatus) -> String {
    let LocalStatus { running, min, max, .. } = local;
    format!("{running} running · never fewer than {min}, never more than {max}")
}

fn children(children: &[ChildStatus]) -> Markup {
    html! {
        div .scroll {
            table {
                caption { "Worker processes" }
                thead {
                    tr {
                        th scope="col" { "worker" } th scope="col" { "state" }
                        th scope="col" .num { "for" } th scope="col" .num { "restarts" }
                    }
                }
                tbody { @for child in children { (self::child(child)) } }
            }
        }
    }
}

fn child(child: &ChildStatus) -> Markup {
    html! {
        tr {
            th scope="row" {
                (child.number) " "
                @if let Some(pid) = child.pid { span .dim .small { "pid " (pid) } }
            }
            td {
                (child.state)
                @if child.crash_loop { " " span .unknown { "keeps ending early" } }
                @if let Some(end) = &child.last_exit { p .dim .small { "before: " (end) } }
            }
            td .num { (span(child.since_seconds)) }
            td .num { (child.restarts) }
        }
    }
}
