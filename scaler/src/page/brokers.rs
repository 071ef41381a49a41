//! PURE: what is known of each broker: whether it can be read, how old the numbers are, its queues.

use maud::{Markup, html};

use super::marks::{Mark, mark};
use super::words::{count, known, millis, plural, span};
use super::{chart, words};
use crate::status::{BrokerStatus, KeepAliveStatus, KeptQueue, RoleStatus, VhostStatus};

/// Kept queues that the page names; `/status.json` has them all.
const NAMED_QUEUES: usize = 12;

/// All brokers.
pub(super) fn section(brokers: &[BrokerStatus]) -> Markup {
    html! {
        section aria-labelledby="brokers" {
            h2 #brokers { "Brokers" }
            @if brokers.is_empty() {
                div .panel .empty {
                    p { "No broker is configured. " code { "zero-scaler --help" } " tells how to name one." }
                }
            }
            @for broker in brokers { (panel(broker)) }
        }
    }
}

fn panel(broker: &BrokerStatus) -> Markup {
    let (sign, class, word) = match broker.reachable {
        Some(true) => (Mark::Good, "badge good", "reachable"),
        Some(false) => (Mark::Bad, "badge bad", "not readable"),
        None => (Mark::Wait, "badge wait", "not read yet"),
    };
    html! {
        article .panel .broker .refused[broker.reachable == Some(false)] {
            div .head {
                div { h3 { (broker.alias) } p .metric { (broker.address) } }
                span class=(class) { (mark(sign)) (word) }
            }
            @if let Some(error) = &broker.error { p .reason { (error) } }
            @if broker.vhosts.is_empty() {
                p .dim {
                    "No vhost is watched yet: the first trigger that names this broker says which."
                }
            }
            @for vhost in &broker.vhosts { (self::vhost(vhost)) }
            (keep_alive(&broker.keep_alive, broker.reachable))
        }
    }
}

fn vhost(vhost: &VhostStatus) -> Markup {
    let source = match vhost.source {
        "live" => "live from the management API",
        "metrics" => "from the metrics port",
        other => other,
    };
    html! {
        div .vhost {
            h4 { span .dim { "vhost " } (vhost.name) }
            p .sub {
                (plural(vhost.queues, "queue")) " · " (source)
                " · numbers at most " b .age { (millis(vhost.age_ms)) } " old"
            }
            (orphans(vhost.orphans))
            div .split {
                (roles(&vhost.roles))
                (chart::depth(&vhost.name, &vhost.history))
            }
        }
    }
}

fn orphans(state: &str) -> Markup {
    let words = match state {
        "none" => return html! {},
        "suspected" => {
            "Suspicion: result queues exist but nobody reads them. If that lasts, the ready tasks \
             count as orphans."
        }
        "certain" => {
            "Orphaned tasks: their leader is gone, nobody waits for the results. They are not \
             counted; purge them or start the leader again."
        }
        other => other,
    };
    html! { p .note { (mark(Mark::Warn)) span { (words) } } }
}

fn roles(roles: &[RoleStatus]) -> Markup {
    html! {
        div .scroll {
            table {
                caption { "Queues by role" }
                thead {
                    tr {
                        th scope="col" { "role" } th scope="col" .num { "queues" }
                        th scope="col" .num { "ready" } th scope="col" .num { "unacked" }
                    }
                }
                tbody { @for role in roles { (self::role(role)) } }
            }
        }
    }
}

fn role(role: &RoleStatus) -> Markup {
    let purpose = match role.role {
        "task" => "work for provers",
        "other" => "named by operators",
        "result" => "read by leaders",
        "control" => "abort commands",
        _ => "",
    };
    html! {
        tr {
            th scope="row" { (role.role) " " span .dim .small { (purpose) } }
            td .num { (count(role.queues)) }
            td .num { (known(role.ready)) }
            td .num { (known(role.unacked)) }
        }
    }
}

fn keep_alive(state: &KeepAliveStatus, reachable: Option<bool>) -> Markup {
    let renewed = format!("renewed every {}", span(state.every_seconds));
    html! {
        div .keep {
            h4 { "Keeping queues alive" }
            @if state.enabled {
                @if let Some(error) = &state.error {
                    p .note { (mark(Mark::Bad)) span { "The last round failed: " (error) } }
                }
                @if state.kept.is_empty() {
                    p .dim {
                        @match reachable {
                            Some(true) => "No queue needs it: each one that holds work has a consumer.",
                            Some(false) => "No queue was renewed in the last round.",
                            None => "The first round follows the first reading.",
                        }
                    }
                } @else {
                    p .dim {
                        (words::plural(length(&state.kept), "queue"))
                        " with work and no consumer, " (renewed) " so that the broker does not expire them:"
                    }
                    (kept(&state.kept))
                }
            } @else {
                p .dim {
                    "Off: a queue that holds work and has no consumer expires when its lease ends, "
                    "with the work in it."
                }
            }
        }
    }
}

fn kept(queues: &[KeptQueue]) -> Markup {
    let more = queues.len().saturating_sub(NAMED_QUEUES);
    html! {
        ul .queues {
            @for queue in queues.iter().take(NAMED_QUEUES) {
                li { code { (queue.queue) } span .dim { " in " (queue.vhost) ", " (count(queue.ready)) " ready" } }
            }
            @if more > 0 { li { "and " a href="status.json" { (more) " more" } } }
        }
    }
}

fn length(queues: &[KeptQueue]) -> u64 {
    u64::try_from(queues.len()).unwrap_or(u64::MAX)
}
