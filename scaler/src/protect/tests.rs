//! What costs follow from what is seen.

use amqp_admin::{Client, Pool, Queue, QueueKind, QueueName, QueueRole, QueueState, Reading};
use proptest::prelude::*;

use super::*;
use crate::clock;
use crate::snapshot::{Orphans, VhostReading};

fn pod(number: u8, cost: Option<&str>) -> Pod {
    Pod {
        name: PodName { namespace: "provers".into(), name: format!("worker-{number}") },
        uid: format!("uid-{number}"),
        addresses: vec![IpAddr::from([10, 0, 0, number])],
        cost: cost.map(str::to_owned),
    }
}

fn at(number: u8, tasks: Option<u64>) -> TaskHolder {
    TaskHolder {
        pod: None,
        address: Some(IpAddr::from([10, 0, 0, number])),
        told: format!("10.0.0.{number}:4000"),
        is_worker: true,
        tasks,
        acked: None,
    }
}

fn look<'a>(pods: &'a [Pod], holders: &'a [TaskHolder]) -> Look<'a> {
    Look { pods, holders, is_whole: true }
}

fn judge(pods: &[Pod], holders: &[TaskHolder]) -> Judged {
    Memory::default().judge(look(pods, holders), clock::now())
}

fn holdings(judged: &Judged) -> Vec<Holding> {
    judged.pods.iter().map(|(_, holding)| *holding).collect()
}

/// Costs as they are after the changes.
fn apply(pods: &mut [Pod], changes: &[Change]) {
    for change in changes {
        let pod = pods.iter_mut().find(|pod| pod.uid == change.uid).unwrap();
        pod.cost = change.cost.map(|cost| cost.to_string());
    }
}

#[test]
fn time_put_in_becomes_a_cost_that_doubles() {
    let table = [
        (0, 1),
        (59, 1),
        (60, 60),
        (119, 60),
        (120, 120),
        (239, 120),
        (240, 240),
        (1_800, 960),
        (86_400, 61_440),
    ];
    for (seconds, expected) in table {
        assert_eq!(cost(Duration::from_secs(seconds)), expected, "{seconds} s");
    }
    let longest = cost(Duration::MAX);
    assert!(i32::try_from(longest).is_ok(), "the annotation is a 32-bit number with a sign");
}

#[test]
fn what_one_look_says_of_a_pod() {
    let busy = Holding::Busy(1);
    let table: [(&str, &[TaskHolder], Holding); 7] = [
        ("it holds a task", &[at(1, Some(1))], busy),
        ("it holds none", &[at(1, Some(0))], Holding::Idle),
        ("it is not connected, and everybody else is known", &[at(2, Some(1))], Holding::Idle),
        ("the broker does not list its channel", &[at(1, None)], Holding::Unknown),
        ("one of two channels is not listed", &[at(1, Some(1)), at(1, None)], busy),
        ("it is not connected, and a holder is unknown", &[at(9, Some(1))], Holding::Unknown),
        ("the other holder may hold nothing", &[at(9, Some(0))], Holding::Idle),
    ];
    for (what, holders, expected) in table {
        let judged = judge(&[pod(1, None), pod(2, None)], holders);
        assert_eq!(judged.pods[0].1, expected, "{what}");
    }
}

#[test]
fn a_pod_is_found_by_its_name_before_its_address() {
    let pods = [pod(1, None), pod(2, None)];
    let named = |name: &str| TaskHolder { pod: Some(name.into()), ..at(1, Some(1)) };
    let judged = judge(&pods, &[named("provers/worker-2")]);
    assert_eq!(holdings(&judged), [Holding::Idle, Holding::Busy(1)]);
    let other = TaskHolder { told: "elsewhere/worker-1".into(), ..named("elsewhere/worker-1") };
    let judged = judge(&pods, &[other]);
    assert_eq!(judged.unmatched, ["elsewhere/worker-1"]);
    assert_eq!(holdings(&judged), [Holding::Unknown; 2], "its address is not asked");
}

#[test]
fn a_shared_address_protects_nobody_and_is_told() {
    let mut pods = [pod(1, Some("60")), pod(2, None), pod(3, Some("60"))];
    pods[1].addresses = vec![IpAddr::from([10, 0, 0, 1])];
    let judged = judge(&pods, &[at(1, Some(1)), at(3, Some(0))]);
    assert_eq!(holdings(&judged), [Holding::Unknown, Holding::Unknown, Holding::Idle]);
    assert_eq!(judged.unmatched, ["10.0.0.1:4000"]);
    let changes = judged.changes();
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((changes[0].uid.as_str(), changes[0].cost), ("uid-3", None));
}

