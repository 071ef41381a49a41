//! What zero-scaler tells KEDA, from what, and what it costs the broker.

use super::grafana::{Board, Kind, Panel, Row};

pub(super) const BOARD: Board = Board {
    uid: "zero-prover-scaler",
    title: "zero-prover / scaler",
    variables: &[],
    rows: &[NOW, ANSWERS, BROKER, GUARD],
};

const NOW: Row = Row {
    title: "Now",
    panels: &[
        Panel {
            title: "Replicas",
            about: "Replicas of zero-scaler that are scraped.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(up{@scaler})", "")],
        },
        Panel {
            title: "Refused",
            about: "ScaledObjects for which KEDA gets an error instead of a number.",
            kind: Kind::Alarm,
            unit: "short",
            queries: &[(
                "sum(max by (name) (zero_scaler_trigger_refused{@scaler})) or vector(0)",
                "",
            )],
        },
        Panel {
            title: "Brokers that do not answer",
            about: "The numbers of their vhosts grow old.",
            kind: Kind::Alarm,
            unit: "short",
            queries: &[(
                "count(max by (broker) (zero_scaler_broker_up{@scaler}) == 0) or vector(0)",
                "",
            )],
        },
        Panel {
            title: "Age of the numbers",
            about: "The greatest age that the counts of any vhost can have.",
            kind: Kind::Number,
            unit: "s",
            queries: &[(
                "max(min by (broker, vhost) (zero_scaler_snapshot_age_seconds{@scaler}))",
                "",
            )],
        },
        Panel {
            title: "KEDA asked",
            about: "So long ago, the longest of all ScaledObjects. KEDA asks one replica or another.",
            kind: Kind::Number,
            unit: "s",
            queries: &[("max(min by (name) (zero_scaler_trigger_asked_seconds_ago{@scaler}))", "")],
        },
    ],
};

const ANSWERS: Row = Row {
    title: "Answers to KEDA",
    panels: &[
        Panel {
            title: "Value and target",
            about: "KEDA divides the value by the target: that many workers are wanted.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("max by (name) (zero_scaler_trigger_value{@scaler})", "{{name}} value"),
                ("max by (name) (zero_scaler_trigger_target{@scaler})", "{{name}} target"),
                ("max by (name) (keda_scaler_metrics_value{@keda})", "{{name}} value at KEDA"),
            ],
        },
        Panel {
            title: "Wanted and there",
            about: "Workers wanted by the scaler; replicas that the autoscaler has, wants, and may have.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("max by (name) (zero_scaler_trigger_workers{@scaler})", "{{name}} wanted"),
                (
                    r#"max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_current_replicas{namespace="$namespace",horizontalpodautoscaler=~"keda-hpa-$release-worker-.+"})"#,
                    "{{horizontalpodautoscaler}} there",
                ),
                (
                    r#"max by (horizontalpodautoscaler) (kube_horizontalpodautoscaler_spec_max_replicas{namespace="$namespace",horizontalpodautoscaler=~"keda-hpa-$release-worker-.+"})"#,
                    "{{horizontalpodautoscaler}} at most",
                ),
            ],
        },
        Panel {
            title: "What counts",
            about: "Messages that count, those of them in workers' hands, and tasks that do not count because their leader is gone.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("max by (name) (zero_scaler_trigger_messages{@scaler})", "{{name}} messages"),
                ("max by (name) (zero_scaler_trigger_busy{@scaler})", "{{name}} in hand"),
                ("max by (name) (zero_scaler_trigger_orphaned{@scaler})", "{{name}} orphaned"),
            ],
        },
        Panel {
            title: "Calls by code, by the minute",
            about: "Everything but `ok` and `cancelled` is an error that KEDA gets; and the errors that KEDA counts itself.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                (
                    "sum by (code) (rate(zero_scaler_rpc_total{@scaler}[$__rate_interval])) * 60",
                    "{{code}}",
                ),
                (
                    "sum(rate(keda_scaler_detail_errors_total{@keda}[$__rate_interval])) * 60",
                    "errors at KEDA",
                ),
            ],
        },
        Panel {
            title: "Time of a call, p99",
            about: "Answers come from memory; only the first call for a vhost waits for the broker.",
            kind: Kind::Lines,
            unit: "s",
            queries: &[(
                "histogram_quantile(0.99, sum by (le, method) (rate(zero_scaler_rpc_duration_seconds_bucket{@scaler}[$__rate_interval])))",
                "{{method}}",
            )],
        },
        Panel {
            title: "Paused",
            about: "1: KEDA leaves this ScaledObject's replicas alone.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "max by (scaledObject) (keda_scaled_object_paused{@keda})",
                "{{scaledObject}}",
            )],
        },
    ],
};

const BROKER: Row = Row {
    title: "What it costs the broker",
    panels: &[
        Panel {
            title: "Reads by the minute",
            about: "All queues of a vhost, told by the management API (live) or by the metrics ports (metrics). More often while there is work.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "sum by (broker, outcome) (rate(zero_scaler_read_duration_seconds_count{@scaler}[$__rate_interval])) * 60",
                "{{broker}} {{outcome}}",
            )],
        },
        Panel {
            title: "Share of the time that a read is under way",
            about: "1: the broker is asked without a pause. The scaler keeps it far below by asking less often.",
            kind: Kind::Lines,
            unit: "percentunit",
            queries: &[(
                "sum by (broker, outcome) (rate(zero_scaler_read_duration_seconds_sum{@scaler}[$__rate_interval]))",
                "{{broker}} {{outcome}}",
            )],
        },
        Panel {
            title: "Age of the numbers",
            about: "The greatest age that a vhost's counts can have, of the replica that has the newest.",
            kind: Kind::Lines,
            unit: "s",
            queries: &[(
                "min by (broker, vhost, source) (zero_scaler_snapshot_age_seconds{@scaler})",
                "{{broker}} {{vhost}} {{source}}",
            )],
        },
        Panel {
            title: "Queues by role",
            about: "What is read: task queues, results of leaders, control, and others.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[(
                "sum by (role) (max by (vhost, role) (zero_scaler_queues{@scaler}))",
                "{{role}}",
            )],
        },
    ],
};

const GUARD: Row = Row {
    title: "What it keeps",
    panels: &[
        Panel {
            title: "Leases",
            about: "Queues with work and no consumer that are kept from expiring; 1 where that fails.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("max by (broker) (zero_scaler_keep_alive_queues{@scaler})", "{{broker}} kept"),
                ("max by (broker) (zero_scaler_keep_alive_failing{@scaler})", "{{broker}} failing"),
            ],
        },
        Panel {
            title: "Leaders that are gone",
            about: "1 while a vhost's waiting tasks have, or may have, nobody who waits for them.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                r#"max by (vhost, state) (zero_scaler_orphans{@scaler,state!="none"})"#,
                "{{vhost}} {{state}}",
            )],
        },
        Panel {
            title: "Workers by deletion cost",
            about: "Pods whose cost the scaler keeps: idle ones go first.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[
                ("sum by (holding) (zero_scaler_protect_pods{@scaler})", "{{holding}}"),
                ("sum(zero_scaler_protect_unmatched_holders{@scaler})", "without a pod"),
            ],
        },
        Panel {
            title: "Memory of the scaler",
            about: "Resident, by replica.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[(
                "max by (pod) (zero_scaler_process_resident_memory_bytes{@scaler})",
                "{{pod}}",
            )],
        },
    ],
};
