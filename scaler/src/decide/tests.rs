//! What `decide` answers, sentence by sentence.

use std::collections::HashMap;

use amqp_admin::{Pool, Queue, QueueName, QueueRole, Reading};
use proptest::prelude::*;

use super::*;
use crate::clock;
use crate::snapshot::SourceKind;
use crate::trigger;

fn trigger(pairs: &[(&str, &str)]) -> Trigger {
    let metadata: HashMap<_, _> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    trigger::parse(&metadata).unwrap()
}

fn queue(name: &str, role: QueueRole, reading: Reading) -> Queue {
    Queue::classic(QueueName::new(name).unwrap(), role, reading)
}

fn tasks(ready: u64, unacked: u64) -> Queue {
    queue("task-ipc-routing-key", QueueRole::Task(Pool::All), Reading::known(ready, unacked))
}

fn snapshot(queues: &[Queue], now: Instant) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let reading = VhostReading {
        taken_at: now,
        source: SourceKind::Live,
        queues: queues.into(),
        orphans: Orphans::None,
    };
    snapshot.vhosts.insert(VhostName::default(), reading);
    snapshot
}

fn answer(pairs: &[(&str, &str)], queues: &[Queue]) -> Decision {
    decide(&trigger(pairs), &snapshot(queues, clock::now()), &ServiceRate::default()).unwrap()
}

#[test]
fn one_worker_for_each_message_ready_or_in_hand() {
    let decision = answer(
        &[],
        &[tasks(5, 2), queue("proof-20362226", QueueRole::Other, Reading::known(3, 0))],
    );
    assert_eq!((decision.active, decision.value, decision.workers), (true, 10.0, 10));
    assert_eq!(decision.whole_value(), 10);
}

#[test]
fn an_empty_broker_is_zero_and_inactive_in_every_field() {
    let decision = answer(&[], &[tasks(0, 0)]);
    assert_eq!((decision.active, decision.value, decision.whole_value()), (false, 0.0, 0));
    let none = answer(&[], &[]);
    assert_eq!((none.active, none.value, none.workers), (false, 0.0, 0));
}

#[test]
fn activation_is_strict() {
    let with = |ready| answer(&[("activationTarget", "5")], &[tasks(ready, 0)]).active;
    assert!(!with(4) && !with(5) && with(6));
}

#[test]
fn fewer_workers_than_are_busy_are_never_asked_for() {
    let decision = answer(&[("target", "10")], &[tasks(3, 7)]);
    assert_eq!((decision.value, decision.workers), (70.0, 7));
    let ready_only = answer(&[("countUnacked", "false")], &[tasks(1, 4)]);
    assert_eq!(ready_only.workers, 4);
    let capped = answer(&[("maxWorkers", "2")], &[tasks(9, 4)]);
    assert_eq!(capped.workers, 4);
}

#[test]
fn a_busy_worker_keeps_the_trigger_active_below_the_activation_target() {
    assert!(answer(&[("activationTarget", "100")], &[tasks(0, 1)]).active);
}

#[test]
fn the_cap_bounds_the_value_and_not_the_activation() {
    let decision = answer(
        &[("maxWorkers", "4"), ("target", "2"), ("activationTarget", "50")],
        &[tasks(100, 0)],
    );
    assert_eq!((decision.value, decision.workers, decision.active), (8.0, 4, true));
}

#[test]
fn a_vhost_never_read_is_refused_with_the_last_failure() {
    let mut snapshot = Snapshot::default();
    snapshot.failures.insert(VhostName::default(), "connection refused".into());
    let refusal = decide(&trigger(&[]), &snapshot, &ServiceRate::default()).unwrap_err();
    assert_eq!(refusal.to_string(), "vhost `/` was not read yet: connection refused");
}

#[test]
fn a_snapshot_older_than_its_limit_is_refused() {
    let taken = clock::now();
    let snapshot = snapshot(&[tasks(1, 0)], taken);
    let limit = Duration::from_secs(30);
    let at =
        |seconds| check_age(&trigger(&[]), &snapshot, limit, taken + Duration::from_secs(seconds));
    assert!(at(30).is_ok());
    assert!(matches!(at(31), Err(Refusal::TooOld { .. })));
}

#[test]
fn the_lag_of_the_metrics_port_counts_as_age() {
    let taken = clock::now();
    let mut snapshot = snapshot(&[tasks(1, 0)], taken);
    snapshot.vhosts.get_mut(&VhostName::default()).unwrap().source =
        SourceKind::metrics(Duration::from_secs(5));
    let at = taken + Duration::from_secs(26);
    assert!(check_age(&trigger(&[]), &snapshot, Duration::from_secs(30), at).is_err());
}

#[test]
fn a_missing_count_is_refused_and_names_the_queue() {
    let silent = queue("proof-7", QueueRole::Other, Reading::default());
    let refusal = decide(
        &trigger(&[]),
        &snapshot(&[tasks(1, 0), silent], clock::now()),
        &ServiceRate::default(),
    );
    let message = refusal.unwrap_err().to_string();
    assert!(message.contains("`proof-7`") && message.contains("excludeQueues"), "{message}");
}

