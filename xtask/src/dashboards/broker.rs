//! The broker, as far as it matters to proving. RabbitMQ's own dashboards have the rest.

use super::grafana::{Board, Kind, Panel, Row, Variable};

pub(super) const BOARD: Board = Board {
    uid: "zero-prover-broker",
    title: "zero-prover / broker",
    variables: &[Variable {
        name: "broker",
        query: "label_values(rabbitmq_build_info, job)",
        regex: "",
        several: true,
    }],
    rows: &[NOW, QUEUES, NODES],
};

const NOW: Row = Row {
    title: "Now",
    panels: &[
        Panel {
            title: "Nodes",
            about: "Nodes that are scraped.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("count(rabbitmq_build_info{@broker})", "")],
        },
        Panel {
            title: "Memory alarms",
            about: "Above 0 nobody can publish.",
            kind: Kind::Alarm,
            unit: "short",
            queries: &[("sum(rabbitmq_alarms_memory_used_watermark{@broker})", "")],
        },
        Panel {
            title: "Disk alarms",
            about: "Above 0 nobody can publish.",
            kind: Kind::Alarm,
            unit: "short",
            queries: &[("sum(rabbitmq_alarms_free_disk_space_watermark{@broker})", "")],
        },
        Panel {
            title: "Connections",
            about: "Each worker, leader and scaler has one or two.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(rabbitmq_connections{@broker})", "")],
        },
        Panel {
            title: "Queues",
            about: "Each leader has some of its own.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(rabbitmq_queues{@broker})", "")],
        },
        Panel {
            title: "Consumers",
            about: "Each worker has two.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(rabbitmq_consumers{@broker})", "")],
        },
    ],
};

const QUEUES: Row = Row {
    title: "Queues",
    panels: &[
        Panel {
            title: "Waiting, the ten largest",
            about: "Needs the detailed endpoint, which the chart's monitors scrape.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "topk(10, max by (vhost, queue) (rabbitmq_detailed_queue_messages_ready{@broker}))",
                "{{vhost}} {{queue}}",
            )],
        },
        Panel {
            title: "In hand, the ten largest",
            about: "Given to a consumer and not acknowledged.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "topk(10, max by (vhost, queue) (rabbitmq_detailed_queue_messages_unacked{@broker}))",
                "{{vhost}} {{queue}}",
            )],
        },
        Panel {
            title: "Consumers, the ten queues with most",
            about: "A queue with messages and without consumers waits for a worker, or for a leader that is gone.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "topk(10, max by (vhost, queue) (rabbitmq_detailed_queue_consumers{@broker}))",
                "{{vhost}} {{queue}}",
            )],
        },
        Panel {
            title: "Messages by the second",
            about: "In, out, acknowledged, and given out once more.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                (
                    "sum(rate(rabbitmq_global_messages_received_total{@broker}[$__rate_interval]))",
                    "received",
                ),
                (
                    "sum(rate(rabbitmq_global_messages_delivered_total{@broker}[$__rate_interval]))",
                    "delivered",
                ),
                (
                    "sum(rate(rabbitmq_global_messages_acknowledged_total{@broker}[$__rate_interval]))",
                    "acknowledged",
                ),
                (
                    "sum(rate(rabbitmq_global_messages_redelivered_total{@broker}[$__rate_interval]))",
                    "redelivered",
                ),
            ],
        },
    ],
};

const NODES: Row = Row {
    title: "Nodes",
    panels: &[
        Panel {
            title: "Memory",
            about: "Above the limit nobody can publish.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[
                (
                    "max by (instance) (rabbitmq_process_resident_memory_bytes{@broker})",
                    "{{instance}}",
                ),
                (
                    "max by (instance) (rabbitmq_resident_memory_limit_bytes{@broker})",
                    "{{instance}} limit",
                ),
            ],
        },
        Panel {
            title: "Free disk",
            about: "Below the limit nobody can publish.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[
                (
                    "min by (instance) (rabbitmq_disk_space_available_bytes{@broker})",
                    "{{instance}}",
                ),
                (
                    "max by (instance) (rabbitmq_disk_space_available_limit_bytes{@broker})",
                    "{{instance}} limit",
                ),
            ],
        },
    ],
};
