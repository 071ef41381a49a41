//! What an operator looks at first.

use super::grafana::{Board, Kind, Panel, Row};
use super::workers::TIME_OF_A_TASK;

pub(super) const BOARD: Board = Board {
    uid: "zero-prover-overview",
    title: "zero-prover / overview",
    variables: &[],
    rows: &[NOW, WORK, PROOFS],
};

const NOW: Row = Row {
    title: "Now",
    panels: &[
        Panel {
            title: "Alerts",
            about: "Alerts of this namespace that fire. docs/alerts.md says what to do.",
            kind: Kind::Alarm,
            unit: "short",
            queries: &[(
                r#"count(ALERTS{namespace="$namespace",alertname=~"Zero.+",alertstate="firing"}) or vector(0)"#,
                "",
            )],
        },
        Panel {
            title: "Proofs running",
            about: "Leaders at work.",
            kind: Kind::Number,
            unit: "short",
            queries: &[(r#"sum(zero_leader_proofs{@leader,state="running"})"#, "")],
        },
        Panel {
            title: "Proofs queued",
            about: "Those that wait for their turn, in the ledger and not in the broker.",
            kind: Kind::Number,
            unit: "short",
            queries: &[(r#"sum(zero_leader_proofs{@leader,state="queued"})"#, "")],
        },
        Panel {
            title: "Tasks waiting",
            about: "In the task queues of all vhosts, as zero-scaler reads them.",
            kind: Kind::Number,
            unit: "short",
            queries: &[(
                r#"sum(max by (vhost) (zero_scaler_messages_ready{@scaler,role="task"}))"#,
                "",
            )],
        },
        Panel {
            title: "Workers busy",
            about: "Workers with a task in their hands.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(zero_worker_busy{@worker})", "")],
        },
        Panel {
            title: "Workers ready",
            about: "Workers that take tasks. Those that load their circuits do not yet.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(zero_worker_consuming{@worker})", "")],
        },
    ],
};

const WORK: Row = Row {
    title: "Work",
    panels: &[
        Panel {
            title: "Backlog",
            about: "Task queues as zero-scaler reads them. A gap is a number that was not known.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                (
                    r#"max by (vhost) (zero_scaler_messages_ready{@scaler,role="task"})"#,
                    "{{vhost}} waiting",
                ),
                (
                    r#"max by (vhost) (zero_scaler_messages_unacked{@scaler,role="task"})"#,
                    "{{vhost}} in hand",
                ),
            ],
        },
        Panel {
            title: "Workers",
            about: "Wanted by zero-scaler, there, at work, on their way out, and without a node.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("max by (name) (zero_scaler_trigger_workers{@scaler})", "wanted {{name}}"),
                ("sum(zero_worker_consuming{@worker})", "ready"),
                ("sum(zero_worker_busy{@worker})", "busy"),
                ("sum(zero_worker_draining{@worker})", "draining"),
                (
                    r#"sum(kube_pod_status_phase{namespace="$namespace",pod=~"$release-worker-.+",phase="Pending"})"#,
                    "pending",
                ),
            ],
        },
        Panel {
            title: "Tasks done by the minute",
            about: "Tasks that workers finished, by what was to be done.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[(
                r#"sum by (operation) (rate(zero_worker_tasks_total{@worker,outcome="done"}[$__rate_interval])) * 60"#,
                "{{operation}}",
            )],
        },
        TIME_OF_A_TASK,
    ],
};

const PROOFS: Row = Row {
    title: "Proofs",
    panels: &[
        Panel {
            title: "Proofs by state",
            about: "All that the ledger keeps; `leader.keepFor` lets old ones go.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[("sum by (state) (zero_leader_proofs{@leader})", "{{state}}")],
        },
        Panel {
            title: "Room for proofs",
            about: "Left on the volume of the proof service. Below 1 GiB it begins nothing.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[("min(zero_leader_disk_free_bytes{@leader})", "free")],
        },
    ],
};
