//! TLS towards the broker, AMQP and management API alike, with a real broker that asks for it.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::rabbitmq::{PrivateBroker, RabbitConfig};
use tests::scaler::Launch;
use tokio::task::block_in_place;

use crate::certificates::{Authority, Pair};

/// The name of its Service, where it has one.
pub(crate) const SERVICE: &str = "secured";

/// A broker that takes TLS from clients with a certificate, and where.
pub(crate) struct Secured {
    pub(crate) broker: PrivateBroker,
    pub(crate) amqps: u16,
    pub(crate) https: u16,
    folder: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The key is written in a file of its own, readable like the rest.
pub(crate) fn write(folder: &Path, name: &str, pair: &Pair) -> [PathBuf; 2] {
    let paths = ["crt", "key"].map(|kind| folder.join(format!("{name}.{kind}")));
    std::fs::write(&paths[0], &pair.cert).unwrap();
    std::fs::write(&paths[1], &pair.key).unwrap();
    paths
}

impl Secured {
    pub(crate) fn start(test: &str, authority: &Authority) -> Option<Self> {
        Self::configured(test, authority, RabbitConfig::default())
    }

    /// With what else it is to be.
    pub(crate) fn configured(
        test: &str,
        authority: &Authority,
        config: RabbitConfig,
    ) -> Option<Self> {
        let folder = harness::broker_folder();
        let ca = folder.path().join("ca.crt");
        std::fs::write(&ca, authority.pem()).unwrap();
        let [cert, key] =
            write(folder.path(), "server", &authority.server(&["localhost", "127.0.0.1", SERVICE]));
        let (amqps, https) = (free_port(), free_port());
        let mut extra_conf = format!(
            "listeners.ssl.default = 127.0.0.1:{amqps}\nmanagement.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {https}\n"
        );
        for section in ["ssl_options", "management.ssl"] {
            for (name, path) in [("cacertfile", &ca), ("certfile", &cert), ("keyfile", &key)] {
                writeln!(extra_conf, "{section}.{name} = {}", path.display()).unwrap();
            }
            writeln!(extra_conf, "{section}.verify = verify_peer").unwrap();
            writeln!(extra_conf, "{section}.fail_if_no_peer_cert = true").unwrap();
        }
        extra_conf += &config.extra_conf;
        let config = RabbitConfig { extra_conf, ..config };
        let broker = harness::private_broker(test, &config)?;
        Some(Self { broker, amqps, https, folder })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A pair of files in its folder.
    pub(crate) fn pair(&self, name: &str, pair: &Pair) -> [PathBuf; 2] {
        write(self.folder.path(), name, pair)
    }

    /// A scaler that reaches it over TLS alone.
    fn launch(&self, ca: Option<&Path>, client: Option<&[PathBuf; 2]>) -> Launch {
        let (user, password) = (self.broker.user(), self.broker.password());
        let amqp = format!("amqps://{user}:{password}@localhost:{}/", self.amqps);
        let management = format!("https://localhost:{}", self.https);
        let mut launch = Launch::new().args(["--amqp-uri", &amqp, "--management-url", &management]);
        if let Some(ca) = ca {
            launch = launch.args(["--ca-file".as_ref(), ca.as_os_str()]);
        }
        if let Some([cert, key]) = client {
            launch = launch.args(["--client-cert-file".as_ref(), cert.as_os_str()]);
            launch = launch.args(["--client-key-file".as_ref(), key.as_os_str()]);
        }
        launch
    }

    /// `--check` reaches management API and AMQP: its exit code and its words.
    fn check(&self, ca: Option<&Path>, client: Option<&[PathBuf; 2]>) -> (Option<i32>, String) {
        let launch = self.launch(ca, client).args(["--check", "--read-timeout", "5s"]);
        let output = launch.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Conformance 34, towards the broker: a custom authority and a client certificate work for AMQP and management
/// API; a wrong authority, a missing and a strange client certificate are refused with words that say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_asks_for_tls_is_read_and_strangers_are_told_why_not() {
    let test = "a_broker_that_asks_for_tls_is_read_and_strangers_are_told_why_not";
    let (authority, stranger) = (Authority::new("the broker's"), Authority::new("a stranger's"));
    let Some(secured) = block_in_place(|| Secured::start(test, &authority)) else {
        return;
    };
    let ca = secured.file("ca.crt");
    let ours = write(secured.folder.path(), "client", &authority.client("zero-scaler"));
    let (code, words) = block_in_place(|| secured.check(Some(&ca), Some(&ours)));
    assert_eq!(code, Some(0), "{words}");

    let other = secured.file("other.crt");
    std::fs::write(&other, stranger.pem()).unwrap();
    let theirs = write(secured.folder.path(), "stranger", &stranger.client("zero-scaler"));
    for (ca, client, expected) in [
        (Some(&*other), Some(&ours), "UnknownIssuer"),
        (None, Some(&ours), "UnknownIssuer"),
        (Some(&*ca), None, "ertificate"),
        (Some(&*ca), Some(&theirs), "lert"),
    ] {
        let (code, words) = block_in_place(|| secured.check(ca, client));
        assert!(code == Some(1) && words.contains(expected), "not `{expected}`: {code:?} {words}");
        assert!(!words.contains(secured.broker.password()), "{words}");
    }

    let scaler = block_in_place(|| secured.launch(Some(&ca), Some(&ours)).start()).unwrap();
    let client = KedaClient::connect(scaler.grpc()).await.unwrap();
    let object = scaled_object("ns", "so", &[]);
    let value = poll::until("a number", std::time::Duration::from_secs(10), async || {
        client.metrics(&object).await.map(|value| value.float)
    });
    assert_eq!(value.await.unwrap(), 0.0, "the broker is empty, and known to be");
}

/// Conformance 34, towards the broker: files that are no certificates are refused at the start, by name.
#[test]
fn files_that_are_no_certificates_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
        .unwrap();
    let broker = ["--amqp-uri", "amqps://localhost:1", "--management-url", "https://localhost:1"];
    let run = |args: [&str; 2]| {
        let output = Launch::new().args(broker).args(args).args(["--check"]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = run(["--ca-file", file.to_str().unwrap()]);
    assert!(code == Some(1) && words.contains("TLS material"), "{code:?} {words}");
    let (code, words) = run(["--ca-file", "missing.crt"]);
    assert!(code == Some(1) && words.contains("missing.crt"), "{code:?} {words}");
    let (code, words) = run(["--client-cert-file", file.to_str().unwrap()]);
    assert!(code == Some(1) && words.contains("needs its key"), "{code:?} {words}");
}