#[test]
fn a_missing_count_of_a_queue_that_does_not_count_does_no_harm() {
    let silent = queue("proof-7", QueueRole::Other, Reading::default());
    assert_eq!(answer(&[("excludeQueues", "proof-.*")], &[tasks(1, 0), silent]).workers, 1);
}

#[test]
fn all_vhosts_are_refused_until_the_list_is_known_and_each_was_read() {
    let mut snapshot = snapshot(&[tasks(1, 0)], clock::now());
    let all = trigger(&[("vhost", "*")]);
    let ask = |snapshot: &Snapshot| decide(&all, snapshot, &ServiceRate::default());
    assert!(matches!(ask(&snapshot), Err(Refusal::NoVhosts { .. })));
    snapshot.visible = Some(vec![VhostName::default()]);
    assert_eq!(ask(&snapshot).unwrap().workers, 1);
    snapshot.visible = Some(vec![VhostName::default(), VhostName::new("other").unwrap()]);
    assert!(matches!(ask(&snapshot), Err(Refusal::NeverRead { .. })));
}

#[test]
fn tasks_whose_leader_is_gone_are_told_apart() {
    let now = clock::now();
    let mut snapshot =
        snapshot(&[tasks(5, 1), queue("proof-1", QueueRole::Other, Reading::known(2, 0))], now);
    snapshot.vhosts.get_mut(&VhostName::default()).unwrap().orphans =
        Orphans::Certain { since: now };
    let trigger = trigger(&[]);
    let rate = ServiceRate::default();
    let decision = decide(&trigger, &snapshot, &rate).unwrap();
    assert_eq!((decision.orphaned, decision.messages, decision.workers), (5, 3, 3));
    let told = Explanation { trigger: &trigger, decision: &decision, rate: &rate, now }.to_string();
    assert!(told.contains("orphaned: 5 ready tasks"), "{told}");
}

#[test]
fn a_drain_asks_for_what_empties_the_backlog_in_time_once_a_rate_is_known() {
    let start = clock::now();
    let drain = trigger(&[("mode", "drain"), ("drainSeconds", "600"), ("target", "1")]);
    let full = snapshot(&[tasks(98, 2)], start);
    let unknown = decide(&drain, &full, &ServiceRate::default()).unwrap();
    assert_eq!(unknown.workers, 100);
    let rate = ServiceRate::default()
        .observe(Sample { at: start, total: 104, busy: 2 })
        .observe(Sample { at: start + Duration::from_secs(60), total: 100, busy: 2 });
    assert_eq!(decide(&drain, &full, &rate).unwrap().workers, 5);
}

#[test]
fn an_explanation_tells_every_number() {
    let trigger = trigger(&[("target", "2"), ("maxWorkers", "8"), ("excludeQueues", "test-.*")]);
    let now = clock::now();
    let queues = [
        tasks(3, 1),
        queue("BmXij", QueueRole::Result, Reading::known(9, 0)),
        queue("test-1", QueueRole::Other, Reading::known(9, 0)),
    ];
    let rate = ServiceRate::default();
    let decision = decide(&trigger, &snapshot(&queues, now), &rate).unwrap();
    let told = Explanation { trigger: &trigger, decision: &decision, rate: &rate, now }.to_string();
    insta::assert_snapshot!(told, @r"
    vhost `/`: 3 queues, read from live
    age: counts are at most 0.0 s old
    matched: 1 queues with role task, other, 1 of them hold messages
    excluded: 1 because the name matches `excludeQueues`: `test-1`
    excluded: 1 because the role result is not among `roles`: `BmXij`
    sum: 3 ready + 1 unacked
    backlog: 4 messages (unacked counted)
    busy floor: 1 busy workers × target 2 = 2
    cap: 8 workers (`maxWorkers`), never below the busy floor
    value: 4 ÷ target 2 = 2 workers
    active: yes, backlog 4 is above `activationTarget` 0 and 1 workers are busy
    ");
}

proptest! {
    #[test]
    fn whatever_the_counts_the_answer_is_a_number_kubernetes_can_hold(
        ready in any::<u64>(), unacked in any::<u64>(), target in 0.001..1e9f64, cap in prop::option::of(1..=MAX_WORKERS)
    ) {
        let mut asked = trigger(&[]);
        asked.target = target;
        asked.max_workers = cap;
        let queues = [tasks(ready, unacked)];
        let decision = decide(&asked, &snapshot(&queues, clock::now()), &ServiceRate::default()).unwrap();
        prop_assert!(decision.value.is_finite() && (0.0..=9e15).contains(&decision.value));
        prop_assert!(decision.whole_value() >= 0);
        prop_assert!(decision.workers >= unacked.min(MAX_WORKERS));
        prop_assert_eq!(decision.active, ready > 0 || unacked > 0);
        prop_assert_eq!(decision.value == 0.0, decision.whole_value() == 0);
    }
}
