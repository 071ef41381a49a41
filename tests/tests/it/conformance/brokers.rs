//! The scaler's own configuration: several brokers, `--check`, `--version`.

use std::path::Path;

use tests::access::Access;
use tests::amqp::Amqp;
use tests::harness;
use tests::keda::{KedaClient, scaled_object};
use tests::rabbitmq::RabbitConfig;
use tests::scaler::{Launch, RunningScaler, Until};
use tonic::Code;

use super::{NAMESPACE, reads, refused};

/// One entry of the configuration file.
fn entry(alias: &str, access: &Access, vhost: &str) -> String {
    let (uri, url) = (access.amqp_uri(vhost), &access.management_url);
    format!("  {alias}:\n    amqpUri: '{uri}'\n    managementUrl: '{url}'\n")
}

fn config(folder: &Path, entries: &[String]) -> std::path::PathBuf {
    let path = folder.join("brokers.yaml");
    std::fs::write(&path, format!("brokers:\n{}", entries.concat())).unwrap();
    path
}

async fn fill(uri: &str, messages: usize) {
    let amqp = Amqp::connect(uri).await.unwrap();
    amqp.paladin_queue("proof-1").await.unwrap();
    amqp.publish("proof-1", messages).await.unwrap();
    amqp.close().await.unwrap();
}

/// Two aliases for two vhosts, and two brokers in one scaler: each trigger gets the numbers of the
/// broker it names.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn several_brokers_in_one_scaler_are_told_apart_by_alias() {
    let test = "several_brokers";
    let (Some(one), Some(two)) = (harness::vhost(test), harness::vhost(test)) else { return };
    let Some(other) = harness::private_broker(test, &RabbitConfig::default()) else { return };
    fill(&one.amqp_uri(), 1).await;
    fill(&two.amqp_uri(), 2).await;
    fill(&other.amqp_uri("/"), 4).await;
    let folder = tempfile::tempdir().unwrap();
    let path = config(
        folder.path(),
        &[
            entry("default", one.access(), one.name()),
            entry("second", two.access(), two.name()),
            entry("far", other.access(), "/"),
        ],
    );
    let scaler = RunningScaler::start(["--config".as_ref(), path.as_os_str()]).unwrap();
    let keda = KedaClient::connect(scaler.grpc()).await.unwrap();
    for (metadata, value) in [
        (&[("vhost", one.name())][..], 1.0),
        (&[("vhost", two.name()), ("broker", "second")], 2.0),
        (&[("vhost", one.name()), ("broker", "second")], 1.0),
        (&[("broker", "far")], 4.0),
    ] {
        reads(&keda, &scaled_object(NAMESPACE, "workers", metadata), value).await;
    }
    let unknown = scaled_object(NAMESPACE, "workers", &[("broker", "near")]);
    let words = refused(&keda, &unknown, Code::InvalidArgument).await;
    assert!(words.contains("known are `default`, `far`, `second`"), "{words}");

    drop(other);
    let far = scaled_object(NAMESPACE, "workers", &[("broker", "far")]);
    let near = scaled_object(NAMESPACE, "workers", &[("vhost", one.name())]);
    // One broker's end is not another's trouble.
    let told = tests::poll::until("the end of a broker to be told", super::LIMIT, async || {
        let status = scaler.status().unwrap();
        let brokers = status["brokers"].as_array().unwrap();
        let far = brokers.iter().find(|broker| broker["alias"] == "far").unwrap();
        if far["reachable"] == false { Ok(()) } else { Err(far["reachable"].to_string()) }
    });
    told.await.unwrap();
    reads(&keda, &near, 1.0).await;
    assert!(keda.metric_spec(&far).await.is_ok());
}

/// `--check` says that a good configuration is good.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn check_accepts_a_good_configuration() {
    let Some(vhost) = harness::vhost("check_good") else { return };
    fill(&vhost.amqp_uri(), 1).await;
    let access = vhost.access();
    let launch = Launch::new().broker(access, vhost.name()).args(["--check"]);
    for launch in [launch.clone(), launch.args(["--metrics-url", &access.metrics_url])] {
        let output = launch.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!("1 queues in vhost `{}`", vhost.name())), "{said}");
    }
}

/// `--check` asks a scaler that runs whether it is ready, and says what it answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn check_asks_a_scaler_that_runs() {
    let Some(vhost) = harness::vhost("check_scaler") else { return };
    let access = vhost.access();
    let launch = Launch::new().broker(access, vhost.name());
    let check = |http: &str| {
        let url = format!("http://{http}");
        let asked =
            launch.clone().args(["--check", "--check-scaler", &url, "--read-timeout", "5s"]);
        let output = asked.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = check("127.0.0.1:1");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the scaler: no answer from `http://127.0.0.1:1"), "{said}");

    // It has never read its broker, so it is not ready.
    let nowhere = Access { management_url: "http://127.0.0.1:1".to_owned(), ..access.clone() };
    let far = Launch::new().broker(&nowhere, vhost.name()).until(Until::Listening);
    let far = far.args(["--max-age", "10m"]).start().unwrap();
    let (code, said) = check(&far.http().to_string());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("answered 503: not ready: "), "{said}");

    let near = launch.start().unwrap();
    let (code, said) = check(&near.http().to_string());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is ready"), "{said}");
}

/// `--check` says what is wrong, of each broker, and where.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn check_says_everything_that_is_wrong() {
    let Some(vhost) = harness::vhost("check_bad") else { return };
    let access = vhost.access();
    let wrong = Access { password: "wrong".to_owned(), ..access.clone() };
    let nowhere = Access { management_url: "http://127.0.0.1:1".to_owned(), ..access.clone() };
    let amqp_only = Access { amqp: "127.0.0.1:1".to_owned(), ..access.clone() };
    let folder = tempfile::tempdir().unwrap();
    let path = config(
        folder.path(),
        &[
            entry("good", access, vhost.name()),
            entry("password", &wrong, vhost.name()),
            entry("vhost", access, "no-such-vhost"),
            entry("nowhere", &nowhere, vhost.name()),
            entry("amqp", &amqp_only, vhost.name()),
        ],
    );
    let output = Launch::new().args(["--config".as_ref(), path.as_os_str()]).args(["--check"]);
    let output = output.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for (alias, words) in
        [("password", "401"), ("vhost", "404"), ("nowhere", "127.0.0.1:1"), ("amqp", "AMQP")]
    {
        let mark = format!("broker `{alias}`: ");
        let line = said.lines().rev().find(|line| line.contains(&mark));
        assert!(line.is_some_and(|line| line.contains(words)), "{alias}: {said}");
    }

    for (args, words) in [
        (&["--amqp-uri", "amqp://h"][..], "no management address"),
        (&["--amqp-uri", "http://h", "--management-url", "http://h"], "scheme is `http`"),
        (&["--config", "/nowhere.yaml"], "/nowhere.yaml"),
    ] {
        let output = Launch::new().args(args).args(["--check"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(words), "{said}");
    }
    let output = Launch::new().args(["--colour"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// `--version` prints version and commit, as the status does.
#[test]
fn version_prints_version_and_commit() {
    let output = Launch::new().args(["--version"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let mut words = said.split_whitespace();
    assert!(output.status.success());
    assert_eq!(words.next(), Some("zero-scaler"));
    assert_eq!(words.next(), Some(env!("CARGO_PKG_VERSION")));
    let commit = words.next().unwrap();
    let inner = commit.trim_start_matches('(').trim_end_matches(')');
    let is_hex = inner.len() >= 7 && inner.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(is_hex || inner == "unknown", "{said}");
}