#[test]
fn who_holds_messages_without_consuming_tasks_is_no_worker_to_tell_of() {
    let surgeon = TaskHolder { is_worker: false, ..at(9, Some(5)) };
    let judged = judge(&[pod(1, None)], &[surgeon]);
    assert!(judged.unmatched.is_empty());
    assert_eq!(holdings(&judged), [Holding::Idle]);
}

#[test]
fn an_address_written_as_ipv6_is_the_same_address() {
    let mut pods = [pod(1, None)];
    pods[0].addresses = vec!["::ffff:10.0.0.1".parse().unwrap()];
    assert_eq!(holdings(&judge(&pods, &[at(1, Some(1))])), [Holding::Busy(1)]);
}

#[test]
fn a_task_that_goes_on_costs_more_and_the_next_one_begins_anew() {
    let start = clock::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let acked = |count| [TaskHolder { acked: Some(count), ..at(1, Some(1)) }];
    let mut memory = Memory::default();
    let mut pods = [pod(1, None)];
    let mut costs = Vec::new();
    let looks = [(0, 7), (50, 7), (130, 7), (135, 8), (140, 8), (260, 8)];
    for (seconds, count) in looks {
        let judged = memory.judge(look(&pods, &acked(count)), after(seconds));
        apply(&mut pods, &judged.changes());
        costs.push(pods[0].cost.clone().unwrap());
    }
    assert_eq!(costs, ["1", "1", "120", "1", "1", "120"]);
}

#[test]
fn the_first_acknowledgement_is_a_task_done() {
    let now = clock::now();
    let mut memory = Memory::default();
    let pods = [pod(1, None)];
    let acked = |acked| [TaskHolder { acked, ..at(1, Some(1)) }];
    memory.judge(look(&pods, &acked(None)), now);
    let later = now + Duration::from_secs(70);
    let judged = memory.judge(look(&pods, &acked(Some(1))), later);
    assert_eq!(holdings(&judged), [Holding::Busy(1)]);
}

#[test]
fn a_new_replica_goes_on_from_the_costs_that_are_there() {
    let busy = [at(1, Some(1))];
    let taken_over = |cost| holdings(&judge(&[pod(1, Some(cost))], &busy));
    assert_eq!(taken_over("240"), [Holding::Busy(240)]);
    assert_eq!(taken_over("1"), [Holding::Busy(1)]);
    for not_ours in ["241", "-60", "many", "0"] {
        assert_eq!(taken_over(not_ours), [Holding::Busy(1)], "{not_ours}");
    }
}

#[test]
fn a_cost_that_could_not_be_taken_away_is_not_inherited_by_the_next_task() {
    let now = clock::now();
    let mut memory = Memory::default();
    let pods = [pod(1, Some("240"))];
    memory.judge(look(&pods, &[at(1, Some(0))]), now);
    let judged = memory.judge(look(&pods, &[at(1, Some(1))]), now + Duration::from_secs(5));
    assert_eq!(holdings(&judged), [Holding::Busy(1)]);
}

#[test]
fn a_task_is_remembered_over_looks_that_show_nothing() {
    let now = clock::now();
    let after = |seconds| now + Duration::from_secs(seconds);
    let mut memory = Memory::default();
    let pods = [pod(1, None)];
    memory.judge(look(&pods, &[at(1, Some(1))]), now);
    let blind = Look { is_whole: false, ..look(&pods, &[]) };
    assert_eq!(holdings(&memory.judge(blind, after(30))), [Holding::Unknown]);
    let judged = memory.judge(look(&pods, &[at(1, Some(1))]), after(65));
    assert_eq!(holdings(&judged), [Holding::Busy(60)]);
}

#[test]
fn what_is_idle_loses_its_cost_after_what_is_busy_got_one() {
    let pods = [pod(1, Some("60")), pod(2, None), pod(3, Some("0")), pod(4, None)];
    let changes = judge(&pods, &[at(2, Some(1))]).changes();
    let told: Vec<_> = changes.iter().map(|change| (change.pod.to_string(), change.cost)).collect();
    let expected =
        [("provers/worker-2".to_owned(), Some(1)), ("provers/worker-1".to_owned(), None)];
    assert_eq!(told, expected);
}

#[test]
fn pods_are_counted_by_namespace() {
    let mut pods = [pod(1, None), pod(2, None), pod(3, None)];
    pods[2].name.namespace = "other".into();
    let judged = judge(&pods, &[at(1, Some(1)), at(3, None)]);
    assert_eq!(judged.count("provers"), [1, 1, 0]);
    assert_eq!(judged.count("other"), [0, 0, 1]);
}

