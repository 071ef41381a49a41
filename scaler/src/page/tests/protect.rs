//! What the page shows of the protection of busy workers.

use crate::status::{ProtectStatus, ProtectedStatus};

use super::*;

fn protect() -> ProtectStatus {
    let target = ProtectedStatus {
        namespace: "provers".into(),
        selector: "app=worker".into(),
        busy: Some(12),
        idle: Some(1_200),
        unknown: Some(0),
    };
    ProtectStatus {
        leads: true,
        leader: Some("zero-scaler-0".into()),
        age_ms: Some(3_210),
        error: None,
        targets: vec![target],
        unmatched: 0,
        unmatched_holders: vec![],
        changes: 1_200,
        failures: 0,
    }
}

fn page(protect: ProtectStatus) -> Status {
    Status { protect: Some(protect), ..status() }
}

#[test]
fn the_replica_that_acts_tells_how_many_are_busy() {
    let said = words(&page(protect()));
    for sentence in [
        "Busy workers are kept by this replica, last looked 3.2 s ago · 1,200 changes of deletion costs, 0 failed",
        "provers app=worker 12 1,200 0",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
    assert!(!said.contains("may not be protected"), "{said}");
}

#[test]
fn another_replica_has_no_numbers_and_says_who_has() {
    let mut waits = ProtectStatus { leads: false, age_ms: None, ..protect() };
    for target in &mut waits.targets {
        (target.busy, target.idle, target.unknown) = (None, None, None);
    }
    let said = words(&page(waits.clone()));
    assert!(said.contains("by another replica, zero-scaler-0"), "{said}");
    assert!(said.contains("provers app=worker unknown unknown unknown"), "{said}");
    let said = words(&page(ProtectStatus { leader: None, ..waits }));
    assert!(said.contains("by no replica yet"), "{said}");
}

#[test]
fn what_does_not_work_is_said_first_and_why() {
    let error = Some("broker `default`: connection refused".to_owned());
    let status = page(ProtectStatus { error, ..protect() });
    let said = words(&status);
    assert!(said.contains("Busy workers may not be protected from scale-in."), "{said}");
    assert!(
        said.contains(
            "broker `default`: connection refused No deletion cost is lowered on a guess."
        ),
        "{said}"
    );
    assert!(document(&status).contains("verdict bad"));
}

#[test]
fn workers_that_are_no_pod_are_named() {
    let holders = vec!["10.0.0.9:4000".to_owned(), HOSTILE.to_owned()];
    let status = page(ProtectStatus { unmatched: 21, unmatched_holders: holders, ..protect() });
    let said = words(&status);
    assert!(said.contains("21 workers with a task cannot be protected"), "{said}");
    assert!(said.contains("10.0.0.9:4000"), "{said}");
    assert!(!fragment(&status).contains("<script>"));
}
