//! KEDA's list of what an external scaler must do, each line a test that bears its name; the list
//! itself is in `docs/conformance.md`. Below it, what this scaler promises on top.

#![expect(clippy::float_cmp, reason = "counts and targets are exact in floats")]

mod bad_input;
mod bench;
pub(crate) mod broker_tls;
mod brokers;
mod connection;
mod contract;
mod fixed;
mod grpc_tls;
mod leases;
mod list;
mod numbers;
mod operations;
mod outage;
mod product;
mod push;
mod queues;
mod replicas;
mod secrets;
mod trouble;
mod wire;

use std::sync::OnceLock;
use std::time::Duration;

use scaler::grpc::proto::ScaledObjectRef;
use tests::amqp::Amqp;
use tests::harness::{self, Vhost};
use tests::keda::{KedaClient, Polled, scaled_object};
use tests::poll;
use tests::scaler::RunningScaler;
use tonic::{Code, Status};

/// Far above what anything here takes; only a failed test waits so long.
const LIMIT: Duration = Duration::from_secs(30);
/// What KEDA calls the namespace of the objects in these tests.
const NAMESPACE: &str = "proofs";

/// A vhost of the test's own, a hand in it, and KEDA's view of it through one scaler for all tests.
struct Stage {
    keda: KedaClient,
    amqp: Amqp,
    vhost: Vhost,
    scaler: &'static RunningScaler,
}

/// `None`: there is no broker, which is on record.
async fn stage(test: &str) -> Option<Stage> {
    static SHARED: OnceLock<RunningScaler> = OnceLock::new();
    let vhost = harness::vhost(test)?;
    let scaler = SHARED.get_or_init(|| RunningScaler::on(vhost.access(), "/").unwrap());
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    let amqp = Amqp::connect(&vhost.amqp_uri()).await.unwrap();
    Some(Stage { keda, amqp, vhost, scaler })
}

impl Stage {
    /// A `ScaledObject` that looks at this vhost, with further metadata.
    fn object(&self, metadata: &[(&str, &str)]) -> ScaledObjectRef {
        object_in(&self.vhost, metadata)
    }

    /// Declares a paladin queue and fills it.
    async fn fill(&self, queue: &str, messages: usize) {
        self.amqp.paladin_queue(queue).await.unwrap();
        self.amqp.publish(queue, messages).await.unwrap();
    }

    /// Polls until KEDA reads this value.
    async fn reads(&self, object: &ScaledObjectRef, value: f64) -> Polled {
        reads(&self.keda, object, value).await
    }

    /// The explanation of an object's numbers.
    fn explain(&self, object: &ScaledObjectRef) -> String {
        let (code, text) = self.scaler.get(&explain_path(object)).unwrap();
        assert_eq!(code, 200, "{text}");
        text
    }
}

fn explain_path(object: &ScaledObjectRef) -> String {
    format!("/explain?namespace={}&name={}", object.namespace, object.name)
}

fn object_in(vhost: &Vhost, metadata: &[(&str, &str)]) -> ScaledObjectRef {
    let fixed = [("scalerAddress", "zero-scaler:50051"), ("vhost", vhost.name())];
    scaled_object(NAMESPACE, vhost.name(), &[&fixed, metadata].concat())
}

/// Polls as KEDA does until it reads this value.
async fn reads(keda: &KedaClient, object: &ScaledObjectRef, value: f64) -> Polled {
    let what = format!("the value {value} of {object:?}");
    let looked = poll::until(&what, LIMIT, async || match keda.poll(object).await {
        Ok(polled) if polled.value.since_2_17().to_bits() == value.to_bits() => Ok(polled),
        Ok(polled) => Err(format!("{polled:?}")),
        Err(status) => Err(status.to_string()),
    });
    looked.await.unwrap()
}

/// Every call of KEDA's about this object fails in the same way; gives the words.
async fn refused(keda: &KedaClient, object: &ScaledObjectRef, code: Code) -> String {
    // A wrong trigger has no metric; one whose broker is away, or not ours, has.
    let spec = keda.metric_spec(object).await;
    let metric = spec.map_or_else(|_| "any".to_owned(), |spec| spec.metric_name);
    let told: [Status; 3] = [
        keda.metric_values(object, &metric).await.expect_err("GetMetrics"),
        keda.is_active(object).await.expect_err("IsActive"),
        keda.stream_is_active(object).await.map(drop).expect_err("StreamIsActive"),
    ];
    for status in &told {
        assert_eq!((status.code(), status.message()), (code, told[0].message()), "{object:?}");
    }
    told[0].message().to_owned()
}
