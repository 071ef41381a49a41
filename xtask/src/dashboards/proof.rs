//! One running proof, or several: how far it is and when it will be done.

use super::grafana::{Board, Kind, Panel, Row, Variable};

pub(super) const BOARD: Board = Board {
    uid: "zero-prover-proof",
    title: "zero-prover / proof",
    variables: &[Variable {
        name: "proof",
        query: "label_values(zero_leader_proof_phase{@leader}, proof)",
        regex: "",
        several: true,
    }],
    rows: &[NOW, COURSE],
};

const NOW: Row = Row {
    title: "Now",
    panels: &[
        Panel {
            title: "Done",
            about: "Answered tasks of all that are expected. It never falls.",
            kind: Kind::Number,
            unit: "percentunit",
            queries: &[(r#"zero_leader_proof_done_ratio{@leader,proof=~"$proof"}"#, "{{proof}}")],
        },
        Panel {
            title: "Will be done in",
            about: "Most likely. From the answers so far, or from how long others took.",
            kind: Kind::Number,
            unit: "s",
            queries: &[(
                r#"zero_leader_proof_eta_seconds{@leader,proof=~"$proof",bound="likely"}"#,
                "{{proof}}",
            )],
        },
        Panel {
            title: "Under way for",
            about: "Since this attempt began.",
            kind: Kind::Number,
            unit: "s",
            queries: &[(
                r#"zero_leader_proof_elapsed_seconds{@leader,proof=~"$proof"}"#,
                "{{proof}}",
            )],
        },
        Panel {
            title: "Tasks left",
            about: "Expected and not answered, given out or not.",
            kind: Kind::Number,
            unit: "short",
            queries: &[(
                r#"sum by (proof) (zero_leader_proof_tasks_expected{@leader,proof=~"$proof"}) - sum by (proof) (zero_leader_proof_tasks_answered_total{@leader,proof=~"$proof"})"#,
                "{{proof}}",
            )],
        },
    ],
};

const COURSE: Row = Row {
    title: "Course",
    panels: &[
        Panel {
            title: "Phase",
            about: "What a proof is at: preparing, proving, ending, verifying, clearing. `kubectl zero report` has the times of each to the millisecond, afterwards too.",
            kind: Kind::States,
            unit: "short",
            queries: &[(
                r#"zero_leader_proof_phase{@leader,proof=~"$proof"}"#,
                "{{proof}} {{phase}}",
            )],
        },
        Panel {
            title: "Tasks left by kind",
            about: "Given out and not answered, by what is to be done; and those that the leader has not given out yet.",
            kind: Kind::Areas,
            unit: "short",
            queries: &[
                (
                    r#"sum by (operation) (zero_leader_proof_tasks_published_total{@leader,proof=~"$proof"}) - sum by (operation) (zero_leader_proof_tasks_answered_total{@leader,proof=~"$proof"})"#,
                    "{{operation}}",
                ),
                (
                    r#"sum(zero_leader_proof_tasks_expected{@leader,proof=~"$proof"}) - sum(zero_leader_proof_tasks_published_total{@leader,proof=~"$proof"})"#,
                    "not given out yet",
                ),
            ],
        },
        Panel {
            title: "Effective rate",
            about: "Tasks answered by the minute. Tasks that are done twice, or for nobody, are not in it.",
            kind: Kind::Lines,
            unit: "short",
            queries: &[(
                r#"sum by (proof, operation) (rate(zero_leader_proof_tasks_answered_total{@leader,proof=~"$proof"}[$__rate_interval])) * 60"#,
                "{{proof}} {{operation}}",
            )],
        },
        Panel {
            title: "Will be done in",
            about: "Hardly sooner than low, hardly later than high. Nothing while nothing tells.",
            kind: Kind::Lines,
            unit: "s",
            queries: &[(
                r#"zero_leader_proof_eta_seconds{@leader,proof=~"$proof"}"#,
                "{{proof}} {{bound}}",
            )],
        },
    ],
};
