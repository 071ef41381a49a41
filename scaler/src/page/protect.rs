//! PURE: the protection of busy workers.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::words::{known, millis, plural};
use crate::status::{ProtectStatus, ProtectedStatus};

/// The section, where workers are protected.
pub(super) fn section(protect: &ProtectStatus) -> Markup {
    html! {
        section aria-labelledby="protect" {
            h2 #protect { "Busy workers are kept" }
            article .panel .card {
                p .asked { (who(protect)) }
                @if let Some(error) = &protect.error {
                    p .reason { (error) }
                    p .dim .small { "No deletion cost is lowered on a guess." }
                }
                @if protect.unmatched > 0 {
                    p .note {
                        (mark(Mark::Warn))
                        span {
                            (plural(protect.unmatched, "worker"))
                            " with a task cannot be protected, they are no pod that --protect selects, or share an address: "
                            (protect.unmatched_holders.join(", "))
                            @if protect.unmatched > protect.unmatched_holders.len() as u64 { " …" }
                        }
                    }
                }
                (targets(&protect.targets))
            }
        }
    }
}

/// Whether a human should look.
pub(super) fn is_bad(protect: &ProtectStatus) -> bool {
    protect.error.is_some()
}

fn who(protect: &ProtectStatus) -> String {
    let changes = format!(
        "{} of deletion costs, {} failed",
        plural(protect.changes, "change"),
        protect.failures
    );
    match (protect.leads, protect.age_ms, &protect.leader) {
        (true, Some(age), _) => {
            format!("by this replica, last looked {} ago · {changes}", millis(age))
        }
        (true, None, _) => format!("by this replica, not looked yet · {changes}"),
        (false, _, Some(leader)) => format!("by another replica, {leader}"),
        (false, _, None) => "by no replica yet".to_owned(),
    }
}

fn targets(targets: &[ProtectedStatus]) -> Markup {
    html! {
        div .scroll {
            table {
                caption { "Pods by what they hold" }
                thead {
                    tr {
                        th scope="col" { "namespace" } th scope="col" { "labels" }
                        th scope="col" .num { "busy" } th scope="col" .num { "idle" }
                        th scope="col" .num { "not known" }
                    }
                }
                tbody {
                    @for target in targets {
                        tr {
                            th scope="row" { (target.namespace) }
                            td { (target.selector) }
                            td .num { (known(target.busy)) } td .num { (known(target.idle)) }
                            td .num { (known(target.unknown)) }
                        }
                    }
                }
            }
        }
    }
}
