//! TLS on the gRPC port: whom the scaler serves, whom it refuses, and what happens when its files change.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tests::keda::{KedaClient, scaled_object};
use tests::poll;
use tests::scaler::{Launch, Until};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::bench::{Bench, GOOD, good};
use crate::certificates::{Authority, MountedSecret, Pair};

/// As a user writes it in `scalerAddress`, and as the certificate must name it.
const NAME: &str = "zero-scaler.zero.svc";
/// How soon changed files count: they are looked at every two seconds.
const RELOADED: Duration = Duration::from_secs(15);

/// A scaler that serves by this key pair, and the folder that holds it.
struct Secured {
    bench: Bench,
    secret: MountedSecret,
}

fn files<'a>(pair: &'a Pair, client_ca: &'a str) -> [(&'static str, &'a str); 3] {
    [("tls.crt", &pair.cert), ("tls.key", &pair.key), ("ca.crt", client_ca)]
}

/// `client_ca`: callers must show a certificate of one of these.
async fn secured(pair: &Pair, client_ca: Option<&str>) -> Secured {
    let secret = MountedSecret::new(&files(pair, client_ca.unwrap_or_default()));
    let [cert, key, ca] = ["tls.crt", "tls.key", "ca.crt"].map(|name| secret.path(name));
    let asked = |launch: Launch| {
        let launch = launch.args(["--grpc-tls-cert".as_ref(), cert.as_os_str()]);
        let launch = launch.args(["--grpc-tls-key".as_ref(), key.as_os_str()]);
        match client_ca {
            None => launch,
            Some(_) => launch.args(["--grpc-tls-client-ca".as_ref(), ca.as_os_str()]),
        }
    };
    let bench = Bench::start_with(vec![("one", good())], asked).await;
    Secured { bench, secret }
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name(NAME)
}

impl Secured {
    /// Connects and asks as KEDA does; an error tells why not.
    async fn ask(&self, tls: ClientTlsConfig) -> Result<f64, String> {
        asked(&self.connect(tls).await?).await
    }

    async fn connect(&self, tls: ClientTlsConfig) -> Result<KedaClient, String> {
        let endpoint =
            Endpoint::from_shared(format!("https://{}", self.bench.scaler.grpc())).unwrap();
        let endpoint = endpoint.tls_config(tls).unwrap();
        let connected = timeout(Duration::from_secs(10), endpoint.connect()).await;
        let connected = connected.map_err(|_| "no connection within 10 s")?;
        let channel = connected.map_err(|error| format!("{error:?}"))?;
        Ok(KedaClient::over(channel))
    }

    async fn refuses(&self, tls: ClientTlsConfig, words: &str) {
        let error = self.ask(tls).await.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

async fn asked(client: &KedaClient) -> Result<f64, String> {
    let object = scaled_object("ns", "one", &[("broker", "one")]);
    client.metrics(&object).await.map(|value| value.float).map_err(|status| format!("{status:?}"))
}

/// Conformance 34: a caller that trusts the authority of the certificate (`caCert`) is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_trusts_the_authority_is_served() {
    let authority = Authority::new("ours");
    let secured = secured(&authority.server(&[NAME, "127.0.0.1"]), None).await;
    assert_eq!(secured.ask(trusting(&authority)).await, Ok(GOOD));
    let by_address = trusting(&authority).domain_name("127.0.0.1");
    assert_eq!(secured.ask(by_address).await, Ok(GOOD));
}

/// Conformance 34: a wrong authority, a wrong name and an expired certificate are refused by the caller.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_another_authority_or_name_or_time_is_refused() {
    let authority = Authority::new("ours");
    let good = secured(&authority.server(&[NAME]), None).await;
    good.refuses(trusting(&Authority::new("another")), "UnknownIssuer").await;
    good.refuses(trusting(&authority).domain_name("zero-scaler"), "NotValidForName").await;
    let expired = secured(&authority.expired(&[NAME]), None).await;
    expired.refuses(trusting(&authority), "Expired").await;
    assert_eq!(good.ask(trusting(&authority)).await, Ok(GOOD));
}

