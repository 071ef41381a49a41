//! Who the gateway is to the broker, by password and by certificate; and what it says when it is not let
//! in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use amqp_admin::{Endpoint, Tls, VhostName};
use amqp_gateway::{Config, QueuePolicy};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use rustix::process::Signal;
use serde_json::json;
use tests::amqp::Amqp;
use tests::harness;
use tests::rabbitmq::RabbitConfig;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::Behind;
use crate::certificates::Authority;
use crate::conformance::broker_tls::Secured;
use crate::host::Host;
use crate::stand_in::{Reached as _, V07, VERIFIED};
use crate::wire::{Way, Wire};

/// A block of four transactions.
const BLOCK: u64 = 5;
const USER: &str = "zero-client";

/// A broker that also takes a certificate for a user.
fn secured(test: &str, authority: &Authority) -> Option<Secured> {
    let config = RabbitConfig {
        extra_plugins: vec!["rabbitmq_auth_mechanism_ssl".to_owned()],
        extra_conf: "auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = EXTERNAL\n\
                     ssl_cert_login_from = common_name\n"
            .to_owned(),
        ..RabbitConfig::default()
    };
    block_in_place(|| Secured::configured(test, authority, config))
}

/// `zero-worker` with a stand-in worker, and with these files of certificates.
fn host(uri: &str, ca: Option<&Path>, client: Option<&[PathBuf; 2]>, home: &Path) -> Host {
    let program = V07.path("worker");
    let command = [program.to_str().unwrap(), "--runtime=amqp", "--stand-in-ms-per-txn", "1"];
    let mut options = vec!["--queue-policy", "durable", "--restart-pause", "10ms"];
    let files = [
        ("--ca-file", ca),
        ("--client-cert-file", client.map(|[cert, _]| &**cert)),
        ("--client-key-file", client.map(|[_, key]| &**key)),
    ];
    for (option, file) in files {
        options.extend(file.into_iter().flat_map(|file| [option, file.to_str().unwrap()]));
    }
    Host::start("host", uri, &options, &command, home)
}

/// Ends it, and gives what it has said when these words are there.
async fn says(mut host: Host, words: &[&str]) -> String {
    for words in words {
        host.says(words).await;
    }
    host.signal(Signal::TERM);
    host.ended().await;
    host.log()
}