/// One vhost, read live at this moment.
fn snapshot(queues: &[(&str, QueueRole, Option<u64>)], taken_at: Instant) -> Snapshot {
    let queue = |(name, role, unacked): &(&str, QueueRole, Option<u64>)| Queue {
        name: QueueName::new(name).unwrap(),
        role: *role,
        kind: QueueKind::Classic,
        state: QueueState::Up,
        exclusive: false,
        reading: Reading { ready: Some(0), unacked: *unacked },
    };
    let reading = VhostReading {
        taken_at,
        source: SourceKind::Live,
        queues: queues.iter().map(queue).collect(),
        orphans: Orphans::None,
    };
    let mut snapshot = Snapshot::default();
    snapshot.vhosts.insert(VhostName::default(), reading);
    snapshot
}

fn channel(queues: &[&str], unacked: Option<u64>) -> Holder {
    Holder {
        vhost: VhostName::default(),
        client: Client { host: "10.0.0.1".into(), port: 4000 },
        pod: None,
        queues: queues.iter().map(|name| QueueName::new(name).unwrap()).collect(),
        unacked,
        acked: None,
    }
}

/// Whether it is a worker's, and its tasks; `None`: it is not held to be busy.
type Found = Option<(bool, Option<u64>)>;

#[test]
fn only_channels_that_may_hold_tasks_count() {
    let now = clock::now();
    let queues = [
        ("task-ipc-routing-key", QueueRole::Task(Pool::All), Some(3)),
        ("AbCdE", QueueRole::Result, Some(2)),
        ("words", QueueRole::Other, Some(1)),
    ];
    let snapshot = snapshot(&queues, now);
    let table: [(&[&str], Found); 7] = [
        (&["task-ipc-routing-key", "command-ipc-routing-key"], Some((true, Some(1)))),
        (&["AbCdE"], None),
        (&["words"], Some((true, Some(1)))),
        (&["command-ipc-routing-key"], None),
        (&["FgHiJ"], None),
        (&["proof-7"], Some((true, Some(1)))),
        (&[], Some((false, Some(1)))),
    ];
    for (queues, expected) in table {
        let found = task_holders(&[channel(queues, Some(1))], &snapshot, now);
        let found = found.first().map(|holder| (holder.is_worker, holder.tasks));
        assert_eq!(found, expected, "{queues:?}");
    }
}

/// A worker takes both from one channel, and the broker tells one number.
#[test]
fn a_worker_with_a_command_in_hand_and_no_task_anywhere_is_not_busy() {
    let now = clock::now();
    let worker = [channel(&["task-ipc-routing-key", "command-ipc-routing-key"], Some(1))];
    let tasks = |snapshot: &Snapshot, now| task_holders(&worker, snapshot, now)[0].tasks;
    let task = |unacked| [("task-ipc-routing-key", QueueRole::Task(Pool::All), unacked)];
    assert_eq!(tasks(&snapshot(&task(Some(0)), now), now), Some(0));
    assert_eq!(tasks(&snapshot(&task(Some(1)), now), now), Some(1));
    assert_eq!(tasks(&snapshot(&task(None), now), now), Some(1));
    let old = now + Duration::from_secs(3);
    assert_eq!(tasks(&snapshot(&task(Some(0)), now), old), Some(1), "too old to overrule");
    assert_eq!(tasks(&Snapshot::default(), now), Some(1));
}

/// Channels lag behind queues, by which a worker may seem idle that is not.
#[test]
fn tasks_that_no_channel_shows_are_counted_and_what_is_not_known_is_no_zero() {
    let now = clock::now();
    let task = |unacked| [("task-ipc-routing-key", QueueRole::Task(Pool::All), unacked)];
    let worker = |unacked| [channel(&["task-ipc-routing-key"], unacked)];
    let counted = |in_hand, shown| hidden(&worker(shown), &snapshot(&task(in_hand), now), now);
    assert_eq!(counted(Some(3), Some(1)), Ok(2));
    assert_eq!(counted(Some(3), None), Ok(3));
    assert_eq!(counted(Some(0), Some(1)), Ok(0), "a channel that lags");
    let both = [channel(&["task-ipc-routing-key"], Some(0)), channel(&["AbCdE"], Some(1))];
    let results = [task(Some(1))[0], ("AbCdE", QueueRole::Result, Some(1))];
    let beside = hidden(&both, &snapshot(&results, now), now);
    assert_eq!(beside, Ok(1), "a leader's result is no task");
    assert!(counted(None, Some(1)).is_err());
    assert!(hidden(&[], &Snapshot::default(), now).is_err());
    let old = now + Duration::from_secs(31);
    let told = hidden(&worker(Some(1)), &snapshot(&task(Some(1)), now), old).unwrap_err();
    assert_eq!(told, "the counts of vhost `/` are 31 s old");
}

