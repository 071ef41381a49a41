//! What the notes say is risky, and when.

use tests::helm::{CHART, Generation, Helm};

/// What was set, words that the notes have, and words that they have not.
const TOLD: &[(&str, &[&str], &[&str])] = &[
    (
        "workers.attempts=3",
        &[
            "`kubectl -n provers delete pvc zp-circuits`, and upgrade with circuits.pvc.accessMode=ReadWriteMany",
            "docs/upgrade.md, Another volume",
            "workers run on the node that the volume of the circuits came to, large enough for them or not",
        ],
        &["circuits.initJob", "expiring"],
    ),
    (
        "circuits.pvc.accessMode=ReadWriteMany",
        &["workers run on any node with room"],
        &["delete pvc zp-circuits"],
    ),
    (
        "circuits.mode=existingClaim,circuits.existingClaim.name=mine,circuits.existingClaim.accessMode=ReadWriteOnce",
        &["name a claim that is ReadWriteMany in circuits.existingClaim"],
        &["circuits.pvc", "zp-circuits"],
    ),
    (
        "circuits.initJob=false",
        &["circuits.initJob=false: nothing fills the volume of the circuits", "at most 24 hours"],
        &[],
    ),
    (
        "autoscaling.mode=rabbitmq",
        &["autoscaling.mode=rabbitmq: a queue that is not there is an error"],
        &["expiring"],
    ),
    (
        "autoscaling.mode=rabbitmq,rabbitmq.queuePolicy=as-is",
        &[
            "autoscaling.mode=rabbitmq: queues that wait for a worker are not kept from expiring, and a queue",
        ],
        &[],
    ),
];

/// Helm 3 asks a cluster even where nothing is to be installed.
#[test]
fn what_is_risky_is_told_where_it_is_and_nowhere_else() {
    let Some(programs) = tests::helm::programs("chart::notes") else { return };
    let helm = Helm::of(&programs, Generation::V4).unwrap();
    let mut wrong = Vec::new();
    for (sets, words, not) in TOLD {
        let install = ["install", "zp", CHART, "--namespace", "provers", "--dry-run=client"];
        let sets = ["--set", "prerequisites.check=false", "--set", sets];
        let told = helm.told(&[&install[..], &sets].concat()).unwrap();
        let (_, notes) = told.split_once("What is risky in these values").unwrap();
        let lacks = words.iter().filter(|words| !notes.contains(**words));
        wrong.extend(lacks.map(|words| format!("{sets:?} lacks: {words}")));
        let has = not.iter().filter(|words| notes.contains(**words));
        wrong.extend(has.map(|words| format!("{sets:?} has: {words}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
