//! What a test that needs a broker calls first: a vhost of its own on a shared broker, or a broker of its own.
//!
//! ```no_run
//! # fn example() {
//! let Some(vhost) = tests::harness::vhost("a_purged_queue_is_empty") else { return };
//! let uri = vhost.amqp_uri();
//! # }
//! ```
//!
//! Without a broker on the machine such a test is skipped, loudly and on record; where `CI` is `true` it fails.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::access::Access;
use crate::ledger::{self, Outcome};
use crate::provision;
use crate::rabbitmq::{PrivateBroker, RabbitConfig, Series};

/// Names of the variables by which a test run tells its tests of the broker it started.
pub mod env {
    /// `host:port` of the AMQP listener.
    pub const AMQP: &str = "ZERO_TEST_BROKER_AMQP";
    /// Base URL of the management API.
    pub const MANAGEMENT: &str = "ZERO_TEST_BROKER_MANAGEMENT";
    /// Base URL of the Prometheus endpoint.
    pub const METRICS: &str = "ZERO_TEST_BROKER_METRICS";
    /// An administrator.
    pub const USER: &str = "ZERO_TEST_BROKER_USER";
    /// The administrator's password.
    pub const PASSWORD: &str = "ZERO_TEST_BROKER_PASSWORD";
    /// The series of RabbitMQ that is started, of `rabbitmq::Series`.
    pub const RABBITMQ: &str = "ZERO_TEST_RABBITMQ";
    /// The directory of the product's binaries.
    pub const BIN_DIR: &str = "ZERO_TEST_BIN_DIR";
    /// The directory of the stand-in provers' binaries.
    pub const STAND_IN_DIR: &str = "ZERO_TEST_STAND_IN_DIR";
    /// The directory of etcd, kube-apiserver, kubectl and KWOK.
    pub const CLUSTER_DIR: &str = "ZERO_TEST_CLUSTER_DIR";
    /// Terraform or OpenTofu.
    pub const TERRAFORM: &str = "ZERO_TEST_TERRAFORM";
    /// The directory of Kubernetes' controllers and of KEDA.
    pub const KEDA_DIR: &str = "ZERO_TEST_KEDA_DIR";
}

/// The test binary's broker, started by the first test that asks when the run has not started one.
static SHARED: OnceLock<Option<Shared>> = OnceLock::new();
/// Tells apart the vhosts of one process.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A value in a `static` is never dropped: the node's guard ends it with the process.
struct Shared {
    access: Access,
    _node: Option<PrivateBroker>,
}

/// A fresh vhost for one test; it is deleted with everything in it when the value goes.
pub struct Vhost {
    access: Access,
    name: String,
}

impl Vhost {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its URI, with credentials.
    #[must_use]
    pub fn amqp_uri(&self) -> String {
        self.access.amqp_uri(&self.name)
    }

    /// The broker it is on.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }
}

/// A fresh vhost on a broker of the test's own; made before the broker is disturbed, gone before it is.
///
/// # Panics
///
/// When the broker does not do as it is told.
#[must_use]
pub fn vhost_on(broker: &PrivateBroker) -> Vhost {
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("own-{number}");
    let made = broker.add_vhost(&name);
    Vhost { access: broker.access().clone(), name: must(made.map(|()| name), "make a vhost") }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        if let Err(error) = self.access.management().delete_vhost(&self.name) {
            say(&format!("the vhost `{}` stays: {error:#}", self.name));
        }
    }
}

/// A fresh vhost on the shared broker, or `None` (on record) when there is no broker to be had.
///
/// # Panics
///
/// When `CI` is `true` and there is no broker; when there is one and it does not do as it is told.
#[must_use]
pub fn vhost(test: &str) -> Option<Vhost> {
    if unfit(test) {
        return None;
    }
    let Some(access) = shared_broker() else {
        return skipped(test);
    };
    record(test, Outcome::Ran);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("{test}-{}-{number}", std::process::id());
    let made = access.management().add_vhost(&name, &access.user);
    Some(Vhost { access: access.clone(), name: must(made.map(|()| name), "make a vhost") })
}

/// A broker of the test's own, for what would disturb the others: outages, odd settings, measurements.
///
/// # Panics
///
/// When `CI` is `true` and there is no `rabbitmq-server`; when it does not start.
#[must_use]
pub fn private_broker(test: &str, config: &RabbitConfig) -> Option<PrivateBroker> {
    if unfit(test) {
        return None;
    }
    let Some(server) = must(provision::rabbitmq_server(), "find a broker") else {
        return skipped(test);
    };
    record(test, Outcome::Ran);
    Some(must(PrivateBroker::start_from(&server, config), "start a broker"))
}