/// What is seen of one pod: the tasks of its channels, and how long it has held them.
fn seen() -> impl Strategy<Value = (Vec<Option<u64>>, u64)> {
    let channel = prop_oneof![Just(None), (0..3_u64).prop_map(Some)];
    (proptest::collection::vec(channel, 0..3), 0..4_000_u64)
}

fn number(pod: &Pod) -> i64 {
    pod.cost.as_deref().map_or(0, |cost| cost.parse().unwrap())
}

proptest! {
    /// The order in which a `ReplicaSet` gives pods up: idle ones, then by what is lost.
    #[test]
    fn idle_goes_before_busy_and_less_before_more(all in proptest::collection::vec(seen(), 1..8)) {
        let (start, mut memory) = (clock::now(), Memory::default());
        let end = start + Duration::from_secs(4_000);
        let mut pods: Vec<Pod> = (1..).take(all.len()).map(|n| pod(n, None)).collect();
        // Each has begun so long before the end as it says.
        let mut moments: Vec<u64> = all.iter().map(|(_, held)| *held).collect();
        moments.push(0);
        moments.sort_unstable();
        for moment in moments.iter().rev() {
            let now = end.checked_sub(Duration::from_secs(*moment)).unwrap();
            let begun = |(n, (tasks, held)): (u8, &(Vec<Option<u64>>, u64))| {
                let has_begun = held >= moment;
                let tasks = tasks.iter().map(move |tasks| if has_begun { *tasks } else { Some(0) });
                tasks.map(move |tasks| at(n, tasks)).collect::<Vec<_>>()
            };
            let holders: Vec<_> = (1..).zip(&all).flat_map(begun).collect();
            let judged = memory.judge(look(&pods, &holders), now);
            apply(&mut pods, &judged.changes());
            for (pod, holding) in &judged.pods {
                if let Holding::Busy(cost) = holding {
                    prop_assert!(*cost > 0, "{pod:?}");
                }
            }
        }
        let is_busy = |tasks: &[Option<u64>]| tasks.iter().flatten().any(|tasks| *tasks > 0);
        for (one, (tasks, held)) in pods.iter().zip(&all) {
            prop_assert_eq!(number(one) > 0, is_busy(tasks));
            for (other, (others_tasks, others_held)) in pods.iter().zip(&all) {
                if !is_busy(tasks) && is_busy(others_tasks) {
                    prop_assert!(number(one) < number(other));
                }
                if is_busy(tasks) && is_busy(others_tasks) && held <= others_held {
                    prop_assert!(number(one) <= number(other));
                }
                if is_busy(tasks) && is_busy(others_tasks) && held.max(&59) * 2 < *others_held {
                    prop_assert!(number(one) < number(other), "{} s, {} s", held, others_held);
                }
            }
        }
    }

    #[test]
    fn what_is_as_it_should_be_is_not_changed(all in proptest::collection::vec(seen(), 1..8)) {
        let (now, mut memory) = (clock::now(), Memory::default());
        let mut pods: Vec<Pod> = (1..).take(all.len()).map(|n| pod(n, Some("120"))).collect();
        let held = |(n, (tasks, _)): (u8, &(Vec<Option<u64>>, u64))| {
            tasks.iter().map(|tasks| at(n, *tasks)).collect::<Vec<_>>()
        };
        let holders: Vec<_> = (1..).zip(&all).flat_map(held).collect();
        let changes = memory.judge(look(&pods, &holders), now).changes();
        apply(&mut pods, &changes);
        let again = memory.judge(look(&pods, &holders), now).changes();
        prop_assert!(again.is_empty(), "{:?}", again);
    }

    /// Neither a broker that does not answer, nor one that tells half, costs a pod its protection.
    #[test]
    fn the_unknown_never_lowers(
        all in proptest::collection::vec(seen(), 1..8),
        costs in proptest::collection::vec(prop_oneof![Just(None), Just(Some("1")), Just(Some("480"))], 8),
    ) {
        let mut pods: Vec<Pod> = (1..).zip(&costs).take(all.len()).map(|(n, cost)| pod(n, *cost)).collect();
        let held = |(n, (tasks, _)): (u8, &(Vec<Option<u64>>, u64))| {
            tasks.iter().map(|tasks| at(n, *tasks)).collect::<Vec<_>>()
        };
        let holders: Vec<_> = (1..).zip(&all).flat_map(held).collect();
        let before: Vec<i64> = pods.iter().map(number).collect();
        let blind = Look { is_whole: false, ..look(&pods, &holders) };
        let changes = Memory::default().judge(blind, clock::now()).changes();
        apply(&mut pods, &changes);
        for (pod, before) in pods.iter().zip(before) {
            prop_assert!(number(pod) >= before, "{pod:?} had {before}");
        }
    }
}