/// Conformance 34: with authorities of callers given, only callers with their certificates are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_authorities_of_callers_only_their_callers_are_served() {
    let (authority, callers) = (Authority::new("ours"), Authority::new("callers"));
    let secured = secured(&authority.server(&[NAME]), Some(&callers.pem())).await;
    let with = |pair: Pair| trusting(&authority).identity(Identity::from_pem(pair.cert, pair.key));
    assert_eq!(secured.ask(with(callers.client("keda"))).await, Ok(GOOD));
    for (caller, tls) in [
        ("without a certificate", trusting(&authority)),
        ("of another authority", with(Authority::new("another").client("keda"))),
        ("of the server's authority", with(authority.client("keda"))),
        ("expired", with(callers.expired_client("keda"))),
        ("with a server's certificate", with(callers.server(&["keda"]))),
    ] {
        let outcome = secured.ask(tls).await;
        assert!(outcome.is_err(), "a caller {caller} was served");
    }
    assert!(secured.bench.scaler.log().contains("a TLS handshake on the gRPC port failed"));
}

/// The handshake alone, in one version and with these protocols: what was agreed on.
async fn handshake(
    secured: &Secured,
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
    protocols: &[&[u8]],
) -> Result<(Option<ProtocolVersion>, Option<Vec<u8>>), String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[version]).unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let tcp = TcpStream::connect(secured.bench.scaler.grpc()).await.unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let (_, session) = stream.get_ref();
    Ok((session.protocol_version(), session.alpn_protocol().map(<[u8]>::to_vec)))
}

/// Conformance 34: TLS 1.2 and 1.3, and HTTP/2 agreed on by ALPN.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_1_2_and_1_3_agree_on_h2() {
    let authority = Authority::new("ours");
    let secured = secured(&authority.server(&[NAME]), None).await;
    let h2 = Some(b"h2".to_vec());
    let old = handshake(&secured, &authority, &rustls::version::TLS12, &[b"h2"]).await;
    assert_eq!(old, Ok((Some(ProtocolVersion::TLSv1_2), h2.clone())));
    let new = handshake(&secured, &authority, &rustls::version::TLS13, &[b"http/1.1", b"h2"]).await;
    assert_eq!(new, Ok((Some(ProtocolVersion::TLSv1_3), h2)));
    let web = handshake(&secured, &authority, &rustls::version::TLS13, &[b"http/1.1"]).await;
    assert!(web.unwrap_err().contains("NoApplicationProtocol"));
}

/// Conformance 33: plaintext to a TLS port is closed cleanly, peers that never finish a handshake disturb nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plaintext_to_the_tls_port_is_closed_and_silent_peers_disturb_nobody() {
    let authority = Authority::new("ours");
    let secured = secured(&authority.server(&[NAME]), None).await;
    let address = secured.bench.scaler.grpc();
    let plain = KedaClient::connect(address).await;
    let error = match plain {
        Err(error) => format!("{error:#}"),
        Ok(client) => asked(&client).await.unwrap_err(),
    };
    assert!(!error.is_empty());
    let mut silent = Vec::new();
    for _ in 0..200 {
        let connected = timeout(Duration::from_secs(5), TcpStream::connect(address)).await;
        silent.push(connected.expect("connections are taken").unwrap());
    }
    assert_eq!(secured.ask(trusting(&authority)).await, Ok(GOOD));
    assert!(!secured.bench.scaler.log().contains("panic"));
}