fn config(secured: &Secured, client: &[PathBuf; 2], port: u16) -> Config {
    let (user, password) = (secured.broker.user(), secured.broker.password());
    let uri = format!("amqps://{user}:{password}@localhost:{port}");
    let tls = Tls::from_files(Some(&secured.file("ca.crt")), Some(&client[0]), Some(&client[1]));
    let endpoint = Endpoint::amqp(&uri).unwrap().with_tls(tls.unwrap());
    let policy = QueuePolicy::Durable;
    Config { policy, ..Config::new(vec![endpoint], VhostName::new("/").unwrap()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_made_over_tls_by_who_has_a_certificate_and_no_other_is_let_in() {
    let (authority, stranger) = (Authority::new("the broker's"), Authority::new("a stranger's"));
    let Some(secured) = secured("gateway_tls", &authority) else { return };
    let (user, password) = (secured.broker.user(), secured.broker.password().to_owned());
    let at = format!("localhost:{}", secured.amqps);
    let uri = format!("amqps://{user}:{password}@{at}/%2F");
    let ca = secured.file("ca.crt");
    let ours = secured.pair("client", &authority.client(USER));
    let other_ca = secured.file("other.crt");
    std::fs::write(&other_ca, stranger.pem()).unwrap();
    let theirs = secured.pair("stranger", &stranger.client(USER));
    for (ca, client, expected) in [
        (Some(&*other_ca), Some(&ours), "UnknownIssuer"),
        (None, Some(&ours), "UnknownIssuer"),
        (Some(&*ca), None, "ertificate"),
        (Some(&*ca), Some(&theirs), "alert"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let refused = host(&uri, ca, client, home.path());
        let log = says(refused, &[&at, expected, "check the CA, the client's certificate"]).await;
        assert!(!log.contains(&password), "{log}");
    }
    let home = tempfile::tempdir().unwrap();
    let lead = Behind::start(config(&secured, &ours, secured.amqps)).await;
    let worker = host(&uri, Some(&ca), Some(&ours), home.path());
    let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
    assert!(leader.ended().await.success(), "{} {}", leader.errors(), worker.log());
    assert!(V07.verified(BLOCK, home.path()).contains(VERIFIED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_alone_says_who_the_gateway_is() {
    let authority = Authority::new("the broker's");
    let Some(secured) = secured("gateway_external", &authority) else { return };
    let ours = secured.pair("client", &authority.client(USER));
    let uri = format!("amqps://localhost:{}/%2F", secured.amqps);
    let ca = secured.file("ca.crt");
    let home = tempfile::tempdir().unwrap();
    let unknown = host(&uri, Some(&ca), Some(&ours), home.path());
    says(unknown, &["ACCESS_REFUSED", "EXTERNAL", "check the user and the password"]).await;
    let api = secured.broker.access().management();
    api.put(&format!("/api/users/{USER}"), &json!({"password": "unused", "tags": ""})).unwrap();
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    api.put(&format!("/api/permissions/%2F/{USER}"), &all).unwrap();
    let lead = Behind::start(config(&secured, &ours, secured.amqps)).await;
    let worker = host(&uri, Some(&ca), Some(&ours), home.path());
    let mut leader = V07.leader(BLOCK, &[], &lead, home.path());
    assert!(leader.ended().await.success(), "{} {}", leader.errors(), worker.log());
}

#[tokio::test]
async fn wrong_credentials_are_told_with_the_broker_the_cause_and_what_to_do() {
    let Some(vhost) = harness::vhost("wrong_credentials") else { return };
    let home = tempfile::tempdir().unwrap();
    let at = &vhost.access().amqp;
    let uri = format!("amqp://stranger:h1dden@{at}/%2F");
    let refused = host(&uri, None, None, home.path());
    let log = says(refused, &[at, "ACCESS_REFUSED", "check the user and the password"]).await;
    assert!(!log.contains("h1dden"), "{log}");
    let home = tempfile::tempdir().unwrap();
    let uri = vhost.access().amqp_uri("no-such-vhost");
    let (refused, place) =
        (host(&uri, None, None, home.path()), format!("connection to amqp://{at}"));
    let log = says(refused, &[&place, "no-such-vhost", "check the vhost"]).await;
    assert!(!log.contains(&vhost.access().password), "{log}");
}

/// Far more than all buffers between a child and a broker together.
async fn publishes_much(child: &Amqp) {
    let (body, properties) = (vec![7; 1 << 20], BasicProperties::default());
    for _ in 0..100 {
        let (options, properties) = (BasicPublishOptions::default(), properties.clone());
        let sent =
            child.channel().basic_publish("".into(), "plain".into(), options, &body, properties);
        if sent.await.is_err() {
            break;
        }
    }
    std::future::pending::<()>().await;
}

/// The last word of TLS has to be written too, and nobody takes it.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_comes_though_a_broker_over_tls_does_not_read() {
    let authority = Authority::new("the broker's");
    let Some(secured) = secured("tls_never_reads", &authority) else { return };
    let ours = secured.pair("client", &authority.client(USER));
    let way = Wire::to(&format!("127.0.0.1:{}", secured.amqps)).await;
    let behind = Behind::start(config(&secured, &ours, way.port())).await;
    let child = Amqp::connect(&behind.uri()).await.unwrap();
    child.paladin_queue("plain").await.unwrap();
    way.stop(Way::ToServer);
    let end = async move {
        behind.tells("some of it", |told| told.counters.bytes_from_child > 1 << 20).await;
        let drained = timeout(Duration::from_secs(1), behind.gateway.drain()).await;
        assert!(drained.is_err(), "it cannot have drained");
        // Twice as long as the gateway waits for last words.
        timeout(Duration::from_secs(10), behind.gateway.close()).await.expect("it is closed");
    };
    tokio::select! {
        () = end => {}
        () = publishes_much(&child) => {}
    }
}