/// A folder for files that a private broker reads: it sees them under the same path.
///
/// # Panics
///
/// When it cannot be made.
#[must_use]
pub fn broker_folder() -> TempDir {
    let server = must(provision::rabbitmq_server(), "find a broker");
    let folder = server.map_or_else(std::env::temp_dir, |server| server.temporary());
    must(TempDir::with_prefix_in("zero-files-", folder).map_err(Into::into), "make a folder")
}

/// The broker that the tests of this process share, if there is one.
///
/// # Panics
///
/// When there is one and it does not start.
#[must_use]
pub fn shared_broker() -> Option<&'static Access> {
    let shared = SHARED.get_or_init(|| {
        if let Some(access) = given() {
            return Some(Shared { access, _node: None });
        }
        let server = must(provision::rabbitmq_server(), "find a broker")?;
        let node = PrivateBroker::start_from(&server, &RabbitConfig::default());
        let node = must(node, "start the shared broker");
        Some(Shared { access: node.access().clone(), _node: Some(node) })
    });
    shared.as_ref().map(|shared| &shared.access)
}

/// Where a binary of the product is, when this run has built it.
#[must_use]
pub fn binary(name: &str) -> Option<PathBuf> {
    built(env::BIN_DIR, name)
}

/// Where a stand-in prover is, when this run has built it.
#[must_use]
pub fn stand_in(name: &str) -> Option<PathBuf> {
    built(env::STAND_IN_DIR, name)
}

/// The variables that tell tests of a broker.
#[must_use]
pub fn broker_variables(access: &Access) -> [(&'static str, &str); 5] {
    [
        (env::AMQP, &access.amqp),
        (env::MANAGEMENT, &access.management_url),
        (env::METRICS, &access.metrics_url),
        (env::USER, &access.user),
        (env::PASSWORD, &access.password),
    ]
}

fn given() -> Option<Access> {
    let read = |name: &str| std::env::var(name).ok();
    Some(Access {
        amqp: read(env::AMQP)?,
        management_url: read(env::MANAGEMENT)?,
        metrics_url: read(env::METRICS)?,
        user: read(env::USER)?,
        password: read(env::PASSWORD)?,
    })
}

fn built(directory: &str, name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(directory)?).join(name);
    path.is_file().then_some(path)
}

/// Puts on record, loudly, that a test cannot be run on this machine.
pub fn spared(test: &str, why: &str) {
    record(test, Outcome::Unfit);
    say(&format!("NOT HERE {}: {why}", path(test)));
}

fn skipped<T>(test: &str) -> Option<T> {
    record(test, Outcome::Skipped);
    let (series, test) = (series(), path(test));
    let why = format!(
        "SKIPPED {test}: there is no rabbitmq-server {series} (`cargo xtask test` and `cargo xtask matrix` install it)"
    );
    // Written past the test runner, which keeps the output of passed tests to itself.
    say(&why);
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    None
}

/// Whether the series spares this test; says so and takes it down.
fn unfit(test: &str) -> bool {
    let (series, path) = (series(), path(test));
    let reason = series.unfit(&path);
    if let Some(reason) = reason {
        record(test, Outcome::Unfit);
        say(&format!("NOT FOR {series} {path}: {reason}"));
    }
    reason.is_some()
}

/// The series of RabbitMQ that this run is about.
///
/// # Panics
///
/// When the environment names one that is not known.
#[must_use]
pub fn series() -> Series {
    must(provision::chosen_series(), "choose a series of RabbitMQ")
}

/// The test's path in its binary: the test runner gives its name to the thread that runs it.
fn path(test: &str) -> String {
    let thread = std::thread::current();
    let path = thread.name().filter(|name| name.contains("::"));
    path.unwrap_or(test).to_owned()
}

fn record(test: &str, outcome: Outcome) {
    let noted = ledger::record(&path(test), outcome);
    must(noted.map_err(Into::into), "write the ledger of broker tests");
}

#[expect(clippy::panic, reason = "a broker that is there and fails is a failed test")]
fn must<T>(outcome: anyhow::Result<T>, act: &str) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("could not {act}: {error:#}"),
    }
}

/// Writes one line past the test runner, which keeps the output of passed tests to itself.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