/// Conformance 34: new files count without a restart; calls and streams of old connections go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_certificates_count_without_a_restart_and_drop_no_call() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let (old_callers, new_callers) = (Authority::new("old callers"), Authority::new("new callers"));
    let with = |authority: &Authority, callers: &Authority| {
        let pair = callers.client("keda");
        trusting(authority).identity(Identity::from_pem(pair.cert, pair.key))
    };
    let mut secured = secured(&old.server(&[NAME]), Some(&old_callers.pem())).await;
    let before = secured.connect(with(&old, &old_callers)).await.unwrap();
    let object = scaled_object("ns", "one", &[("broker", "one")]);
    let mut stream = before.stream_is_active(&object).await.unwrap();
    assert!(stream.message().await.unwrap().unwrap().result);

    let pair = new.server(&[NAME]);
    secured.secret.replace(&files(&pair, &new_callers.pem()));
    poll::until("the new files to count", RELOADED, async || {
        assert_eq!(asked(&before).await, Ok(GOOD), "a call of an old connection");
        secured.ask(with(&new, &new_callers)).await.map(drop)
    })
    .await
    .unwrap();
    secured.refuses(with(&old, &new_callers), "UnknownIssuer").await;
    assert!(secured.ask(with(&new, &old_callers)).await.is_err(), "an old caller was served");
    assert_eq!(asked(&before).await, Ok(GOOD));
    let open = timeout(Duration::from_millis(200), stream.message()).await;
    assert!(open.is_err(), "the stream ended: {open:?}");
}

/// Conformance 34: new files that cannot be used change nothing but the log, and good ones count again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_new_files_leave_the_old_ones_in_use() {
    let (authority, later) = (Authority::new("ours"), Authority::new("later"));
    let mut secured = secured(&authority.server(&[NAME]), None).await;
    let (pair, other) = (authority.server(&[NAME]), authority.server(&[NAME]));
    let bad = [
        ("cannot use the certificate", Pair { cert: pair.cert.clone(), key: other.key }),
        ("no private key", Pair { cert: pair.cert, key: String::new() }),
    ];
    for (words, pair) in bad {
        secured.secret.replace(&files(&pair, ""));
        poll::until("a warning", RELOADED, async || {
            assert_eq!(secured.ask(trusting(&authority)).await, Ok(GOOD));
            let log = secured.bench.scaler.log();
            let warned =
                log.lines().any(|line| line.contains("stay in use") && line.contains(words));
            if warned { Ok(()) } else { Err(log) }
        })
        .await
        .unwrap();
    }
    let pair = later.server(&[NAME]);
    secured.secret.replace(&files(&pair, ""));
    poll::until("good files", RELOADED, async || secured.ask(trusting(&later)).await.map(drop))
        .await
        .unwrap();
    assert!(!secured.bench.scaler.log().contains("PRIVATE KEY"));
}

/// Conformance 34: at the start, files that cannot be used end the process with words that name the file.
#[test]
fn at_the_start_bad_files_end_the_process_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let cert = folder.path().join("tls.crt");
    std::fs::write(&cert, "nothing").unwrap();
    let (cert, key) = (cert.to_str().unwrap(), folder.path().join("tls.key"));
    let key = key.to_str().unwrap();
    let broker = ["--amqp-uri", "amqp://127.0.0.1:1", "--management-url", "http://127.0.0.1:1"];
    let run = |args: &[&str]| {
        let launch = Launch::new().args(broker).args(args).until(Until::Listening);
        let output =
            launch.args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = run(&["--grpc-tls-cert", cert, "--grpc-tls-key", key]);
    assert!(code == Some(1) && words.contains("tls.key"), "{code:?} {words}");
    std::fs::write(key, "nothing").unwrap();
    let (code, words) = run(&["--grpc-tls-cert", cert, "--grpc-tls-key", key]);
    assert!(code == Some(1) && words.contains("tls.crt` holds no certificate"), "{code:?} {words}");
    let (code, words) = run(&["--grpc-tls-cert", cert]);
    assert!(code == Some(2) && words.contains("--grpc-tls-key"), "{code:?} {words}");
}
