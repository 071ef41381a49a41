//! Conformance 25 and 26: numbers that do not fit.

use std::time::Duration;

use proptest::prelude::*;
use scaler::clock;
use scaler::decide::{MAX_WORKERS, decide};
use scaler::drain::{Sample, ServiceRate};
use scaler::snapshot::{Orphans, Snapshot, SourceKind, VhostReading};
use scaler::trigger;
use serde_json::json;
use tests::keda::{KedaClient, scaled_object};

use super::fixed::{FixedBroker, row};
use super::{NAMESPACE, reads};

/// The largest value whose thousandths still fit a Kubernetes quantity.
const LARGEST: f64 = 9.2e15;

/// Conformance 25: counts above 2^53, above 9.2e15, near the largest int64 and sums that overflow
/// saturate at the cap; the HPA's thousandths stay positive.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn counts_too_large_saturate_at_the_cap_and_thousandths_stay_positive() {
    let broker = FixedBroker::start(&[]);
    let scaler = broker.launch().start().unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let just_below = row("proof-1", &json!(MAX_WORKERS - 1), &json!(0));
    let plain = scaled_object(NAMESPACE, "plain", &[]);
    broker.list(&[just_below]);
    reads(&keda, &plain, 999_999.0).await;
    for counts in [
        [(1_u64 << 53) + 1, 0, 0, 0],
        [9_300_000_000_000_000, 0, 0, 0],
        [i64::MAX as u64, 0, 0, 0],
        [u64::MAX, u64::MAX, u64::MAX, 1],
        [0, u64::MAX, 0, u64::MAX],
    ] {
        broker.list(&[
            row("proof-1", &json!(counts[0]), &json!(counts[1])),
            row("proof-2", &json!(counts[2]), &json!(counts[3])),
        ]);
        for (target, cap) in [("1", 1e6), ("1e9", 1e15), ("0.001", 1e3)] {
            let object = scaled_object(NAMESPACE, "workers", &[("target", target)]);
            let polled = reads(&keda, &object, cap).await;
            assert!(polled.active);
            assert!(polled.value.float <= LARGEST && polled.value.whole > 0, "{polled:?}");
            assert!(polled.value.whole.checked_mul(1_000).is_some(), "{polled:?}");
            assert_eq!(polled.replicas_since_2_17(), 1e6);
        }
        broker.list(&[row("proof-1", &json!(1), &json!(0))]);
        reads(&keda, &plain, 1.0).await;
    }
}

/// The columns of one queue as a broker may send them.
fn counts() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    let count = prop_oneof![Just(None), Just(Some(0)), Just(Some(1)), any::<u64>().prop_map(Some)];
    (count.clone(), count)
}

fn snapshot(queues: &[(Option<u64>, Option<u64>)]) -> Snapshot {
    use amqp_admin::{Queue, QueueKind, QueueName, QueueRole, QueueState, Reading, VhostName};
    let queue = |(number, (ready, unacked)): (usize, &(Option<u64>, Option<u64>))| Queue {
        name: QueueName::new(&format!("proof-{number}")).unwrap(),
        role: QueueRole::Other,
        kind: QueueKind::Classic,
        state: QueueState::Up,
        exclusive: false,
        reading: Reading { ready: *ready, unacked: *unacked },
    };
    let reading = VhostReading {
        taken_at: clock::now(),
        source: SourceKind::Live,
        queues: queues.iter().enumerate().map(queue).collect(),
        orphans: Orphans::None,
    };
    let mut snapshot = Snapshot::default();
    snapshot.vhosts.insert(VhostName::default(), reading);
    snapshot
}

/// A rate measured from any counts, falling, rising, or in one moment.
fn rate(samples: &[(u64, u64, u64)]) -> ServiceRate {
    let start = clock::now();
    samples.iter().fold(ServiceRate::default(), |rate, (millis, total, busy)| {
        let at = start + Duration::from_millis(*millis);
        rate.observe(Sample { at, total: *total, busy: *busy })
    })
}

proptest! {
    /// Conformance 26: no negative, infinite or unordered value leaves the scaler, whatever rate was
    /// measured; and what is active is at least a thousandth, so that rounding does not make it 0.
    #[test]
    fn no_negative_or_unordered_value_leaves_and_what_is_active_survives_rounding_to_thousandths(
        queues in prop::collection::vec(counts(), 0..5),
        samples in prop::collection::vec((0_u64..100_000, any::<u64>(), any::<u64>()), 0..6),
        target in prop_oneof![Just(0.001), Just(1.0), Just(1e9), 0.001..1e9],
        drain in prop::option::of(1_u64..=604_800),
        count_unacked in any::<bool>(),
        most in prop::option::of(1..=MAX_WORKERS),
    ) {
        let mut metadata = vec![
            ("target", target.to_string()),
            ("countUnacked", count_unacked.to_string()),
        ];
        if let Some(seconds) = drain {
            metadata.extend([("mode", "drain".to_owned()), ("drainSeconds", seconds.to_string())]);
        }
        metadata.extend(most.map(|most| ("maxWorkers", most.to_string())));
        let metadata = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let trigger = trigger::parse(&metadata).unwrap();
        let known = queues.iter().all(|(ready, unacked)| ready.is_some() && unacked.is_some());
        match decide(&trigger, &snapshot(&queues), &rate(&samples)) {
            Err(_) => prop_assert!(!known, "all counts were known"),
            Ok(decision) => {
                prop_assert!(known, "a missing count became a number");
                prop_assert!((0.0..=LARGEST).contains(&decision.value), "{}", decision.value);
                prop_assert_eq!(decision.whole_value().to_string(), decision.value.ceil().to_string());
                let thousandths = (decision.value * 1_000.0).round();
                prop_assert!(!decision.active || thousandths >= 1.0, "{}", decision.value);
                prop_assert!(decision.active || queues.iter().all(|q| *q == (Some(0), Some(0)))
                    || !count_unacked);
            }
        }
    }
}
