//! What workers do, what they waste, and what they need.

use super::grafana::{Board, Kind, Panel, Row};

pub(super) const BOARD: Board = Board {
    uid: "zero-prover-workers",
    title: "zero-prover / workers",
    variables: &[],
    rows: &[NOW, WORK, WASTE, NEEDS],
};

const NOW: Row = Row {
    title: "Now",
    panels: &[
        Panel {
            title: "Ready",
            about: "Workers that take tasks.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(zero_worker_consuming{@worker})", "")],
        },
        Panel {
            title: "Busy",
            about: "Workers with a task in their hands.",
            kind: Kind::Number,
            unit: "short",
            queries: &[("sum(zero_worker_busy{@worker})", "")],
        },
        Panel {
            title: "Used",
            about: "Busy workers of those that are ready. What is left is paid for and waits.",
            kind: Kind::Number,
            unit: "percentunit",
            queries: &[(
                "sum(zero_worker_busy{@worker}) / sum(zero_worker_consuming{@worker})",
                "",
            )],
        },
        Panel {
            title: "Wasted, of an hour",
            about: "Time of tasks that were not done at this try, of the time of all tasks.",
            kind: Kind::Number,
            unit: "percentunit",
            queries: &[(
                r#"(sum(rate(zero_worker_task_seconds_total{@worker,outcome!="done"}[1h])) or vector(0)) / sum(rate(zero_worker_task_seconds_total{@worker}[1h]))"#,
                "",
            )],
        },
        Panel {
            title: "Longest in hand",
            about: "How long the slowest worker has had its task.",
            kind: Kind::Number,
            unit: "s",
            queries: &[("max(zero_worker_in_hand_seconds{@worker})", "")],
        },
    ],
};

const WORK: Row = Row {
    title: "Work",
    panels: &[
        Panel {
            title: "Ready and busy",
            about: "A worker that drains finishes its task and is shown no other.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("sum(zero_worker_consuming{@worker})", "ready"),
                ("sum(zero_worker_busy{@worker})", "busy"),
                ("sum(zero_worker_draining{@worker})", "draining"),
                ("count(zero_worker_child_running{@worker} == 0)", "not running"),
            ],
        },
        Panel {
            title: "Task in hand, by worker",
            about: "A line that climbs past all others is a worker that is stuck.",
            kind: Kind::Lines,
            unit: "s",
            queries: &[("max by (pod) (zero_worker_in_hand_seconds{@worker})", "{{pod}}")],
        },
        Panel {
            title: "Tasks by outcome, by the minute",
            about: "Everything but `done` is work that is done again or was for nobody.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[(
                "sum by (operation, outcome) (rate(zero_worker_tasks_total{@worker}[$__rate_interval])) * 60",
                "{{operation}} {{outcome}}",
            )],
        },
        TIME_OF_A_TASK,
    ],
};

/// The overview has it too.
pub(super) const TIME_OF_A_TASK: Panel = Panel {
    title: "Time of a task",
    about: "In a worker's hands, on average.",
    kind: Kind::Lines,
    unit: "s",
    queries: &[(
        r#"sum by (operation) (increase(zero_worker_task_seconds_total{@worker,outcome="done"}[15m])) / sum by (operation) (increase(zero_worker_tasks_total{@worker,outcome="done"}[15m]) > 0)"#,
        "{{operation}}",
    )],
};

const WASTE: Row = Row {
    title: "Waste",
    panels: &[
        Panel {
            title: "Workers' worth of wasted time",
            about: "1: one worker is busy all the time with what is thrown away.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[(
                r#"sum by (outcome) (rate(zero_worker_task_seconds_total{@worker,outcome!="done"}[$__rate_interval]))"#,
                "{{outcome}}",
            )],
        },
        Panel {
            title: "Tries again, in 15 minutes",
            about: "Failed tasks that were tried again, put aside, or could not be; tasks that went back untried; aborts; tasks of another generation.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                ("sum(increase(zero_worker_retries_total{@worker}[15m]))", "tried again"),
                ("sum(increase(zero_worker_dead_letters_total{@worker}[15m]))", "put aside"),
                (
                    "sum(increase(zero_worker_dead_letters_refused_total{@worker}[15m]))",
                    "refused by the broker",
                ),
                ("sum(increase(zero_worker_given_back_total{@worker}[15m]))", "given back"),
                ("sum(increase(zero_worker_aborts_total{@worker}[15m]))", "aborted"),
                ("sum(increase(zero_worker_unreadable_total{@worker}[15m]))", "unreadable"),
                ("sum(increase(zero_worker_twins_total{@worker}[15m]))", "done before"),
            ],
        },
        Panel {
            title: "Ends of workers, in 15 minutes",
            about: "Ends that nobody asked for, by cause, and processes that the kernel killed. docs/zero-worker.md has the causes.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[
                (
                    "sum by (cause) (increase(zero_worker_child_ends_total{@worker}[15m])) > 0",
                    "{{cause}}",
                ),
                ("sum(increase(zero_worker_oom_kills_total{@worker}[15m]))", "killed for memory"),
            ],
        },
        Panel {
            title: "Connections made anew, in 15 minutes",
            about: "Each one is a connection to the broker that was lost. Tasks are not.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "sum by (pod) (increase(zero_worker_reconnects_total{@worker}[15m]))",
                "{{pod}}",
            )],
        },
    ],
};

const NEEDS: Row = Row {
    title: "Needs",
    panels: &[
        Panel {
            title: "Memory peak of a task",
            about: "What the memory limit of a pool has to hold. Looked at each second.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[(
                "max by (operation) (zero_worker_task_memory_peak_bytes{@worker})",
                "{{operation}}",
            )],
        },
        Panel {
            title: "Memory by worker",
            about: "Of the container now, page cache included; and the most it ever had.",
            kind: Kind::Lines,
            unit: "bytes",
            queries: &[
                ("max by (pod) (zero_worker_memory_bytes{@worker})", "{{pod}}"),
                ("max(zero_worker_memory_peak_bytes{@worker})", "most ever"),
            ],
        },
        Panel {
            title: "Cores by worker",
            about: "A busy worker near 0 hangs.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                "sum by (pod) (rate(zero_worker_cpu_seconds_total{@worker}[$__rate_interval]))",
                "{{pod}}",
            )],
        },
        Panel {
            title: "CPU time of a task",
            about: "On average. By it and the time of a task: how many cores a worker can use.",
            kind: Kind::Lines,
            unit: "s",
            queries: &[(
                "sum by (operation) (increase(zero_worker_task_cpu_seconds_total{@worker}[15m])) / sum by (operation) (increase(zero_worker_tasks_total{@worker}[15m]) > 0)",
                "{{operation}}",
            )],
        },
    ],
};
